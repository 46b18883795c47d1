"""Market values for tests, and hypothesis strategies of them."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import (
    INTERVAL_MS,
    Book,
    Candle,
    CandleHistory,
    FlowStep,
    Interval,
    Levels,
    MarkPrice,
    Trade,
    Trades,
)

SYMBOL = "BTCUSDT"
T0 = 1_700_000_100_000  # on the grid of both intervals
TICK = 0.5


def book(
    bids: Levels, asks: Levels, *, ts_ms: int = T0, steps: tuple[FlowStep, ...] = (), epoch: int = 1, lag_ms: int = 20
) -> Book:
    return Book(symbol=SYMBOL, epoch=epoch, ts_ms=ts_ms, recv_ms=ts_ms + lag_ms, bids=bids, asks=asks, steps=steps)


def ladder(mid_ticks: int, bid_sizes: Sequence[float], ask_sizes: Sequence[float]) -> tuple[Levels, Levels]:
    """Levels one tick apart around a mid that lies between two ticks."""
    bids = tuple(((mid_ticks - level) * TICK, size) for level, size in enumerate(bid_sizes))
    asks = tuple(((mid_ticks + 1 + level) * TICK, size) for level, size in enumerate(ask_sizes))
    return bids, asks


def mirror(bids: Levels, asks: Levels, centre: float) -> tuple[Levels, Levels]:
    """Reflect prices at `centre` and swap the sides."""
    return tuple((2 * centre - p, q) for p, q in asks), tuple((2 * centre - p, q) for p, q in bids)


def stream(
    ladders: Sequence[tuple[Levels, Levels]], *, every_ms: int = 100, start_ms: int = T0, flow: BookFlow | None = None
) -> list[Book]:
    """Books as the feed makes them, each with its own flow step."""
    flow = flow or BookFlow()
    books = []
    for number, (bids, asks) in enumerate(ladders):
        ts_ms = start_ms + number * every_ms
        books.append(book(bids, asks, ts_ms=ts_ms, steps=(flow.step(ts_ms, bids, asks),), epoch=number + 1))
    return books


def trade(number: int, ts_ms: int, *, buy: bool, quantity: float = 1.0, price: float = 100.0) -> Trade:
    return Trade(id=number, ts_ms=ts_ms, price=price, quantity=quantity, buyer_is_maker=not buy)


def trades(*items: Trade) -> Trades:
    return Trades(symbol=SYMBOL, recv_ms=items[-1].ts_ms if items else T0, trades=items)


def mark(ts_ms: int, price: float = 100.0) -> MarkPrice:
    return MarkPrice(
        symbol=SYMBOL, ts_ms=ts_ms, recv_ms=ts_ms, mark_price=price, index_price=price, funding_rate=0.0,
        next_funding_ms=0,
    )  # fmt: skip


def candle(
    interval: Interval, open_ms: int, prices: tuple[float, float, float, float], *, closed: bool = True,
    generated: bool = False,
) -> Candle:  # fmt: skip
    first, high, low, last = prices
    return Candle(
        symbol=SYMBOL, interval=interval, open_ms=open_ms, open=first, high=high, low=low, close=last, volume=1.0,
        taker_buy_volume=0.5, closed=closed, generated=generated,
    )  # fmt: skip


def candles(interval: Interval, closes: Sequence[float], *, end_ms: int = T0, wick: float = 0.001) -> list[Candle]:
    """Closed candles that end at `end_ms`, each opening at the close before it."""
    span, count = INTERVAL_MS[interval], len(closes)
    made = []
    for number, close in enumerate(closes):
        first = closes[number - 1] if number else close
        prices = (first, max(first, close) * (1 + wick), min(first, close) * (1 - wick), close)
        made.append(candle(interval, end_ms - (count - number) * span, prices))
    return made


def history(interval: Interval, made: Sequence[Candle]) -> CandleHistory:
    return CandleHistory(symbol=SYMBOL, interval=interval, candles=tuple(made))


def wave(bars: int, *, start: float = 100.0, step: float = 0.002, period: int = 7) -> list[float]:
    """Closes that swing around `start`."""
    return [start * (1 + step * ((number * 3) % period - period // 2)) for number in range(bars)]


sizes = st.lists(st.integers(1, 10_000).map(lambda lots: lots / 1000), min_size=1, max_size=20)
ladders = st.builds(ladder, st.integers(150_000, 150_010), sizes, sizes)
walks = st.lists(st.integers(-40, 40), min_size=96, max_size=96).map(
    lambda moves: [100.0 + sum(moves[: number + 1]) / 100 for number in range(len(moves))]
)
"""96 closes on a cent grid, between about 60 and 140."""
