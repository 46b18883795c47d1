"""Recorded markets as plain arrays and as the product's values. VORTEX_WHOLE=1 reads them whole, else a slice."""

from __future__ import annotations

import csv
import gzip
import json
import os
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import islice

import numpy as np
from msgspec import Struct

from tests.domain.builders import SYMBOL, trade
from tests.domain.oracle.reference import Floats, Ints
from tests.kit.recordings import recording
from vortex.domain.market import INTERVAL_MS, Candle, Interval, Levels, Trade

WHOLE = bool(os.environ.get("VORTEX_WHOLE"))
SLOT_MS = 100
DEPTH = 20
MINUTE_MS = 60_000


class Capture(Struct, frozen=True):
    """Books once per 100 ms and every trade of a recorded session, times in event time."""

    times: list[int]
    ladders: list[tuple[Levels, Levels]]
    trades: list[Trade]


def _apply(side: dict[float, float], rows: Sequence[Sequence[str]]) -> None:
    for price, quantity in rows:
        if float(quantity) == 0.0:
            side.pop(float(price), None)
        else:
            side[float(price)] = float(quantity)


@cache
def capture(name: str, lines: int) -> Capture:
    """Rebuild a session from its snapshot and differences; at most `lines` lines of it unless all are wanted."""
    bids: dict[float, float] = {}
    asks: dict[float, float] = {}
    made, last_id, slot = Capture([], [], []), 0, 0
    with gzip.open(recording(f"l2/{name}"), "rt") as file:
        for line in islice(file, None if WHOLE else lines):
            message = json.loads(line.split(" ", 1)[1])
            event = message.get("data", message)
            if "lastUpdateId" in event:
                last_id = event["lastUpdateId"]
                _apply(bids, event["bids"])
                _apply(asks, event["asks"])
            elif event["e"] == "depthUpdate" and last_id and event["u"] >= last_id:
                _apply(bids, event["b"])
                _apply(asks, event["a"])
                if event["T"] // SLOT_MS > slot:
                    slot = event["T"] // SLOT_MS
                    made.times.append(event["T"])
                    made.ladders.append((_best(bids, highest=True), _best(asks, highest=False)))
            elif event["e"] == "trade":
                made.trades.append(trade(event["t"], event["T"], buy=not event["m"], quantity=float(event["q"]),
                                         price=float(event["p"])))  # fmt: skip
    return made


def _best(side: dict[float, float], *, highest: bool) -> Levels:
    return tuple([(price, side[price]) for price in sorted(side, reverse=highest)[:DEPTH]])


@cache
def minutes(name: str, from_ms: int, hours: float) -> tuple[Candle, ...]:
    """Recorded one-minute candles from a time on; the whole file when all is wanted."""
    with gzip.open(recording(f"klines_1m/{name}"), "rt") as file:
        rows = [row for row in csv.reader(file) if row[0].isdigit()]
    made = [
        _candle("1m", int(row[0]), *(float(each) for each in row[1:6]))
        for row in rows
        if WHOLE or from_ms <= int(row[0]) < from_ms + hours * 3_600_000
    ]
    return tuple(made[next(i for i, each in enumerate(made) if each.open_ms % INTERVAL_MS["15m"] == 0) :])


@cache
def crash_trades(coin: str, rows: int) -> tuple[Trade, ...]:
    """Trades of 2025-10-10 in contracts; the last `rows` before 21:45 UTC unless all are wanted."""
    with gzip.open(recording(f"crash_20251010/cm_{coin}usd_perp_trades_20251010.csv.gz"), "rt") as file:
        made = [
            trade(int(row["id"]), int(row["timestamp"]) // 1_000, buy=row["side"] == "buy",
                  quantity=float(row["amount"]), price=float(row["price"]))
            for row in csv.DictReader(file)
        ]  # fmt: skip
    until = next(i for i, each in enumerate(made) if each.ts_ms >= 1_760_132_700_000)
    return tuple(made if WHOLE else made[max(0, until - rows) : until])


def candles_of(trades: Sequence[Trade]) -> tuple[Candle, ...]:
    """One-minute candles of trades; a minute without any is flat and has no volume. Starts on a quarter of an hour."""
    by_minute: dict[int, list[Trade]] = {}
    for each in trades:
        by_minute.setdefault(each.ts_ms // MINUTE_MS, []).append(each)
    first = -(-min(by_minute) // 15) * 15
    made: list[Candle] = []
    last = trades[0].price
    for minute in range(first, max(by_minute)):
        prices = [each.price for each in by_minute.get(minute, ())] or [last]
        volume = sum(each.quantity for each in by_minute.get(minute, ()))
        last = prices[-1]
        made.append(_candle("1m", minute * MINUTE_MS, prices[0], max(prices), min(prices), last, volume))
    return tuple(made)


def quarters(minutes: Sequence[Candle]) -> Iterator[Candle]:
    """Whole 15m candles of contiguous minutes that begin on a quarter of an hour."""
    for start in range(0, len(minutes) - 14, 15):
        part = minutes[start : start + 15]
        yield _candle(
            "15m", part[0].open_ms, part[0].open, max(each.high for each in part), min(each.low for each in part),
            part[-1].close, sum(each.volume for each in part),
        )  # fmt: skip


def _candle(
    interval: Interval, open_ms: int, first: float, high: float, low: float, last: float, volume: float
) -> Candle:
    return Candle(
        symbol=SYMBOL, interval=interval, open_ms=open_ms, open=first, high=high, low=low, close=last, volume=volume,
        taker_buy_volume=0.0, closed=True,
    )  # fmt: skip


def arrays(ladders: Sequence[tuple[Levels, Levels]]) -> tuple[Floats, Floats]:
    """Bids and asks as (books, levels, 2)."""
    return np.array([bids for bids, _ in ladders]), np.array([asks for _, asks in ladders])


def prices(candles: Sequence[Candle]) -> tuple[Floats, Floats, Floats]:
    """Highs, lows and closes."""
    return (
        np.array([each.high for each in candles]),
        np.array([each.low for each in candles]),
        np.array([each.close for each in candles]),
    )


def stamps(trades: Sequence[Trade]) -> Ints:
    """Their times."""
    return np.array([each.ts_ms for each in trades])
