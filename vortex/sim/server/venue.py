"""The exchange as the wire sees it: clock, world, market view, streams and counters in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from typing import TypeVar

from vortex.sim.core.commands import CoreCommand
from vortex.sim.core.events import UserEvent
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.market import MarketEvent, MarketSource, SymbolSpec
from vortex.sim.core.types import CoreRequest, ListPositions, NewOrder, RequestRefused, SimPosition
from vortex.sim.core.world import Latency, World
from vortex.sim.server.auth import Guard
from vortex.sim.server.broadcast import Broadcast
from vortex.sim.server.clock import SimClock
from vortex.sim.server.faults import FaultBook
from vortex.sim.server.lines import Lines, Route, StreamFault
from vortex.sim.server.options import SimOptions
from vortex.sim.server.params import Params
from vortex.sim.server.sockets import Sockets
from vortex.sim.server.state import Saved
from vortex.sim.server.streams import Hub
from vortex.sim.server.text import grids
from vortex.sim.server.usage import Usage
from vortex.sim.server.user_stream import UserStream
from vortex.sim.server.view import MarketView

T = TypeVar("T")
LAG_MS: ContextVar[int] = ContextVar("lag_ms", default=0)
"""How old the state is that the request being handled sees: a fault."""


class Venue:
    """Owns the world and everything that clients see of it. Lives on one event loop."""

    def __init__(self, options: SimOptions, sources: Sequence[MarketSource], clock: SimClock, saved: Saved) -> None:
        self.options = options
        self.clock = clock
        self.sources = tuple(sources)
        self._source_of = {spec.symbol: source for source in sources for spec in source.specs}
        self.core = _new_core(sources, options)
        self.grids = grids(self.specs.values())
        """How the market's own events are printed, whatever tick size a command gives a contract."""
        if saved.account is not None:
            self.core.restore(saved.account, saved.rows)
        self.view = MarketView(self.specs)
        self.lines = Lines(clock.now_ms)
        self.hub = Hub(self.lines)
        self.broadcast = Broadcast(self.hub, self.view, self.grids, clock)
        self.sockets = Sockets(self.lines, clock)
        self.usage = Usage()
        self.faults = FaultBook()
        self.guard = Guard(key=options.key, secret=options.secret)
        self.users = UserStream(
            lambda: self.clock.offset_ms, saved.course.listen_key, carry=self.lines[Route.PRIVATE].carry
        )
        self.users.seed(self.peek_list(ListPositions(), SimPosition))
        self.wake = asyncio.Event()
        """Set when a request may have made the world's next event earlier."""
        self.complete = asyncio.Event()
        """Set once every symbol has shown a book and a mark price."""
        self.silent: set[str] = set()
        """Symbols of a live market of which nothing is heard: they take no new order."""
        self.world = self._world()
        self.on_reset: Callable[[], None] = _nobody
        """Called after a reset."""

    @property
    def specs(self) -> dict[str, SymbolSpec]:
        """The listed contracts by symbol, as they are now."""
        return self.core.specs

    # ----------------------------------------------------------------------------------------------- asking the core

    async def send(self, request: CoreRequest) -> Answer:
        """Have the world execute a request after its latency.

        Raises:
            RequestRefused: As the core does; -1008 for an order in a live market that is not heard.
        """
        if isinstance(request, NewOrder) and request.symbol in self.silent:
            raise RequestRefused(-1008, f"The live market of {request.symbol} is not heard: nobody knows its price.")
        reply: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()

        def answered(answer: Answer | RequestRefused) -> None:
            if reply.cancelled():  # the client went away: the request was executed all the same
                return
            if isinstance(answer, RequestRefused):
                reply.set_exception(answer)
            else:
                reply.set_result(answer)

        self.world.request(self.clock.now_ms(), request, answered, lag_ms=LAG_MS.get())
        self.wake.set()
        return await reply

    async def ask(self, request: CoreRequest, kind: type[T]) -> T:
        """Send a request that is answered by one value of this kind."""
        return _one(await self.send(request), kind)

    async def ask_list(self, request: CoreRequest, kind: type[T]) -> list[T]:
        """Send a request that is answered by a list of this kind."""
        return _many(await self.send(request), kind)

    def peek(self, request: CoreRequest, kind: type[T]) -> T:
        """Read one value from the core at once. Raises RequestRefused."""
        return _one(self.core.execute(self.clock.now_ms(), request, lag_ms=LAG_MS.get()), kind)

    def peek_list(self, request: CoreRequest, kind: type[T]) -> list[T]:
        """Read a list from the core at once, for what belongs to a reply that has already had its latency."""
        return _many(self.core.execute(self.clock.now_ms(), request, lag_ms=LAG_MS.get()), kind)

    # ------------------------------------------------------------------------------------- what the exchange suffers

    def note_fault(self, symbol: str | None, detail: dict[str, str]) -> None:
        """Put a fault that happens now into the ledger, after all that happened before it."""
        now_ms = self.clock.now_ms()
        self.world.advance(now_ms)
        self.core.note(now_ms, symbol if symbol in self.specs else None, "FAULT", detail)

    def disturb(self, route: Route, fault: StreamFault, for_ms: int | None) -> None:
        """Begin a stream fault. Raises ValueError when there is no listen key to expire."""
        if fault is StreamFault.EXPIRE_LISTEN_KEY:
            self.users.end(self.clock.now_ms())
        else:
            self.lines[route].disturb(fault, for_ms)
        lasting = {} if for_ms is None else {"for_ms": str(for_ms)}
        self.note_fault(None, {"do": fault, "route": route, **lasting})

    def command(self, command: CoreCommand) -> None:
        """Have the world obey. Raises ValueError when it cannot."""
        self.world.command(self.clock.now_ms(), command)
        self.wake.set()

    def tick(self) -> None:
        """Do what time alone brings: end faults, keys and sockets."""
        now_ms = self.clock.now_ms()
        self.lines.tick()
        self.users.expire(now_ms)
        self.sockets.tick(now_ms)

    def reset(self) -> None:
        """Back to the beginning: account, ledger, counters, faults, commands, shown time. The market goes on."""
        now_ms = self.clock.now_ms()
        self.world.advance(now_ms)
        self.core.restore(_new_core(self.sources, self.options).dump(), ())
        self.world.straighten(now_ms)
        self.users.seed([])
        self.usage = Usage()
        self.faults.clear()
        self.lines.clear()
        self.clock.offset_ms = 0
        self.on_reset()

    # -------------------------------------------------------------------------------------------------------- market

    def symbol(self, params: Params) -> str:
        """The listed symbol that a request names. Raises -1102 or -1121."""
        symbol = params.text("symbol")
        if symbol not in self.specs:
            raise RequestRefused(-1121, "Invalid symbol.")
        return symbol

    def source(self, symbol: str) -> MarketSource:
        """The source that feeds a listed symbol."""
        return self._source_of[symbol]

    def on_market(self, event: MarketEvent) -> None:
        """Show a market event to readers: REST sees it from now on, streams get its frame."""
        self.view.take(event)
        if self.view.complete:
            self.complete.set()
        self.broadcast.publish(event)

    def arrive(self, event: MarketEvent) -> None:
        """Let an event of a live market happen now."""
        self.world.push(event)
        self.wake.set()

    def on_user(self, event: UserEvent) -> None:
        self.users.push(event)

    def _world(self) -> World:
        latency = Latency(
            market_ms=self.options.market_latency_ms,
            order_ms=self.options.order_latency_ms,
            sigma=self.options.latency_sigma,
        )
        world = World(self.core, self.sources, latency=latency, seed=self.options.seed, start_ms=self.clock.now_ms())
        world.market_sink = self.on_market
        world.user_sink = self.on_user
        return world


def _new_core(sources: Sequence[MarketSource], options: SimOptions) -> ExchangeCore:
    """The exchange as it begins."""
    specs = [spec for source in sources for spec in source.specs]
    return ExchangeCore(specs, balance_usdt=options.balance_usdt)


def _nobody() -> None:
    """Before anybody wants to know of a reset."""


def _one(answer: object, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise TypeError(f"the exchange answered {type(answer).__name__}, not {kind.__name__}")
    return answer


def _many(answer: Answer, kind: type[T]) -> list[T]:
    if not isinstance(answer, list):
        raise TypeError(f"the exchange answered {type(answer).__name__}, not a list")
    return [_one(item, kind) for item in answer]
