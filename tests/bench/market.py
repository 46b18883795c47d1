"""A market of decoded frames, the same for every side of a comparison: seeded, built before any clock starts.

A symbol and second has 10 books of 20 levels, 30 trades, 8 forming candles and a mark price. Time goes in 30 slices a
second; in one slice a symbol gets at most one value of a kind, so that nothing is conflated unless the system lags.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count
from random import Random
from typing import TypeAlias

from msgspec import Struct
from msgspec.structs import replace

from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import (
    INTERVAL_MS,
    Book,
    Candle,
    CandleHistory,
    Interval,
    Levels,
    MarketValue,
    MarkPrice,
    Sentiment,
    Trade,
    Trades,
)

START_MS = 1_800_000_007_000
SLICES_PER_S = 30
BOOK_EVERY, CANDLE_EVERY = 3, 8
BARS = 96
LEVELS = 20
TICK = 0.1
TAPES = 20
"""Different price histories; more symbols than these share levels and trades, under their own names."""

Slice: TypeAlias = tuple[MarketValue, ...]


class Tape(Struct, frozen=True):
    """One symbol: what it needs to be warm, and what happens in each slice."""

    symbol: str
    history: Slice
    slices: tuple[Slice, ...]


def market(symbols: int, seconds: float, seed: int = 7) -> list[Tape]:
    """Tapes of this many symbols, each `seconds` long."""
    originals = [_tape(Random(f"{seed}:{number}"), number, seconds) for number in range(min(symbols, TAPES))]
    return [_renamed(originals[number % TAPES], f"S{number:03}USDT") for number in range(symbols)]


def slice_ms(number: int) -> int:
    """Event time of a slice, epoch ms."""
    return START_MS + number * 1000 // SLICES_PER_S


def _renamed(tape: Tape, symbol: str) -> Tape:
    def named(values: Slice) -> Slice:
        return tuple([replace(value, symbol=symbol) for value in values])

    return Tape(symbol, named(tape.history), tuple([named(values) for values in tape.slices]))


class _Walk:
    """Prices and sizes of one symbol: momentum that comes and goes, so that engines have something to say."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.price = 1_000.0 + 59_000.0 * random.random()
        self._drift = 0.0

    def step(self, scale: float) -> float:
        self._drift += self.random.gauss(0.0, 0.3) - 0.1 * self._drift
        self.price *= 1.0 + scale * (self._drift + self.random.gauss(0.0, 1.0))
        return self.price

    def book(self) -> tuple[Levels, Levels]:
        best = round(self.price / TICK) * TICK
        size = self.random.expovariate
        bids = tuple([(round(best - level * TICK, 1), round(size(0.5) + 0.001, 3)) for level in range(LEVELS)])
        asks = tuple([(round(best + (level + 1) * TICK, 1), round(size(0.5) + 0.001, 3)) for level in range(LEVELS)])
        return bids, asks


def _tape(random: Random, number: int, seconds: float) -> Tape:
    walk = _Walk(random)
    candles = [_history(walk, interval) for interval in ("15m", "1m")]  # the newest price last
    history: Slice = (*candles, _sentiment(random))
    events = _events(walk, number)
    return Tape("", history, tuple([next(events) for _ in range(round(seconds * SLICES_PER_S))]))


def _history(walk: _Walk, interval: Interval) -> CandleHistory:
    span_ms = INTERVAL_MS[interval]
    end_ms = START_MS // span_ms * span_ms
    made = [_candle(walk, interval, end_ms - (BARS - bar) * span_ms, closed=True) for bar in range(BARS)]
    return CandleHistory(symbol="", interval=interval, candles=tuple(made))


def _candle(walk: _Walk, interval: Interval, open_ms: int, *, closed: bool) -> Candle:
    scale = 1e-4 if interval == "1m" else 4e-4
    prices = [walk.step(scale if closed else 0.0) for _ in range(6)]
    return Candle(
        symbol="", interval=interval, open_ms=open_ms, open=prices[0], high=max(prices), low=min(prices),
        close=prices[-1], volume=12.0, taker_buy_volume=6.0, closed=closed,
    )  # fmt: skip


def _sentiment(random: Random) -> Sentiment:
    hourly = tuple([0.5 + 0.05 * random.random() for _ in range(720)])
    return Sentiment(
        symbol="", recv_ms=START_MS, global_long=0.56, top_position_long=0.52, ratios_ms=START_MS,
        global_hourly=hourly, top_position_hourly=hourly, funding_rate=1e-4, funding_ms=START_MS,
    )  # fmt: skip


def _events(walk: _Walk, number: int) -> Iterator[Slice]:
    flow, epochs, trade_ids = BookFlow(), count(1), count(1)
    for at in count():
        ts_ms, phase = slice_ms(at), at + number
        walk.step(2e-6)
        values: list[MarketValue] = [_trades(walk, next(trade_ids), ts_ms)]
        if phase % BOOK_EVERY == 0:
            bids, asks = walk.book()
            steps = (flow.step(ts_ms, bids, asks),)
            values.append(
                Book(symbol="", epoch=next(epochs), ts_ms=ts_ms, recv_ms=ts_ms, bids=bids, asks=asks, steps=steps)
            )
        if phase % CANDLE_EVERY == 0:
            values += [_candle(walk, interval, ts_ms // INTERVAL_MS[interval] * INTERVAL_MS[interval], closed=False)
                       for interval in ("1m", "15m")]  # fmt: skip
        if phase % SLICES_PER_S == 0:
            values.append(_mark(walk, ts_ms))
        yield tuple(values)


def _trades(walk: _Walk, number: int, ts_ms: int) -> Trades:
    random = walk.random
    trade = Trade(
        id=number, ts_ms=ts_ms, price=round(walk.price, 1), quantity=round(random.expovariate(4.0) + 0.001, 3),
        buyer_is_maker=random.random() < 0.5,
    )  # fmt: skip
    return Trades(symbol="", recv_ms=ts_ms, trades=(trade,))


def _mark(walk: _Walk, ts_ms: int) -> MarkPrice:
    return MarkPrice(
        symbol="", ts_ms=ts_ms, recv_ms=ts_ms, mark_price=walk.price, index_price=walk.price, funding_rate=1e-4,
        next_funding_ms=START_MS + 3_600_000,
    )  # fmt: skip


def names(tapes: Sequence[Tape]) -> tuple[str, ...]:
    """The symbols of a market."""
    return tuple([tape.symbol for tape in tapes])
