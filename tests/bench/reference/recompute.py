"""One evaluation by numpy over kept arrays, and the candles' part of it by TA-Lib: everything anew each time."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import talib
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Bars: TypeAlias = tuple[Floats, Floats, Floats]
"""Highs, lows and closes of 96 candles."""

Levels: TypeAlias = Sequence[tuple[float, float]]

WEIGHTS = np.array([0.35, 0.25, 0.20, 0.12, 0.08])


class Arrays:
    """Kept arrays of one symbol, as a ring would hold them: the last of each is the newest."""

    def __init__(self, random: np.random.Generator) -> None:
        walk = 100.0 * np.exp(np.cumsum(random.normal(0.0, 1e-3, (2, 96)), axis=1))
        self.minute, self.quarter = (self._bars(closes, random) for closes in walk)
        steps = np.round(random.normal(0.0, 1.0, 101).cumsum())[:, None] + np.arange(20)[None, :]
        self.bids = np.stack([1_000.0 - steps, random.exponential(2.0, (101, 20))], axis=2)
        self.asks = np.stack([1_001.0 + steps, random.exponential(2.0, (101, 20))], axis=2)
        self.book_ms = np.arange(101) * 100.0
        self.velocities = random.normal(0.0, 50.0, 600)
        self.uneven, self.ranks = random.random(50), random.random(350)
        self.trade_ms = np.sort(random.uniform(-110_000.0, 10_000.0, 2_000))
        self.sizes, self.bought = random.exponential(1.0, 2_000), random.random(2_000) < 0.5
        self.counts = random.poisson(20.0, 600).astype(float)
        self.crowd, self.top = random.normal(0.5, 0.03, 720), random.normal(0.6, 0.03, 720)
        self.interest = random.normal(1e5, 100.0, 31)

    def take(self, ts_ms: float, bids: Levels, asks: Levels) -> None:
        """Keep a book, the newest last."""
        self.bids, self.asks = np.roll(self.bids, -1, axis=0), np.roll(self.asks, -1, axis=0)
        self.book_ms = np.roll(self.book_ms, -1)
        self.bids[-1], self.asks[-1], self.book_ms[-1] = bids, asks, ts_ms

    @staticmethod
    def _bars(closes: Floats, random: np.random.Generator) -> Bars:
        reach = closes * random.uniform(1e-4, 1e-3, 96)
        return closes + reach, closes - reach, closes


def order_flow(kept: Arrays) -> float:
    """E1: imbalance, order-flow ratio, velocity, micro deviation, VPIN and its rank."""
    bids, asks = kept.bids, kept.asks
    depth_bid, depth_ask = bids[:, :10, 1].sum(axis=1), asks[:, :10, 1].sum(axis=1)
    shares = (depth_bid - depth_ask) / (depth_bid + depth_ask)
    smooth = np.dot(0.5 ** ((kept.book_ms[-1] - kept.book_ms) / 1_000.0), shares) / len(shares)
    price_b, size_b, price_a, size_a = bids[:, :5, 0], bids[:, :5, 1], asks[:, :5, 0], asks[:, :5, 1]
    events = (
        (price_b[1:] >= price_b[:-1]) * size_b[1:] - (price_b[1:] <= price_b[:-1]) * size_b[:-1]
        - (price_a[1:] <= price_a[:-1]) * size_a[1:] + (price_a[1:] >= price_a[:-1]) * size_a[:-1]
    )  # fmt: skip
    weights = 0.5 ** np.arange(5)
    ratio = (events @ weights).sum() / (np.abs(events) @ weights).sum()
    past = np.dot(0.998845 ** np.arange(600), kept.velocities**2) * 0.001155
    speed = np.clip(events[:, 0].sum() * 6.0 / (3.0 * np.sqrt(past)), -1.0, 1.0)
    micro = (size_b[-1, 0] - size_a[-1, 0]) / (size_b[-1, 0] + size_a[-1, 0])
    toxic = np.mean(kept.ranks <= kept.uneven.mean())
    return float(0.4 * smooth + 0.3 * ratio + 0.2 * speed + 0.1 * micro + 0.0 * toxic)


def ticks(kept: Arrays) -> float:
    """E2: three aggressor windows, the rate of trades and how unusual it is."""
    now_ms, lean = 10_000.0, 0.0
    for window_ms, share in ((5_000.0, 0.5), (30_000.0, 0.3), (120_000.0, 0.2)):
        inside = kept.trade_ms > now_ms - window_ms
        ratio = kept.sizes[inside & kept.bought].sum() / kept.sizes[inside].sum()
        lean += share * np.sign(ratio - 0.5) * np.clip((abs(ratio - 0.5) - 0.05) / 0.20, 0.0, 1.0)
    velocity = np.count_nonzero(kept.trade_ms > now_ms - 5_000.0) / 5.0
    weights = 0.99769 ** np.arange(600)[::-1] * 0.00231
    mean = np.dot(weights, kept.counts)
    z = (velocity - mean) / max(np.sqrt(np.dot(weights, (kept.counts - mean) ** 2)), 0.5)
    return float(lean * np.clip(0.75 + z / 12.0, 0.5, 1.0))


def _smoothed(values: Floats, seed: int, alpha: float) -> Floats:
    """A recursive average, seeded with the mean of the first values, at every value after them."""
    kept = (1.0 - alpha) ** np.arange(len(values) - seed + 1)
    result = np.empty(len(values) - seed + 1)
    result[0] = values[:seed].mean()
    scaled = np.cumsum(values[seed:] * alpha / kept[1:])
    result[1:] = kept[1:] * (result[0] + scaled)
    return result


def _ranges(bars: Bars) -> Floats:
    high, low, close = bars
    before = close[:-1]
    return np.asarray(np.maximum(high[1:], before) - np.minimum(low[1:], before))


def _frame(bars: Bars) -> tuple[float, float]:
    high, low, close = bars
    changes, ranges = np.diff(close), _ranges(bars)
    gain = _smoothed(np.maximum(changes, 0.0), 14, 1 / 14)[-1]
    loss = _smoothed(np.maximum(-changes, 0.0), 14, 1 / 14)[-1]
    rsi = 100.0 * gain / (gain + loss)
    windows = sliding_window_view(close, 20)
    means, deviations = windows.mean(axis=1), windows.std(axis=1)
    middle, reach = _smoothed(close, 20, 2 / 21), 1.5 * _smoothed(ranges, 10, 1 / 10)[9:]
    on = (means + 2.0 * deviations < middle + reach) & (means - 2.0 * deviations > middle - reach)
    centres = (sliding_window_view(high, 20).max(axis=1) + sliding_window_view(low, 20).min(axis=1)) / 2.0
    offset = close[19:] - (centres + means) / 2.0
    slope = np.polyfit(np.arange(20), offset[-20:], 1)[0] if on[-2] and not on[-1] else 0.0
    lower, upper = means[-1] - 2.0 * deviations[-1], means[-1] + 2.0 * deviations[-1]
    lean = np.clip((rsi - 50.0) / 20.0, -1.0, 1.0)
    place = np.clip(1.0 - 2.0 * (close[-1] - lower) / (upper - lower), -1.0, 1.0)
    drive = np.clip((close[-1] - middle[-1]) / (1.5 * _smoothed(ranges, 14, 1 / 14)[-1]), -1.0, 1.0)
    return float(0.5 * place - 0.5 * lean), float(0.5 * lean + 0.5 * drive + 0.0 * slope)


def technical(kept: Arrays) -> float:
    """E3: mean reversion and trend of two frames."""
    (mr1, tr1), (mr15, tr15) = _frame(kept.minute), _frame(kept.quarter)
    return 0.5 * (0.6 * mr1 + 0.4 * mr15 + 0.4 * tr1 + 0.6 * tr15)


def sentiment(kept: Arrays) -> float:
    """E4: crowd, smart money, open interest."""
    low, high = np.percentile(kept.crowd, [2.5, 97.5])
    smart = (kept.top[-1] - np.median(kept.top[-168:])) - (kept.crowd[-1] - np.median(kept.crowd[-168:]))
    rise = kept.interest[-1] / kept.interest[0] - 1.0
    crowd = -np.sign(kept.crowd[-1] - 0.5) * np.clip((abs(kept.crowd[-1] - 0.5) - 0.10) / 0.15, 0.0, 1.0)
    extreme = 0.0 * float(not low <= kept.crowd[-1] <= high)
    return float(0.4 * crowd + 0.2 * np.clip(smart / 0.1, -1.0, 1.0) + 0.15 * np.sign(rise) + extreme)


def regime(kept: Arrays) -> float:
    """E5: directional movement, efficiency, volatility ratio."""
    high, low, close = kept.quarter
    up, down, ranges = np.diff(high), -np.diff(low), _ranges(kept.quarter)
    plus, minus = np.where((up > down) & (up > 0.0), up, 0.0), np.where((down > up) & (down > 0.0), down, 0.0)
    span = _smoothed(ranges, 14, 1 / 14)
    to_plus, to_minus = _smoothed(plus, 14, 1 / 14) / span, _smoothed(minus, 14, 1 / 14) / span
    adx = _smoothed(100.0 * np.abs(to_plus - to_minus) / (to_plus + to_minus), 14, 1 / 14)[-1]
    er = abs(close[-1] - close[-21]) / np.abs(np.diff(close[-21:])).sum()
    fast = np.sqrt(np.mean(np.diff(np.log(kept.minute[2][-16:])) ** 2))
    rho = fast / np.sqrt(np.mean(np.diff(np.log(close)) ** 2) / 15.0)
    trending = adx >= 25.0 and er >= 0.30 and rho < 3.0
    return float(np.sign(to_plus[-1] - to_minus[-1]) * np.clip((adx - 20.0) / 20.0, 0.0, 1.0)) if trending else 0.0


def evaluation(kept: Arrays) -> tuple[float, float]:
    """All five engines, final score and confidence."""
    scores = np.array([order_flow(kept), ticks(kept), technical(kept), sentiment(kept), regime(kept)])
    final = float(np.dot(WEIGHTS, scores))
    agree = WEIGHTS[(np.sign(scores) == np.sign(final)) & (np.abs(scores) >= 0.1)].sum()
    return final, float(np.clip(0.6 * min(1.0, abs(final) / 0.6) + 0.4 * agree, 0.0, 1.0))


def by_talib(kept: Arrays) -> float:
    """E3's and E5's indicators of two frames by TA-Lib, whole arrays each time."""
    total = 0.0
    for high, low, close in (kept.minute, kept.quarter):
        total += talib.RSI(close, 14)[-1] + talib.BBANDS(close, 20, 2.0, 2.0)[0][-1]
        total += talib.ATR(high, low, close, 14)[-1] + talib.ATR(high, low, close, 10)[-1] + talib.EMA(close, 20)[-1]
        offset = close - ((talib.MAX(high, 20) + talib.MIN(low, 20)) / 2.0 + talib.SMA(close, 20)) / 2.0
        total += talib.LINEARREG(offset, 20)[-1]
    high, low, close = kept.quarter
    total += talib.ADX(high, low, close, 14)[-1]
    return float(total + talib.PLUS_DI(high, low, close, 14)[-1] - talib.MINUS_DI(high, low, close, 14)[-1])
