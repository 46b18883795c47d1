"""A virtual venue over a hand-made market, and what its two ports told."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import TypeVar

from tests.kit.sim_market import HandMadeMarket
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import MarketValue
from vortex.domain.order import (
    Done,
    ExchangeRequest,
    OrderKind,
    OrderSide,
    Outcome,
    PlaceOrder,
)
from vortex.messages import ExchangeReplied
from vortex.ports import Exchange, MarketFeed
from vortex.runtime.dispatch.virtual import VirtualDispatcher
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.world import Latency, World
from vortex.sim.virtual import VirtualVenue

START_MS = 1_700_000_040_000  # a whole minute
SYMBOL = "BTCUSDT"
BUY, SELL = OrderSide.BUY, OrderSide.SELL
T = TypeVar("T")


class CountingDispatcher(VirtualDispatcher):
    """Counts how often it called back."""

    fired = 0

    def call_at(self, t_ms: float, fire: Callable[[], object]) -> None:
        def counted() -> None:
            self.fired += 1
            fire()

        super().call_at(t_ms, counted)

    def run_to(self, offset_ms: int) -> None:
        self.run_until(START_MS + offset_ms)


class Probe:
    """Recipient and sink that keep what they are told."""

    def __init__(self) -> None:
        self.messages: list[object] = []
        self.values: list[MarketValue] = []
        self.streams: dict[str, int] = {}

    def tell(self, message: object) -> None:
        self.messages.append(message)

    def deliver(self, value: MarketValue) -> None:
        self.values.append(value)

    def stream_alive(self, symbol: str, stream: str, ts_ms: int) -> None:
        assert symbol == SYMBOL
        self.streams[stream] = ts_ms

    def told(self, kind: type[T]) -> list[T]:
        return [message for message in self.messages if isinstance(message, kind)]

    def got(self, kind: type[T]) -> list[T]:
        return [value for value in self.values if isinstance(value, kind)]


class Rig:
    """A venue over a hand-made market with fixed latencies: 20 ms market data, 60 ms orders."""

    def __init__(self, market: HandMadeMarket | None = None) -> None:
        market = market or HandMadeMarket((SYMBOL, "ETHUSDT"))
        self.time = CountingDispatcher(seed=1, start_ms=START_MS)
        self.core = ExchangeCore(market.specs, balance_usdt=Decimal(10_000))
        latency = Latency(market_ms=20, order_ms=60, sigma=0)
        world = World(self.core, [market], latency=latency, seed=1, start_ms=START_MS)
        self.venue = VirtualVenue(world, self.time, BookFlow)
        self.exchange: Exchange = self.venue.exchange
        self.feed: MarketFeed = self.venue.feed
        self.probe = Probe()

    def ask(self, request: ExchangeRequest, timeout_ms: int = 2_000, *, pass_ms: int = 1_000) -> Outcome:
        """Send a request, let a second pass, and return its one outcome."""
        before = len(self.probe.told(ExchangeReplied))
        self.exchange.send(request, timeout_ms)
        self.time.run_to(self.time.now_ms() - START_MS + pass_ms)
        (reply,) = self.probe.told(ExchangeReplied)[before:]
        assert reply.request == request
        return reply.outcome

    def done(self, request: ExchangeRequest, kind: type[T]) -> T:
        outcome = self.ask(request)
        assert isinstance(outcome, Done)
        assert isinstance(outcome.value, kind)
        return outcome.value


def entry(quantity: str = "0.1", side: OrderSide = BUY, client_id: str = "e") -> PlaceOrder:
    return PlaceOrder(symbol=SYMBOL, client_id=client_id, side=side, kind=OrderKind.MARKET, quantity=Decimal(quantity))


def stop(trigger: str = "59000", client_id: str = "s") -> PlaceOrder:
    return PlaceOrder(
        symbol=SYMBOL,
        client_id=client_id,
        side=SELL,
        kind=OrderKind.STOP_MARKET,
        trigger_price=Decimal(trigger),
        close_position=True,
    )
