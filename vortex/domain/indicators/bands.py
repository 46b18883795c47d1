"""Bollinger and Keltner bands, the squeeze of one inside the other, and its momentum."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

from vortex.domain.indicators.basics import sign
from vortex.domain.indicators.wilder import atr_series

PERIOD = 20
BOLLINGER_WIDTH = 2.0
KELTNER_WIDTH = 1.5
KELTNER_ATR = 10
KEPT_BARS = 3

Prices = Sequence[float]


class Band(NamedTuple):
    """A channel in price units."""

    lower: float
    middle: float
    upper: float

    def position(self, price: float) -> float:
        """%b: 0 on the lower band, 1 on the upper one; 0.5 where the band has no width."""
        width = self.upper - self.lower
        return (price - self.lower) / width if width > 0.0 else 0.5


def bollinger(closes: Prices) -> Band | None:
    """SMA20 +- 2 population standard deviations of the last 20 closes; None with fewer."""
    if len(closes) < PERIOD:
        return None
    last = closes[-PERIOD:]
    mean = sum(last) / PERIOD
    reach = BOLLINGER_WIDTH * sqrt(sum([(close - mean) ** 2 for close in last]) / PERIOD)
    return Band(mean - reach, mean, mean + reach)


def ema_series(values: Prices, period: int = PERIOD) -> list[float]:
    """Exponential moving average from value `period - 1` on, seeded with the simple mean; empty with fewer."""
    if len(values) < period:
        return []
    alpha = 2.0 / (period + 1)
    series = [sum(values[:period]) / period]
    for value in values[period:]:
        series.append(series[-1] + alpha * (value - series[-1]))
    return series


def keltner_series(highs: Prices, lows: Prices, closes: Prices) -> list[Band]:
    """EMA20 +- 1.5 ATR10 (Wilder) from bar 19 on; empty before."""
    middles = ema_series(closes)
    ranges = atr_series(highs, lows, closes, KELTNER_ATR)[PERIOD - 1 - KELTNER_ATR :]
    return [
        Band(middle - KELTNER_WIDTH * width, middle, middle + KELTNER_WIDTH * width)
        for middle, width in zip(middles, ranges, strict=False)
    ]


def squeeze_series(highs: Prices, lows: Prices, closes: Prices, last: int) -> list[bool]:
    """Tell for each of the last bars (at most `last`, none before bar 19) whether Bollinger lies inside Keltner."""
    flags = []
    bars = len(closes)
    channels = keltner_series(highs, lows, closes)[-last:]
    for end, channel in enumerate(channels, start=bars - len(channels) + 1):
        band = bollinger(closes[:end][-PERIOD:])
        flags.append(band is not None and band.upper < channel.upper and band.lower > channel.lower)
    return flags


def momentum(highs: Prices, lows: Prices, closes: Prices) -> float | None:
    """Last value of the 20-bar regression line of C - ((maxH20 + minL20) / 2 + SMA20) / 2; None below 39 bars."""
    bars = len(closes)
    if bars < 2 * PERIOD - 1:
        return None
    offsets = []
    for end in range(bars - PERIOD + 1, bars + 1):
        window = slice(end - PERIOD, end)
        centre = (max(highs[window]) + min(lows[window])) / 2.0
        offsets.append(closes[end - 1] - (centre + sum(closes[window]) / PERIOD) / 2.0)
    return _regression_end(offsets)


def _regression_end(values: Prices) -> float:
    half = (len(values) - 1) / 2.0
    slope = sum([(x - half) * y for x, y in enumerate(values)]) / sum([(x - half) ** 2 for x in range(len(values))])
    return sum(values) / len(values) + slope * half


def squeeze_fired(highs: Prices, lows: Prices, closes: Prices) -> int:
    """Return the direction (momentum's sign) of a squeeze that ended in one of the last 3 bars; 0 without one."""
    flags = squeeze_series(highs, lows, closes, KEPT_BARS + 1)
    for age in range(len(flags) - 1):
        if flags[-2 - age] and not flags[-1 - age]:
            end = len(closes) - age
            return sign(momentum(highs[:end], lows[:end], closes[:end]) or 0.0)
    return 0
