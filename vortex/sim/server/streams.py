"""Market streams: which exist and who reads them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from aiohttp import web

from vortex.sim.server.lines import Lines, Route
from vortex.sim.server.sockets import Frames, Outlet, Sockets
from vortex.sim.server.text import to_json

MAX_STREAMS = 200
"""Streams that one connection may carry, as on the real exchange."""

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


def route_of(stream: str) -> Route:
    """The route of a stream that was checked."""
    return STREAM_ROUTES[stream.partition("@")[2]]


def checked_stream(name: str, route: Route) -> str:
    """Return the name, or raise StreamRefused. An unlisted symbol is accepted and stays silent, as on Binance."""
    symbol, _, kind = name.partition("@")
    if not symbol or ALL_MARKETS.get(name, STREAM_ROUTES.get(kind)) is not route:
        raise StreamRefused(f"Invalid request: stream {name} is not served on /{route}")
    return name


def answered(text: str, obey: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    """The reply to a command on a live connection; what `obey` returns is its result."""
    try:
        command = orjson.loads(text)
    except orjson.JSONDecodeError:
        return {"error": {"code": 3, "msg": "Invalid JSON"}}
    if not isinstance(command, dict):
        return {"error": {"code": 2, "msg": "Invalid request: not an object"}}
    try:
        return {"result": obey(command), "id": command.get("id")}
    except StreamRefused as refusal:
        return {"error": {"code": 2, "msg": str(refusal)}, "id": command.get("id")}


class Hub:
    """Fans frames out: each is encoded once, whoever reads it, and not at all when nobody does."""

    def __init__(self, lines: Lines) -> None:
        self._lines = lines
        self._readers: defaultdict[str, set[Outlet]] = defaultdict(set)

    def wanted(self, stream: str) -> bool:
        return bool(self._readers.get(stream))

    def publish(self, stream: str, data: object) -> None:
        line = self._lines[route_of(stream)]
        line.carry(stream, to_json(data), lambda frame: self._send(stream, frame))

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

    def _send(self, stream: str, frame: bytes) -> None:
        frames = Frames(stream, frame)
        for outlet in tuple(self._readers[stream]):
            outlet.push(frames.of(outlet))


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
            heard=lambda outlet, text: outlet.push(
                to_json(answered(text, lambda command: self._obey(outlet, command, route)))
            ),
        )

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
