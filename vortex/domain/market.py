"""What the market tells us: frozen values that are also the messages which carry them.

Prices are in quote units (USDT), quantities in base units, times in epoch milliseconds of the exchange's clock.
`recv_ms` is the injected clock's time at which the value entered this process. Signals use float64; the order edge
turns a float back into the exact decimal that the exchange printed with `Decimal(str(value))`.

A snapshot (`Book`, a forming `Candle`, `MarkPrice`) may be superseded in an inbox by a newer one with the same
`conflation_key()`; what must not be lost by that is carried over by `absorb(older)`.

What comes many times a second is closed to the garbage collector (`gc=False`): frozen, it can be in no cycle, and to
look through it for one cost a quarter of all work.
"""

from __future__ import annotations

from collections.abc import Hashable
from decimal import Decimal
from operator import add
from typing import Literal, TypeAlias

from msgspec import Struct

Levels: TypeAlias = tuple[tuple[float, float], ...]
"""(price, quantity) from the best price outward."""

Interval: TypeAlias = Literal["1m", "15m"]
INTERVAL_MS: dict[str, int] = {"1m": 60_000, "15m": 900_000}

TURNED_BACK_MS = 60_000
"""What says to be older than its forerunner by more did not come late: the exchange's clock was set back."""

MAX_STEPS = 200
"""Flow steps a book carries: more than the 10 s window of E1 holds at 10 books a second. Of more the oldest join."""


class FlowStep(Struct, frozen=True, kw_only=True, gc=False):
    """What one book change contributes to order flow, computed where every book is seen (the feed).

    Attributes:
        ts_ms: Event time of the book.
        imbalance: I_N of that book in [-1, 1]; None when it has no quantity.
        ofi: Signed order-flow events e^m per level, base units, best level first.
        ofi_abs: |e^m| per level.
        resync: True for the first book after a gap: windows that span it must be cleared, `ofi` is all zero.
    """

    ts_ms: int
    imbalance: float | None
    ofi: tuple[float, ...]
    ofi_abs: tuple[float, ...]
    resync: bool = False

    def joined(self, older: FlowStep) -> FlowStep:
        """Both in one, timed by this one; what came before a gap counts no more. The older one is no resync."""
        if self.resync:
            return self
        return FlowStep(
            ts_ms=self.ts_ms,
            imbalance=older.imbalance if self.imbalance is None else self.imbalance,
            ofi=tuple(map(add, older.ofi, self.ofi)),
            ofi_abs=tuple(map(add, older.ofi_abs, self.ofi_abs)),
        )


class Book(Struct, frozen=True, kw_only=True, gc=False):
    """The best levels of one order book at one moment; `epoch` counts books of a symbol from 1."""

    symbol: str
    epoch: int
    ts_ms: int
    recv_ms: int
    bids: Levels
    asks: Levels
    steps: tuple[FlowStep, ...] = ()

    @property
    def best_bid(self) -> float:
        """The highest bid price."""
        return self.bids[0][0]

    @property
    def best_ask(self) -> float:
        """The lowest ask price."""
        return self.asks[0][0]

    @property
    def mid(self) -> float:
        """The arithmetic mean of best bid and best ask."""
        return (self.bids[0][0] + self.asks[0][0]) / 2.0

    def conflation_key(self) -> Hashable:
        return "book"

    def absorb(self, older: Book) -> Book:
        """Return this book carrying the older book's flow steps too, so that conflation loses no order flow."""
        steps = older.steps + self.steps
        while len(steps) > MAX_STEPS:
            steps = _shorter(steps)
        return Book(
            symbol=self.symbol, epoch=self.epoch, ts_ms=self.ts_ms, recv_ms=self.recv_ms,
            bids=self.bids, asks=self.asks, steps=steps,
        )  # fmt: skip


def _shorter(steps: tuple[FlowStep, ...]) -> tuple[FlowStep, ...]:
    """One step less, and the same order flow: the oldest two are joined, behind a resync if that is the first."""
    first, second, *rest = steps
    if first.resync and not second.resync:
        third, *rest = rest
        return (first, third, *rest) if third.resync else (first, third.joined(second), *rest)
    return (second.joined(first), *rest)


class Trade(Struct, frozen=True, kw_only=True, gc=False):
    """One aggregate trade; `buyer_is_maker` true means that the seller was the aggressor."""

    id: int
    ts_ms: int
    price: float
    quantity: float
    buyer_is_maker: bool


class Trades(Struct, frozen=True, kw_only=True, gc=False):
    """Aggregate trades of one symbol in order of arrival; waiting batches merge without loss."""

    symbol: str
    recv_ms: int
    trades: tuple[Trade, ...]

    def conflation_key(self) -> Hashable:
        return "trades"

    def absorb(self, older: Trades) -> Trades:
        return Trades(symbol=self.symbol, recv_ms=self.recv_ms, trades=older.trades + self.trades)


class TradeHistory(Struct, frozen=True, kw_only=True):
    """Trades from before an engine began, oldest first, which lead up to the present with no hole that is long."""

    symbol: str
    trades: tuple[Trade, ...]

    def conflation_key(self) -> Hashable:
        return "trade_history"

    def absorb(self, older: TradeHistory) -> TradeHistory:  # noqa: ARG002  # a newer history holds the older one
        return self


class Candle(Struct, frozen=True, kw_only=True, gc=False):
    """One candle; `closed` is the exchange's own flag. `generated` marks history that no market ever printed."""

    symbol: str
    interval: Interval
    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    taker_buy_volume: float
    closed: bool
    generated: bool = False

    @property
    def close_ms(self) -> int:
        """First millisecond after the candle."""
        return self.open_ms + INTERVAL_MS[self.interval]

    def conflation_key(self) -> Hashable:
        return ("candle", self.interval, self.open_ms)

    def absorb(self, older: Candle) -> Candle:
        return older if older.closed and not self.closed else self


class CandleHistory(Struct, frozen=True, kw_only=True):
    """Candles of one symbol and interval, oldest first; the last one may be forming."""

    symbol: str
    interval: Interval
    candles: tuple[Candle, ...]

    def conflation_key(self) -> Hashable:
        return ("history", self.interval)

    def absorb(self, older: CandleHistory) -> CandleHistory:  # noqa: ARG002  # a newer history holds the older one
        return self


class MarkPrice(Struct, frozen=True, kw_only=True, gc=False):
    """Mark and index price, the estimated funding rate (fraction per interval) and when it settles."""

    symbol: str
    ts_ms: int
    recv_ms: int
    mark_price: float
    index_price: float
    funding_rate: float
    next_funding_ms: int

    def conflation_key(self) -> Hashable:
        return "mark"

    def absorb(self, older: MarkPrice) -> MarkPrice:  # noqa: ARG002  # a snapshot: the newest is the whole truth
        return self


class Sentiment(Struct, frozen=True, kw_only=True):
    """Positioning and funding as polled; each part has its own time, None when it was never had.

    `*_long` are shares of accounts or positions in [0, 1]; `*_hourly` hold up to 720 hourly values, oldest first.
    """

    symbol: str
    recv_ms: int
    global_long: float | None = None
    top_position_long: float | None = None
    ratios_ms: int | None = None
    global_hourly: tuple[float, ...] = ()
    top_position_hourly: tuple[float, ...] = ()
    funding_rate: float | None = None
    funding_interval_h: int = 8
    funding_ms: int | None = None
    open_interest: float | None = None
    open_interest_ms: int | None = None
    generated: bool = False

    def conflation_key(self) -> Hashable:
        return "sentiment"

    def absorb(self, older: Sentiment) -> Sentiment:  # noqa: ARG002  # a snapshot: the newest is the whole truth
        return self


class Liquidation(Struct, frozen=True, kw_only=True, gc=False):
    """A position that the exchange liquidated. It tells only the latest of each second: a lower bound.

    Attributes:
        long: True when a long position was liquidated (an order to sell).
        price: Average price of that order.
    """

    symbol: str
    ts_ms: int
    recv_ms: int
    long: bool
    price: float
    quantity: float


class MinuteVolume(Struct, frozen=True, array_like=True, gc=False):
    """What traded in the minute that opens at `open_ms`, base units; `bought` of it by takers."""

    open_ms: int
    volume: float
    bought: float


class VolumeHistory(Struct, frozen=True, kw_only=True):
    """Closed minutes since a UTC midnight about a week ago, oldest first; none that was generated."""

    symbol: str
    minutes: tuple[MinuteVolume, ...]

    def conflation_key(self) -> Hashable:
        return "volume_history"

    def absorb(self, older: VolumeHistory) -> VolumeHistory:  # noqa: ARG002  # a newer history holds the older one
        return self


MarketValue: TypeAlias = (
    Book | Trades | TradeHistory | Candle | CandleHistory | MarkPrice | Sentiment | Liquidation | VolumeHistory
)


def event_ms(value: MarketValue) -> int | None:
    """When a live event happened by the exchange's clock; None for what tells of the past, or of a whole minute."""
    match value:
        case Book() | MarkPrice():
            return value.ts_ms
        case Trades(trades=(*_, newest)):
            return newest.ts_ms
    return None


class SymbolRules(Struct, frozen=True, kw_only=True):
    """The exchange's filters of one symbol."""

    symbol: str
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_quantity: Decimal
    min_notional_usdt: Decimal


class LeverageTier(Struct, frozen=True, kw_only=True):
    """One leverage bracket: `floor <= notional < cap` allows `max_leverage` at this maintenance margin rate."""

    floor_usdt: Decimal
    cap_usdt: Decimal
    maintenance_rate: Decimal
    cumulative_usdt: Decimal
    max_leverage: int
