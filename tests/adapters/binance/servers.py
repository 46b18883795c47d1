"""Servers on real ports, each in a thread of its own: the simulator, and one that misbehaves as told."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from aiohttp import WSMsgType, web

from tests.kit.loops import LoopThread
from vortex.sim.server.app import SimServer
from vortex.sim.server.options import SimOptions

TIMEOUT_S = 40.0
MARKET = ("btcusdt_20240808.gz", "ETHUSDT,SOLUSDT=ethusdt_20240808.gz")
T = TypeVar("T")
Answer: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Simulator:
    """One exchange that can be stopped and started again on the same port."""

    def __init__(self, markets: tuple[str, ...] = MARKET, speed: float = 1.0) -> None:
        self._thread = LoopThread()
        self._markets, self._speed = markets, speed
        self._server: SimServer | None = None
        self.port = 0
        self.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        self._server = self._thread.run(self._start())
        self.port = int(self._server.url.rpartition(":")[2])

    def stop(self) -> None:
        if self._server is not None:
            self._thread.run(self._stop(self._server))
            self._server = None

    def close(self) -> None:
        self.stop()
        self._thread.close()

    def do(self, action: Callable[[SimServer], T]) -> T:
        """Do something inside the exchange."""
        server = self._server
        assert server is not None

        async def act() -> T:
            return action(server)

        return self._thread.run(act())

    def unknown_paths(self) -> dict[str, int]:
        assert self._server is not None
        return dict(self._server.venue.usage.unknown)

    async def _stop(self, server: SimServer) -> None:
        await server.stop()

    async def _start(self) -> SimServer:
        server = SimServer(SimOptions(markets=self._markets, port=self.port, speed=self._speed))
        await server.start()
        return server


class ScriptedServer:
    """Answers HTTP as `answer` says, accepts every stream and sends on them what a test pushes."""

    def __init__(self) -> None:
        self._thread = LoopThread()
        self._sockets: dict[web.WebSocketResponse, str] = {}
        self._changed = threading.Condition()
        self.answer: Answer | None = None
        self.pongs = True
        self.opened: list[str] = []
        self.closed = 0
        self.asked: list[str] = []
        self._door = asyncio.Event()
        self._door.set()
        self.commands: list[str] = []
        self._runner = self._thread.run(self._start())
        self.port = int(self._runner.addresses[0][1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def push(self, frame: str, route: str = "/") -> None:
        """Send a frame on every open stream whose path begins so."""
        self._thread.run(self.tell(frame, route))

    async def tell(self, frame: str, route: str = "/") -> None:
        """The same out of an answer."""
        for socket in [socket for socket, path in self._sockets.items() if path.startswith(route)]:
            with contextlib.suppress(ConnectionError):  # the client may just be leaving
                await socket.send_str(frame)

    def drop(self) -> None:
        """Cut every stream."""

        async def cut() -> None:
            for socket in tuple(self._sockets):
                await socket.close(code=1001)

        self._thread.run(cut())

    def hold(self) -> None:
        """Answer no stream's handshake until `release`."""
        self._door.clear()

    def release(self) -> None:
        async def open_door() -> None:
            self._door.set()

        self._thread.run(open_door())

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until streams or commands are as the test needs them."""
        with self._changed:
            assert self._changed.wait_for(condition, TIMEOUT_S), (self.opened, self.commands)

    def close(self) -> None:
        self._thread.run(self._stop())
        self._thread.close()

    async def _start(self) -> web.AppRunner:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        return runner

    async def _stop(self) -> None:
        await self._runner.cleanup()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self._note(self.asked, request.path_qs)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self._stream(request)
        if self.answer is None:
            return web.json_response({"code": -5000, "msg": "no script"}, status=404)
        return await self.answer(request)

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        await self._door.wait()
        socket = web.WebSocketResponse(autoping=self.pongs)
        await socket.prepare(request)
        self._sockets[socket] = request.path
        self._note(self.opened, request.path_qs)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                self._note(self.commands, message.data)
        del self._sockets[socket]
        with self._changed:
            self.closed += 1
            self._changed.notify_all()
        return socket

    def _note(self, notes: list[str], text: str) -> None:
        with self._changed:
            notes.append(text)
            self._changed.notify_all()
