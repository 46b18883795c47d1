"""Wilder's indicators (1978), seeded with the simple mean of the first values, as TA-Lib computes them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

Prices = Sequence[float]


def rsi(closes: Prices, period: int = 14) -> float | None:
    """Relative strength index in [0, 100]; 100 without losses, 50 without any change, None below period + 1 closes."""
    if len(closes) <= period:
        return None
    changes = [new - old for old, new in pairwise(closes)]
    gain = sum([max(change, 0.0) for change in changes[:period]]) / period
    loss = sum([max(-change, 0.0) for change in changes[:period]]) / period
    for change in changes[period:]:
        gain = (gain * (period - 1) + max(change, 0.0)) / period
        loss = (loss * (period - 1) + max(-change, 0.0)) / period
    if loss == 0.0:
        return 100.0 if gain > 0.0 else 50.0
    return 100.0 * gain / (gain + loss)


def true_ranges(highs: Prices, lows: Prices, closes: Prices) -> list[float]:
    """TR of every bar but the first: max(H - L, |H - C'|, |L - C'|) with the previous close C'."""
    return [
        max(high, before) - min(low, before)
        for high, low, before in zip(highs[1:], lows[1:], closes[:-1], strict=True)
    ]  # fmt: skip


def atr_series(highs: Prices, lows: Prices, closes: Prices, period: int) -> list[float]:
    """Average true range from bar `period` on, in price units; empty below period + 1 bars."""
    ranges = true_ranges(highs, lows, closes)
    if len(ranges) < period:
        return []
    series = [sum(ranges[:period]) / period]
    for value in ranges[period:]:
        series.append((series[-1] * (period - 1) + value) / period)
    return series


class Direction(NamedTuple):
    """ADX, +DI and -DI of one bar, each in [0, 100]."""

    adx: float
    plus_di: float
    minus_di: float


def direction_series(highs: Prices, lows: Prices, closes: Prices, period: int = 14) -> list[Direction]:
    """Directional movement from bar 2 * period - 1 on; empty before."""
    series: list[Direction] = []
    total = adx = 0.0
    for count, (plus, minus) in enumerate(_indicators(highs, lows, closes, period), start=1):
        dx = 100.0 * abs(plus - minus) / (plus + minus) if plus + minus > 0.0 else None
        if count <= period:
            total += dx or 0.0
            adx = total / period
        elif dx is not None:  # a bar without any direction leaves the average as it is
            adx = (adx * (period - 1) + dx) / period
        if count >= period:
            series.append(Direction(adx, plus, minus))
    return series


def _indicators(highs: Prices, lows: Prices, closes: Prices, period: int) -> Iterator[tuple[float, float]]:
    """+DI and -DI from bar `period` on; the seed sums period - 1 bars, which is Wilder's and TA-Lib's start."""
    moves = _moves(highs, lows)
    ranges = true_ranges(highs, lows, closes)
    seed = period - 1
    plus = sum([move[0] for move in moves[:seed]])
    minus = sum([move[1] for move in moves[:seed]])
    span = sum(ranges[:seed])
    for (up, down), width in zip(moves[seed:], ranges[seed:], strict=True):
        plus += up - plus / period
        minus += down - minus / period
        span += width - span / period
        yield (100.0 * plus / span, 100.0 * minus / span) if span > 0.0 else (0.0, 0.0)


def _moves(highs: Prices, lows: Prices) -> list[tuple[float, float]]:
    """+DM and -DM of every bar but the first: only the larger of the two, and only when positive."""
    moves = []
    for (old_high, high), (old_low, low) in zip(pairwise(highs), pairwise(lows), strict=True):
        up, down = high - old_high, old_low - low
        moves.append((up if up > down and up > 0.0 else 0.0, down if down > up and down > 0.0 else 0.0))
    return moves
