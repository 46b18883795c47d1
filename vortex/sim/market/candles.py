"""Candles in ticks and lots, built from aggregate trades in the exchange's time.

A 15m candle is always the fold of its 1m candles: open of the first, close of the last, highest, lowest, sums.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from msgspec import Struct
from msgspec.structs import replace

from vortex.domain.market import INTERVAL_MS, Interval
from vortex.sim.core.market import CandleEvent, SymbolSpec, TradeEvent

MINUTE_MS = INTERVAL_MS["1m"]
QUARTER_MS = INTERVAL_MS["15m"]


class Bar(Struct, kw_only=True, gc=False):
    """One candle; `quote` is the sum of ticks x lots, `trades` counts aggregate trades, buy_* are the takers' buys."""

    open_ms: int
    open: int
    high: int
    low: int
    close: int
    lots: int = 0
    quote: int = 0
    trades: int = 0
    buy_lots: int = 0
    buy_quote: int = 0


def flat(open_ms: int, price: int) -> Bar:
    """A candle in which nothing has traded yet."""
    return Bar(open_ms=open_ms, open=price, high=price, low=price, close=price)


def count(bar: Bar, price: int, lots: int, *, buyer_is_maker: bool) -> None:
    """Add a trade to a candle."""
    if not bar.trades:
        bar.open = bar.high = bar.low = price
    bar.high = max(bar.high, price)
    bar.low = min(bar.low, price)
    bar.close = price
    bar.lots += lots
    bar.quote += price * lots
    bar.trades += 1
    if not buyer_is_maker:
        bar.buy_lots += lots
        bar.buy_quote += price * lots


def joined(earlier: Bar, later: Bar) -> Bar:
    """One candle over two that follow each other."""
    return Bar(
        open_ms=earlier.open_ms,
        open=earlier.open,
        high=max(earlier.high, later.high),
        low=min(earlier.low, later.low),
        close=later.close,
        lots=earlier.lots + later.lots,
        quote=earlier.quote + later.quote,
        trades=earlier.trades + later.trades,
        buy_lots=earlier.buy_lots + later.buy_lots,
        buy_quote=earlier.buy_quote + later.buy_quote,
    )


def quarters(minutes: Iterable[Bar]) -> list[Bar]:
    """15m candles of consecutive 1m candles, each as far as its minutes go."""
    folded: list[Bar] = []
    for minute in minutes:
        if folded and minute.open_ms < folded[-1].open_ms + QUARTER_MS:
            folded[-1] = joined(folded[-1], minute)
        else:
            folded.append(replace(minute, open_ms=minute.open_ms // QUARTER_MS * QUARTER_MS))
    return folded


class BarUpdate(Struct, frozen=True, kw_only=True, gc=False):
    """A candle as it stands; `closed` exactly once for each."""

    interval: Interval
    bar: Bar
    closed: bool


class CandleBuilder:
    """The forming minute and its quarter-hour.

    Args:
        minute: The minute to go on with, perhaps already begun.
        quarter: The earlier minutes of the same quarter-hour as one candle, None at its beginning.
    """

    def __init__(self, minute: Bar, quarter: Bar | None) -> None:
        self._minute = minute
        self._quarter = quarter
        self._changed = False

    def add(self, trade: TradeEvent) -> None:
        """Count a trade of the forming minute: `tick` was called for every minute that ended before it."""
        count(self._minute, trade.price_ticks, trade.quantity_lots, buyer_is_maker=trade.buyer_is_maker)
        self._changed = True

    def tick(self, now_ms: int) -> Iterator[BarUpdate]:
        """Close what ended at or before `now_ms`, then tell the forming candles if a trade changed them."""
        while now_ms >= self._minute.open_ms + MINUTE_MS:
            yield from self._close_minute()
        if self._changed:
            self._changed = False
            yield BarUpdate(interval="1m", bar=replace(self._minute), closed=False)
            yield BarUpdate(interval="15m", bar=self._so_far(), closed=False)

    def _close_minute(self) -> Iterator[BarUpdate]:
        minute, quarter = self._minute, self._so_far()
        end_ms = minute.open_ms + MINUTE_MS
        self._minute, self._changed = flat(end_ms, minute.close), False
        self._quarter = None if end_ms % QUARTER_MS == 0 else quarter
        yield BarUpdate(interval="1m", bar=minute, closed=True)
        yield BarUpdate(interval="15m", bar=quarter, closed=self._quarter is None)

    def _so_far(self) -> Bar:
        if self._quarter is None:
            return replace(self._minute, open_ms=self._minute.open_ms // QUARTER_MS * QUARTER_MS)
        return joined(self._quarter, self._minute)


def candle_event(bar: Bar, spec: SymbolSpec, interval: Interval, ts_ms: int, *, closed: bool) -> CandleEvent:
    """A candle in the exchange's decimals."""
    tick, step = spec.tick_size, spec.step_size
    notional = tick * step
    return CandleEvent(
        ts_ms=ts_ms,
        symbol=spec.symbol,
        interval=interval,
        open_ms=bar.open_ms,
        open=bar.open * tick,
        high=bar.high * tick,
        low=bar.low * tick,
        close=bar.close * tick,
        volume=bar.lots * step,
        quote_volume=bar.quote * notional,
        trades=bar.trades,
        taker_buy_volume=bar.buy_lots * step,
        taker_buy_quote_volume=bar.buy_quote * notional,
        closed=closed,
    )
