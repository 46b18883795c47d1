"""A tiny hand-made market: every value on it can be worked out in one's head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal

from vortex.domain.market import LeverageTier
from vortex.sim.core.market import (
    BookEvent,
    CandleEvent,
    MarketEvent,
    MarkEvent,
    SentimentPoint,
    SymbolSpec,
    TickLevels,
    TradeEvent,
)

MINUTE_MS = 60_000
BOOK_EVERY_MS = 100
TRADE_EVERY_MS = 250
MARK_EVERY_MS = 1_000


def spec(symbol: str = "BTCUSDT") -> SymbolSpec:
    """A contract with ticks of 0.1, lots of 0.001 and three brackets."""
    return SymbolSpec(
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        tick_size=Decimal("0.1"),
        step_size=Decimal("0.001"),
        min_quantity=Decimal("0.002"),
        max_market_quantity=Decimal(120),
        min_notional_usdt=Decimal(100),
        tiers=(
            tier(0, 50_000, "0.004", 0, 125),
            tier(50_000, 600_000, "0.005", 50, 100),
            tier(600_000, 3_000_000, "0.01", 3_050, 20),
        ),
    )


def tier(floor: int, cap: int, rate: str, cumulative: int, leverage: int) -> LeverageTier:
    return LeverageTier(
        floor_usdt=Decimal(floor),
        cap_usdt=Decimal(cap),
        maintenance_rate=Decimal(rate),
        cumulative_usdt=Decimal(cumulative),
        max_leverage=leverage,
    )


def ladder(best_ticks: int, step: int, lots: int, depth: int = 25) -> TickLevels:
    """Levels one tick apart with the same quantity each."""
    return tuple((best_ticks + step * index, lots) for index in range(depth))


def book(ts_ms: int, ask_ticks: int, *, lots: int = 1_000, symbol: str = "BTCUSDT") -> BookEvent:
    """A book with a spread of one tick and `lots` on each of 25 levels."""
    bids, asks = ladder(ask_ticks - 1, -1, lots), ladder(ask_ticks, 1, lots)
    return BookEvent(ts_ms=ts_ms, symbol=symbol, bids=bids, asks=asks)


def mark(ts_ms: int, price: Decimal | int, *, symbol: str = "BTCUSDT") -> MarkEvent:
    return MarkEvent(
        ts_ms=ts_ms,
        symbol=symbol,
        mark_price=Decimal(price),
        index_price=Decimal(price),
        funding_rate=Decimal("0.0001"),
        next_funding_ms=28_800_000,
    )


def trade(ts_ms: int, ticks: int, *, symbol: str = "BTCUSDT", trade_id: int = 1) -> TradeEvent:
    return TradeEvent(
        ts_ms=ts_ms, symbol=symbol, trade_id=trade_id, price_ticks=ticks, quantity_lots=10, buyer_is_maker=False
    )


def candle(symbol: str, interval: str, open_ms: int, ts_ms: int, *, closed: bool = True) -> CandleEvent:
    price = Decimal(60_000)
    return CandleEvent(
        ts_ms=ts_ms,
        symbol=symbol,
        interval=interval,
        open_ms=open_ms,
        open=price,
        high=price + 5,
        low=price - 5,
        close=price,
        volume=Decimal(10),
        quote_volume=price * 10,
        trades=4,
        taker_buy_volume=Decimal(6),
        taker_buy_quote_volume=price * 6,
        closed=closed,
    )


class HandMadeMarket:
    """Implements MarketSource: a book every 100 ms, a trade every 250 ms, a mark price every second, minute candles.

    Args:
        symbols: All of them show the same prices.
        ask_ticks: Best ask in ticks by ms since the start.
        end_ms: The market falls silent this long after its start; endless without.
    """

    def __init__(
        self,
        symbols: tuple[str, ...] = ("BTCUSDT",),
        ask_ticks: Callable[[int], int] = lambda _: 600_000,
        end_ms: int | None = None,
    ) -> None:
        self.specs = tuple(spec(symbol) for symbol in symbols)
        self.label = "made by hand"
        self.notes: tuple[str, ...] = ()
        self.live = False
        self._ask_ticks = ask_ticks
        self._end_ms = end_ms
        self._start_ms = 0
        self._played_ms = 0

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        self._start_ms = start_ms
        while self._end_ms is None or self._played_ms <= self._end_ms:
            for one in self.specs:
                yield from self._moment(one.symbol)
            self._played_ms += 50

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        length_ms = MINUTE_MS if interval == "1m" else 15 * MINUTE_MS
        last_ms = (before_ms - 1) // length_ms * length_ms - length_ms
        opens = range(last_ms - (limit - 1) * length_ms, last_ms + 1, length_ms)
        return [candle(symbol, interval, open_ms, open_ms + length_ms) for open_ms in opens]

    def generated_before_ms(self, symbol: str) -> int:
        del symbol
        return self._start_ms

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        del symbol
        last_ms = now_ms // period_ms * period_ms
        return [
            SentimentPoint(
                ts_ms=last_ms - back * period_ms,
                global_long=Decimal("0.6"),
                top_account_long=Decimal("0.55"),
                top_position_long=Decimal("0.5"),
                open_interest=Decimal(1_000),
            )
            for back in reversed(range(limit))
        ]

    def position(self) -> dict[str, int]:
        return {one.symbol: self._played_ms for one in self.specs}

    def _moment(self, symbol: str) -> Iterator[MarketEvent]:
        played_ms = self._played_ms
        ts_ms, ask_ticks = self._start_ms + played_ms, self._ask_ticks(played_ms)
        if played_ms % BOOK_EVERY_MS == 0:
            yield book(ts_ms, ask_ticks, symbol=symbol)
        if played_ms % TRADE_EVERY_MS == 0:
            yield trade(ts_ms, ask_ticks, symbol=symbol, trade_id=played_ms // TRADE_EVERY_MS + 1)
        if played_ms % MARK_EVERY_MS == 0:
            yield mark(ts_ms, Decimal(ask_ticks) / 10, symbol=symbol)
        if played_ms % MINUTE_MS == 0 and played_ms:
            open_ms = ts_ms - MINUTE_MS
            yield candle(symbol, "1m", open_ms, ts_ms)
