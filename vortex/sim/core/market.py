"""What a market source feeds into the exchange.

Prices and quantities are integers (ticks of `tick_size`, lots of `step_size`), so that matching and mirroring are
exact. Times are epoch milliseconds of the exchange's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol, TypeAlias

from msgspec import Struct

from vortex.domain.market import LeverageTier

TickLevels: TypeAlias = tuple[tuple[int, int], ...]
"""(price in ticks, quantity in lots) from the best price outward."""


class SymbolSpec(Struct, frozen=True, kw_only=True):
    """One listed contract: filters, precision and leverage brackets; orders are taken while its status is TRADING."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_market_quantity: Decimal
    min_notional_usdt: Decimal
    tiers: tuple[LeverageTier, ...]
    status: str = "TRADING"


# ------------------------------------------------------------------------------------------ market, from a source


class BookEvent(Struct, frozen=True, kw_only=True, gc=False):
    """The visible book (best 20 or more levels a side) from now on."""

    ts_ms: int
    symbol: str
    bids: TickLevels
    asks: TickLevels


class TradeEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One aggregate trade of the market."""

    ts_ms: int
    symbol: str
    trade_id: int
    price_ticks: int
    quantity_lots: int
    buyer_is_maker: bool


class MarkEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Mark and index price, once a second."""

    ts_ms: int
    symbol: str
    mark_price: Decimal
    index_price: Decimal
    funding_rate: Decimal
    next_funding_ms: int


class CandleEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A candle as it forms; sent at most every 250 ms while it changes, and once with `closed`."""

    ts_ms: int
    symbol: str
    interval: str
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    closed: bool


MarketEvent: TypeAlias = BookEvent | TradeEvent | MarkEvent | CandleEvent


class SentimentPoint(Struct, frozen=True, kw_only=True, gc=False):
    """Positioning ratios at one time; shares in [0, 1], open interest in base units."""

    ts_ms: int
    global_long: Decimal
    top_account_long: Decimal
    top_position_long: Decimal
    open_interest: Decimal


class MarketSource(Protocol):
    """Feeds the exchange for ever, in order of time, from the moment it is started."""

    specs: tuple[SymbolSpec, ...]
    label: str
    """What a person must know of this market, e.g. `recording of 2024-08-08`."""
    notes: tuple[str, ...]
    """What else a person must know: printed where the exchange starts."""
    live: bool
    """True for a market that happens now: its events are pushed, it runs at speed 1, its positioning is real."""

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        """Endless, ordered by ts_ms >= start_ms. Called once; `position()` afterwards tells where it stands."""
        ...

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles with open_ms < before_ms, oldest first: generated before the start, then derived ones."""
        ...

    def generated_before_ms(self, symbol: str) -> int:
        """Candles that open before this time were generated, not recorded."""
        ...

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """Positioning, oldest first, on a grid of `period_ms`: generated, unless the market is live."""
        ...

    def position(self) -> dict[str, int]:
        """Milliseconds of market already played per symbol: given back at the next start to go on from there."""
        ...
