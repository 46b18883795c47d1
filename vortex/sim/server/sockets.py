"""Open sockets: bounded buffers that a slow reader cannot fill without end, pings, and the end after a day."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus

from aiohttp import WSCloseCode, WSMessage, WSMsgType, web
from loguru import logger

from vortex.sim.server.clock import SimClock
from vortex.sim.server.delivery import reset
from vortex.sim.server.lines import Line, Lines, Route
from vortex.sim.server.text import to_json

MAX_WAITING = 4_096
"""Frames a client may be behind: some seconds of 20 symbols."""

PING_S = 180.0
"""Real seconds between the server's pings, as on the real exchange."""

PONG_S = 600.0
"""Real seconds without a pong after which it disconnects."""

LIFE_MS = 86_400_000
"""A connection is closed after 24 hours of the exchange's clock."""

LOOK_S = 1.0
CLOSE_S = 1.0
"""Real seconds a client has to answer a close."""


class Outlet:
    """One client's socket behind a bounded buffer: a client that does not keep up is disconnected.

    Attributes:
        combined: True where each frame is wrapped in the name of its stream.
        opened_ms: Exchange time.
        ending: Will be closed in good order.
    """

    def __init__(self, request: web.Request, socket: web.WebSocketResponse, *, opened_ms: int, now_s: float) -> None:
        self._request = request
        self._socket = socket
        self._waiting: deque[tuple[bytes, WSMsgType] | None] = deque()  # None closes the socket when its turn comes
        self._filled = asyncio.Event()
        self._paused = False
        self.ending = False
        self.combined = request.path.endswith("/stream")
        self.opened_ms = opened_ms
        self.pinged_s = self.ponged_s = now_s

    @property
    def name(self) -> str:
        return f"{self._request.path} of {self._request.remote}"

    def push(self, frame: bytes, kind: WSMsgType = WSMsgType.TEXT) -> None:
        if self._paused:
            return
        if len(self._waiting) >= MAX_WAITING:
            logger.warning("{} is {} frames behind: disconnected", self.name, len(self._waiting))
            self._waiting.clear()
            self.abort()
            return
        self._waiting.append((frame, kind))
        self._filled.set()

    def finish(self) -> None:
        """Close in good order after what waits, when it is not paused."""
        self.ending = True
        if not self._paused:
            self._waiting.append(None)
            self._filled.set()

    def abort(self) -> None:
        """Cut the connection."""
        reset(self._request, hard=False)

    def pause(self) -> None:
        """Neither read nor write from now on."""
        self._paused = True
        self._waiting.clear()
        if (transport := self._request.transport) is not None and not transport.is_closing():
            transport.pause_reading()

    def resume(self) -> None:
        self._paused = False
        if (transport := self._request.transport) is not None and not transport.is_closing():
            transport.resume_reading()
        if self.ending:
            self.finish()

    async def write(self) -> None:
        """Send what waits until the socket is closed or this task is cancelled."""
        while not self._socket.closed:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                item = self._waiting.popleft()
                if item is None:
                    await self._socket.close(code=WSCloseCode.OK)
                    return
                try:
                    await self._socket.send_frame(*item)
                except ConnectionError:
                    logger.debug("{} went away", self.name)
                    return

    async def close(self) -> None:
        await self._socket.close(code=WSCloseCode.GOING_AWAY, message=b"server stops")


class Frames:
    """One frame in both forms; it is wrapped once, for whoever reads it so."""

    def __init__(self, stream: str, plain: bytes) -> None:
        self._plain = plain
        self._wrapped = b'{"stream":' + to_json(stream) + b',"data":' + plain + b"}"

    def of(self, outlet: Outlet) -> bytes:
        return self._wrapped if outlet.combined else self._plain


class Sockets:
    """Every open socket of every route."""

    def __init__(self, lines: Lines, clock: SimClock) -> None:
        self._lines = lines
        self._clock = clock
        self._open: set[Outlet] = set()
        self._looked_s = 0.0

    async def serve(
        self, request: web.Request, *, joined: Callable[[Outlet], None], left: Callable[[Outlet], None],
        heard: Callable[[Outlet, str], None],
    ) -> web.StreamResponse:  # fmt: skip
        """Run one client's connection from handshake to close."""
        line = self._lines[Route(request.path.split("/")[1])]
        admitted = await line.admit()
        if not admitted or request.transport is None:  # refused, or it did not wait to be admitted
            return web.Response(status=HTTPStatus.SERVICE_UNAVAILABLE)
        socket = web.WebSocketResponse(timeout=CLOSE_S, autoping=False, compress=False)
        await socket.prepare(request)
        await self._run(request, socket, line, joined, left, heard)
        return socket

    def tick(self, now_ms: int) -> None:
        """Ping, and close what is a day old or answers no ping; looks once a second."""
        now_s = asyncio.get_running_loop().time()
        if now_s - self._looked_s < LOOK_S:
            return
        self._looked_s = now_s
        for outlet in tuple(self._open):
            self._look_at(outlet, now_ms, now_s)

    async def close(self) -> None:
        self._lines.clear()
        await asyncio.gather(*(outlet.close() for outlet in tuple(self._open)))

    async def _run(
        self, request: web.Request, socket: web.WebSocketResponse, line: Line, joined: Callable[[Outlet], None],
        left: Callable[[Outlet], None], heard: Callable[[Outlet, str], None],
    ) -> None:  # fmt: skip
        outlet = Outlet(
            request, socket, opened_ms=self._clock.now_ms(), now_s=asyncio.get_running_loop().time()
        )  # fmt: skip
        writer = asyncio.create_task(outlet.write())
        self._open.add(outlet)
        line.readers.add(outlet)
        joined(outlet)
        try:
            async for message in socket:
                _take(outlet, message, heard)
        finally:
            left(outlet)
            line.readers.discard(outlet)
            self._open.discard(outlet)
            if outlet.ending:  # the writer is saying goodbye
                await asyncio.wait({writer}, timeout=2 * CLOSE_S)
            writer.cancel()

    def _look_at(self, outlet: Outlet, now_ms: int, now_s: float) -> None:
        if now_ms - outlet.opened_ms >= LIFE_MS:
            outlet.opened_ms = now_ms  # once
            outlet.finish()
        elif now_s - outlet.ponged_s > PONG_S:
            outlet.abort()
        elif now_s - outlet.pinged_s >= PING_S:
            outlet.pinged_s = now_s
            outlet.push(str(now_ms).encode(), WSMsgType.PING)


def _take(outlet: Outlet, message: WSMessage, heard: Callable[[Outlet, str], None]) -> None:
    match message.type:
        case WSMsgType.TEXT:
            heard(outlet, message.data)
        case WSMsgType.PING:
            outlet.push(bytes(message.data), WSMsgType.PONG)
        case WSMsgType.PONG:
            outlet.ponged_s = asyncio.get_running_loop().time()
