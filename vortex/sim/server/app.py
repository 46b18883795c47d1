"""`vortex sim`: the exchange as a process. Opens its market and state, listens, keeps running, stops."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Coroutine
from functools import partial
from http import HTTPStatus
from typing import Any

import uvloop
from aiohttp import web
from loguru import logger

from vortex.sim.core.market import MarketSource
from vortex.sim.market.live import LiveSource
from vortex.sim.market.sources import open_markets
from vortex.sim.server.clock import SimClock
from vortex.sim.server.control import PREFIX, Control
from vortex.sim.server.keeper import StateKeeper
from vortex.sim.server.options import SimOptions
from vortex.sim.server.peer import Peer, peer_at
from vortex.sim.server.pump import Pump
from vortex.sim.server.relay import Relay, open_live
from vortex.sim.server.rest import Rest, error_json, json_response
from vortex.sim.server.state import Saved
from vortex.sim.server.streams import MarketStreams, Outlet, Route, StreamRefused
from vortex.sim.server.text import to_json
from vortex.sim.server.venue import Venue

READY_TIMEOUT_S = 60.0
PARENT_POLL_S = 0.5
STOP_TIMEOUT_S = 1.0
MOST_AHEAD_MS = 5_000
ANYTHING = "{rest:(?s:.*)}"
"""A path may hold a line break too."""


class SimServer:
    """One exchange on one port. `start` it, read `url`, `watch` it, `stop` it: stopping saves the state.

    Raises:
        ValueError: A source, the speed or the saved state cannot be used.
        OSError, sqlite3.Error: The state file cannot be opened.
    """

    def __init__(self, options: SimOptions) -> None:
        self.options = options
        self._keeper = StateKeeper(options.state)
        saved = self._keeper.load()
        sources, live = _opened(options, saved)
        clock = _clock(options, saved, bound=bool(live))
        self.venue = Venue(options, sources, clock, saved)
        self._relays = [Relay(peer, source, self.venue) for peer, source in live]
        self._keeper.follow(self.venue)
        self._rest = Rest(self.venue)
        self._control = Control(self.venue)
        self._streams = MarketStreams(self.venue.hub, self.venue.sockets)
        self._runner = web.AppRunner(self._app(), access_log=None, shutdown_timeout=STOP_TIMEOUT_S)
        self._tasks: list[asyncio.Task[None]] = []
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://{self.options.host}:{self._port}"

    @property
    def ws_url(self) -> str:
        return f"ws://{self.options.host}:{self._port}"

    async def start(self) -> None:
        """Run the market and listen once every symbol can be traded. Raises OSError when the port is taken."""
        self._spawn(Pump(self.venue).run())
        for relay in self._relays:
            self._spawn(relay.run())
        self._spawn(self._keeper.run(self.venue))
        try:
            async with asyncio.timeout(READY_TIMEOUT_S):
                await self.watch(self.venue.complete)
        except TimeoutError:
            raise OSError(f"a market showed no book and mark price within {READY_TIMEOUT_S:.0f} s") from None
        await self._runner.setup()
        await web.TCPSite(self._runner, self.options.host, self.options.port).start()
        self._port = self._runner.addresses[0][1]

    async def watch(self, event: asyncio.Event) -> None:
        """Wait for the event; a failure of the market or of saving the state is raised here."""
        waiting = asyncio.create_task(event.wait())
        try:
            done, _ = await asyncio.wait([waiting, *self._tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        for task in done - {waiting}:
            task.result()

    async def stop(self) -> None:
        """Close every connection while the world still moves, so that what is under way is answered; then save."""
        await self.venue.sockets.close()
        await self._runner.cleanup()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)  # `watch` has raised what failed
        self._keeper.close(self.venue)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        self._tasks.append(asyncio.create_task(work))

    def _app(self) -> web.Application:
        app = web.Application()
        for route in Route:
            for path in ("stream", "ws", "ws/" + ANYTHING):
                app.router.add_get(f"/{route}/{path}", partial(self._market_data, route))
        app.router.add_get("/private/ws", self._private_stream)
        app.router.add_route("*", PREFIX + ANYTHING, self._control.answer)
        app.router.add_route("*", "/" + ANYTHING, self._rest.answer)
        return app

    async def _market_data(self, route: Route, request: web.Request) -> web.StreamResponse:
        self.venue.usage.known[f"GET {'/'.join(request.path.split('/')[:3])}"] += 1
        try:
            return await self._streams.connect(request, route)
        except StreamRefused as refusal:
            logger.warning("{}", refusal)
            return json_response(HTTPStatus.BAD_REQUEST, {"error": {"code": 2, "msg": str(refusal)}})

    async def _private_stream(self, request: web.Request) -> web.StreamResponse:
        self.venue.usage.known[f"GET {request.path}"] += 1
        users = self.venue.users
        if not users.valid(request.query.get("listenKey"), self.venue.clock.now_ms()):
            return json_response(HTTPStatus.BAD_REQUEST, error_json(-1125, "This listenKey does not exist."))
        return await self.venue.sockets.serve(request, joined=users.join, left=users.leave, heard=_ignore)


def _opened(options: SimOptions, saved: Saved) -> tuple[list[MarketSource], list[tuple[Peer, LiveSource]]]:
    """All sources, and where those are that happen now."""
    live: list[tuple[Peer, LiveSource]] = []

    def connect(symbols: tuple[str, ...]) -> MarketSource:
        peer = peer_at(options.live_url)
        source = open_live(peer, symbols)
        live.append((peer, source))
        return source

    sources = open_markets(options.markets, seed=options.seed, resume=saved.course.positions, open_live=connect)
    return sources, live


def _clock(options: SimOptions, saved: Saved, *, bound: bool) -> SimClock:
    """Goes on where the saved one stood, and is never behind real time; a bound one never ahead of it either."""
    now_ms = time.time_ns() // 1_000_000
    ahead_ms = saved.course.now_ms - now_ms
    if bound and ahead_ms > MOST_AHEAD_MS:
        raise ValueError(
            f"{options.state}: its clock is {ahead_ms / 1_000:.0f} s ahead of real time, which a live market cannot be;"
            " move it aside to begin with a new account"
        )
    return SimClock(start_ms=max(now_ms, saved.course.now_ms), speed=options.speed, bound=bound)


def _ignore(_outlet: Outlet, _text: str) -> None:
    """A user stream takes no commands."""


async def serve(server: SimServer) -> None:
    """Run an exchange until SIGTERM, SIGINT or the end of its parent."""
    stop = asyncio.Event()
    _stop_on_signals(stop)
    parent = asyncio.create_task(_stop_without(server.options.parent_pid, stop))
    try:
        await server.start()
        _say_ready(server)
        sources = server.venue.sources
        for note in dict.fromkeys(text for source in sources for text in (source.label, *source.notes)):
            logger.info("{}", note)
        await server.watch(stop)
    finally:
        parent.cancel()
        await server.stop()


def run(options: SimOptions) -> int:
    """Run an exchange in this process and return its exit code: 0 stopped, 1 failed, 2 unusable options."""
    try:
        server = SimServer(options)
    except ValueError as error:
        return _failed(error, 2)
    except (OSError, sqlite3.Error) as error:
        return _failed(error, 1)
    try:
        uvloop.run(serve(server))
    except (OSError, sqlite3.Error) as error:
        return _failed(error, 1)
    return 0


def _failed(error: Exception, code: int) -> int:
    sys.stderr.write(f"vortex sim: {error}\n")
    return code


def _say_ready(server: SimServer) -> None:
    ready = {
        "event": "ready", "url": server.url, "ws_url": server.ws_url, "symbols": list(server.venue.specs),
        "seed": server.options.seed,
    }  # fmt: skip
    sys.stdout.write(to_json(ready).decode() + "\n")
    sys.stdout.flush()


def _stop_on_signals(stop: asyncio.Event) -> None:
    def on_signal() -> None:
        if stop.is_set():  # a second signal does not wait for anything
            os._exit(1)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, on_signal)


async def _stop_without(parent_pid: int | None, stop: asyncio.Event) -> None:
    """Stop when the process that started this one is gone; None watches nobody."""
    while parent_pid is not None:
        if os.getppid() != parent_pid:
            logger.warning("parent {} is gone", parent_pid)
            stop.set()
            return
        await asyncio.sleep(PARENT_POLL_S)
