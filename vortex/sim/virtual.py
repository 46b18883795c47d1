"""A World behind the ports of the trading system, in virtual time: no socket, no thread, no waiting.

The venue asks the scheduler to be called when the next thing is due, and advances the world to that moment. What the
adapters and the server do to a message on its way is left out; latencies, rules and ledger are the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from vortex.sim.core.commands import CoreCommand
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.market import CandleEvent, MarketSource
from vortex.sim.core.types import CoreRequest, RequestRefused
from vortex.sim.core.world import NEVER_MS, World
from vortex.sim.virtual_exchange import VirtualExchange
from vortex.sim.virtual_feed import FlowReducer, VirtualFeed


class Scheduler(Protocol):
    """Virtual time: what the venue needs of whoever runs it."""

    def now_ms(self) -> int: ...

    def call_at(self, t_ms: float, fire: Callable[[], None], /) -> object:
        """Call once at this time, or as soon as possible when it is past; never from within this call."""
        ...


class VirtualVenue:
    """Drives one world by a scheduler and offers it as `exchange` and `feed`.

    Args:
        world: Takes no one else's requests; its sinks are taken over.
        scheduler: Calls back in order of time.
        flow_factory: Makes the order-flow reducer of one symbol's books.
    """

    def __init__(self, world: World, scheduler: Scheduler, flow_factory: Callable[[], FlowReducer]) -> None:
        self._world = world
        self._scheduler = scheduler
        self._armed_ms = NEVER_MS
        self.exchange = VirtualExchange(self)
        self.feed = VirtualFeed(self, flow_factory)
        world.user_sink = self.exchange.on_user
        world.market_sink = self.feed.on_market
        self._arm()

    @property
    def core(self) -> ExchangeCore:
        return self._world.core

    @property
    def sources(self) -> Sequence[MarketSource]:
        return self._world.sources

    @property
    def request_ms(self) -> int:
        return round(self._world.latency.order_ms)

    def now_ms(self) -> int:
        return self._scheduler.now_ms()

    def call_at(self, t_ms: int, fire: Callable[[], None]) -> None:
        self._scheduler.call_at(t_ms, fire)

    def request(self, request: CoreRequest, on_reply: Callable[[Answer | RequestRefused], None]) -> None:
        """Send a request to the exchange now."""
        self._world.request(self.now_ms(), request, on_reply)
        self._arm()

    def command(self, command: CoreCommand) -> None:
        """Do something to the market, or as a person, now. Raises ValueError when it cannot be done."""
        self._world.command(self.now_ms(), command)
        self._arm()

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles, as commands may have bent them."""
        return self._world.history(symbol, interval, before_ms, limit)

    def _arm(self) -> None:
        due_ms = self._world.next_ms()
        if due_ms < self._armed_ms:
            self._armed_ms = due_ms
            self._scheduler.call_at(due_ms, lambda: self._run(due_ms))

    def _run(self, armed_ms: int) -> None:
        if armed_ms != self._armed_ms:
            return  # something earlier was arranged since, which armed the next call itself
        self._armed_ms = NEVER_MS
        self._world.advance(self._scheduler.now_ms())
        self._arm()
