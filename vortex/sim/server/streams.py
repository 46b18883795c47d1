"""Market streams: which exist, who reads them, and sockets that a slow reader cannot fill without end."""

from __future__ import annotations

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import Any

import orjson
from aiohttp import WSCloseCode, WSMsgType, web
from loguru import logger

from vortex.sim.server.text import to_json

MAX_WAITING = 4_096
"""Frames a client may be behind: some seconds of 20 symbols."""

PING_S = 180.0
"""Real seconds between the server's pings, as on the real exchange."""

CLOSE_S = 1.0
"""Real seconds a client has to answer a close."""

MAX_STREAMS = 200
"""Streams that one connection may carry, as on the real exchange."""


class Route(StrEnum):
    """The two routes of market data; a stream lives on exactly one of them."""

    PUBLIC = "public"
    MARKET = "market"


STREAM_ROUTES = {
    "depth20@100ms": Route.PUBLIC,
    "depth@100ms": Route.PUBLIC,
    "bookTicker": Route.PUBLIC,
    "trade": Route.PUBLIC,
    "aggTrade": Route.MARKET,
    "kline_1m": Route.MARKET,
    "kline_15m": Route.MARKET,
    "markPrice@1s": Route.MARKET,
    "forceOrder": Route.MARKET,
}
ALL_MARKETS = {"!forceOrder@arr": Route.MARKET}
"""Streams of all symbols at once; nobody is liquidated here, so this one is silent."""


class StreamRefused(Exception):  # noqa: N818  # an answer to the client, not a failure of ours
    """A stream that this route does not carry, or one too many."""


def checked_stream(name: str, route: Route) -> str:
    """Return the name, or raise StreamRefused. An unlisted symbol is accepted and stays silent, as on Binance."""
    symbol, _, kind = name.partition("@")
    if not symbol or ALL_MARKETS.get(name, STREAM_ROUTES.get(kind)) is not route:
        raise StreamRefused(f"Invalid request: stream {name} is not served on /{route}")
    return name


class Outlet:
    """One client's socket behind a bounded buffer: a client that does not keep up is disconnected.

    Attributes:
        combined: True where each frame is wrapped in the name of its stream.
    """

    def __init__(self, socket: web.WebSocketResponse, abort: Callable[[], None], name: str, *, combined: bool) -> None:
        self.combined = combined
        self._socket = socket
        self._abort = abort
        self._name = name
        self._waiting: deque[bytes] = deque()
        self._filled = asyncio.Event()

    def push(self, frame: bytes) -> None:
        if len(self._waiting) >= MAX_WAITING:
            logger.warning("{} is {} frames behind: disconnected", self._name, len(self._waiting))
            self._waiting.clear()
            self._abort()
            return
        self._waiting.append(frame)
        self._filled.set()

    async def write(self) -> None:
        """Send what waits until the socket is closed or this task is cancelled."""
        while not self._socket.closed:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                try:
                    await self._socket.send_frame(self._waiting.popleft(), WSMsgType.TEXT)
                except ConnectionError:
                    logger.debug("{} went away", self._name)
                    return

    async def close(self) -> None:
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"server stops")


class Hub:
    """Fans frames out: each is encoded once, whoever reads it, and not at all when nobody does."""

    def __init__(self) -> None:
        self._readers: defaultdict[str, set[Outlet]] = defaultdict(set)

    def wanted(self, stream: str) -> bool:
        return bool(self._readers.get(stream))

    def publish(self, stream: str, data: object) -> None:
        frame = to_json(data)
        wrapped = b'{"stream":' + to_json(stream) + b',"data":' + frame + b"}"
        for outlet in tuple(self._readers[stream]):
            outlet.push(wrapped if outlet.combined else frame)

    def subscribe(self, outlet: Outlet, streams: Iterable[str]) -> None:
        for stream in streams:
            self._readers[stream].add(outlet)

    def unsubscribe(self, outlet: Outlet, streams: Iterable[str]) -> None:
        for stream in streams:
            self._readers[stream].discard(outlet)

    def streams_of(self, outlet: Outlet) -> list[str]:
        return sorted(stream for stream, readers in self._readers.items() if outlet in readers)

    def drop(self, outlet: Outlet) -> None:
        self.unsubscribe(outlet, tuple(self._readers))


class Sockets:
    """Every open socket, so that a stop can close them."""

    def __init__(self) -> None:
        self._open: set[Outlet] = set()

    async def serve(
        self, request: web.Request, *, joined: Callable[[Outlet], None], left: Callable[[Outlet], None],
        heard: Callable[[Outlet, str], None],
    ) -> web.WebSocketResponse:  # fmt: skip
        """Run one client's connection from handshake to close."""
        socket = web.WebSocketResponse(timeout=CLOSE_S, heartbeat=PING_S, compress=False)
        await socket.prepare(request)
        name, combined = f"{request.path} of {request.remote}", request.path.endswith("/stream")
        outlet = Outlet(socket, lambda: _abort(request), name, combined=combined)
        writer = asyncio.create_task(outlet.write())
        self._open.add(outlet)
        joined(outlet)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    heard(outlet, message.data)
        finally:
            left(outlet)
            self._open.discard(outlet)
            writer.cancel()
        return socket

    async def close(self) -> None:
        await asyncio.gather(*(outlet.close() for outlet in tuple(self._open)))


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


class MarketStreams:
    """Both routes of market data, with SUBSCRIBE and UNSUBSCRIBE on a live connection.

    `/stream?streams=a/b` wraps each frame in the name of its stream, `/ws/a/b` does not; a part of a path after `/ws`
    that names no stream means nothing.
    """

    def __init__(self, hub: Hub, sockets: Sockets) -> None:
        self._hub = hub
        self._sockets = sockets

    async def connect(self, request: web.Request, route: Route) -> web.StreamResponse:
        """Raises StreamRefused, before the handshake, when a stream in the address is not of this route."""
        names = [name for name in request.query.get("streams", "").split("/") if name]
        names += [part for part in request.match_info.get("rest", "").split("/") if "@" in part]
        streams = _checked_streams(names, (), route)
        return await self._sockets.serve(
            request,
            joined=lambda outlet: self._hub.subscribe(outlet, streams),
            left=self._hub.drop,
            heard=lambda outlet, text: outlet.push(to_json(self._answer(outlet, text, route))),
        )

    def _answer(self, outlet: Outlet, text: str, route: Route) -> dict[str, Any]:
        try:
            command = orjson.loads(text)
        except orjson.JSONDecodeError:
            return {"error": {"code": 3, "msg": "Invalid JSON"}}
        if not isinstance(command, dict):
            return {"error": {"code": 2, "msg": "Invalid request: not an object"}}
        try:
            return {"result": self._obey(outlet, command, route), "id": command.get("id")}
        except StreamRefused as refusal:
            return {"error": {"code": 2, "msg": str(refusal)}, "id": command.get("id")}

    def _obey(self, outlet: Outlet, command: dict[str, Any], route: Route) -> list[str] | None:
        params = command.get("params") or []
        if not isinstance(params, list):
            raise StreamRefused("Invalid request: params must be a list")
        match command.get("method"):
            case "SUBSCRIBE":
                streams = _checked_streams([str(name) for name in params], self._hub.streams_of(outlet), route)
                self._hub.subscribe(outlet, streams)
            case "UNSUBSCRIBE":
                self._hub.unsubscribe(outlet, [str(name) for name in params])
            case "LIST_SUBSCRIPTIONS":
                return self._hub.streams_of(outlet)
            case method:
                raise StreamRefused(f"Invalid request: unknown method {method}")
        return None


def _checked_streams(names: Iterable[str], held: Iterable[str], route: Route) -> list[str]:
    """Return the names; raises StreamRefused for any of another route, or when they are too many for one connection."""
    streams = [checked_stream(name, route) for name in names]
    if len({*streams, *held}) > MAX_STREAMS:
        raise StreamRefused(f"Invalid request: more than {MAX_STREAMS} streams on one connection")
    return streams
