"""The exchange as the wire sees it: clock, world, market view, streams and counters in one place."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TypeVar

from vortex.sim.core.events import UserEvent
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.market import MarketEvent, MarketSource, SymbolSpec
from vortex.sim.core.types import CoreRequest, ListPositions, NewOrder, RequestRefused, SimPosition
from vortex.sim.core.world import Latency, World
from vortex.sim.server.auth import Guard
from vortex.sim.server.broadcast import Broadcast
from vortex.sim.server.clock import SimClock
from vortex.sim.server.options import SimOptions
from vortex.sim.server.params import Params
from vortex.sim.server.state import Saved
from vortex.sim.server.streams import Hub, Sockets
from vortex.sim.server.text import grids
from vortex.sim.server.usage import Usage
from vortex.sim.server.user_stream import UserStream
from vortex.sim.server.view import MarketView

T = TypeVar("T")


class Venue:
    """Owns the world and everything that clients see of it. Lives on one event loop."""

    def __init__(self, options: SimOptions, sources: Sequence[MarketSource], clock: SimClock, saved: Saved) -> None:
        self.options = options
        self.clock = clock
        self.sources = tuple(sources)
        self._source_of = {spec.symbol: source for source in sources for spec in source.specs}
        self.specs: dict[str, SymbolSpec] = {spec.symbol: spec for source in sources for spec in source.specs}
        self.grids = grids(self.specs.values())
        self.core = ExchangeCore(self.specs.values(), balance_usdt=options.balance_usdt)
        if saved.account is not None:
            self.core.restore(saved.account, saved.rows)
        self.view = MarketView(self.specs)
        self.hub = Hub()
        self.broadcast = Broadcast(self.hub, self.view, self.grids, clock)
        self.sockets = Sockets()
        self.usage = Usage()
        self.guard = Guard(key=options.key, secret=options.secret)
        self.users = UserStream(lambda: self.clock.offset_ms, saved.course.listen_key)
        self.users.seed(self.peek_list(ListPositions(), SimPosition))
        self.wake = asyncio.Event()
        """Set when a request may have made the world's next event earlier."""
        self.complete = asyncio.Event()
        """Set once every symbol has shown a book and a mark price."""
        self.silent: set[str] = set()
        """Symbols of a live market of which nothing is heard: they take no new order."""
        self.world = self._world()

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

        self.world.request(self.clock.now_ms(), request, answered)
        self.wake.set()
        return await reply

    async def ask(self, request: CoreRequest, kind: type[T]) -> T:
        """Send a request that is answered by one value of this kind."""
        return _one(await self.send(request), kind)

    async def ask_list(self, request: CoreRequest, kind: type[T]) -> list[T]:
        """Send a request that is answered by a list of this kind."""
        return _many(await self.send(request), kind)

    def peek_list(self, request: CoreRequest, kind: type[T]) -> list[T]:
        """Read a list from the core at once, for what belongs to a reply that has already had its latency."""
        return _many(self.core.execute(self.clock.now_ms(), request), kind)

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


def _one(answer: object, kind: type[T]) -> T:
    if not isinstance(answer, kind):
        raise TypeError(f"the exchange answered {type(answer).__name__}, not {kind.__name__}")
    return answer


def _many(answer: Answer, kind: type[T]) -> list[T]:
    if not isinstance(answer, list):
        raise TypeError(f"the exchange answered {type(answer).__name__}, not a list")
    return [_one(item, kind) for item in answer]
