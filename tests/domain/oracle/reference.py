"""What the engines must say, computed over whole windows with numpy and TA-Lib; imports nothing of the product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import numpy as np
import talib
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Ints: TypeAlias = NDArray[np.int64]

DEPTH, LEVELS = 10, 5
LEVEL_WEIGHTS = 0.5 ** np.arange(LEVELS)
WINDOW_MS = 10_000
RING = 2_000
"""Trades kept of a window at most: a burst beyond is not seen faster."""


def flow_events(bids: Floats, asks: Floats) -> Floats:
    """e^m of Cont, Kukanov and Stoikov for every book but the first; `bids` and `asks` are (books, levels, 2)."""
    bid_price, bid_size = bids[:, :LEVELS, 0], bids[:, :LEVELS, 1]
    ask_price, ask_size = asks[:, :LEVELS, 0], asks[:, :LEVELS, 1]
    up, down = bid_price[1:] >= bid_price[:-1], bid_price[1:] <= bid_price[:-1]
    lower, higher = ask_price[1:] <= ask_price[:-1], ask_price[1:] >= ask_price[:-1]
    return np.asarray(up * bid_size[1:] - down * bid_size[:-1] - lower * ask_size[1:] + higher * ask_size[:-1])


def imbalances(bids: Floats, asks: Floats) -> Floats:
    """I_10 of every book."""
    bid, ask = bids[:, :DEPTH, 1].sum(axis=1), asks[:, :DEPTH, 1].sum(axis=1)
    return np.asarray((bid - ask) / (bid + ask))


def averaged(times: Ints, values: Floats, half_life_ms: float) -> Floats:
    """The time-weighted exponential average as one weighted sum over what came before: no recursion."""
    shares = 1.0 - 2.0 ** (-np.diff(times, prepend=times[0]) / half_life_ms)
    result = np.empty(len(values))
    for end in range(len(values)):
        first = max(0, end - 800)
        later = shares[first + 1 : end + 1]
        keep = np.append(np.cumprod((1.0 - later)[::-1])[::-1], 1.0)
        result[end] = np.dot(keep * np.append(1.0, later), values[first : end + 1])
    return result


class FlowReading:
    """E1 at every book of one unbroken stretch; NaN where there is nothing to say."""

    def __init__(self, times: Ints, bids: Floats, asks: Floats) -> None:
        events = flow_events(bids, asks)
        signed, sizes = events @ LEVEL_WEIGHTS, np.abs(events) @ LEVEL_WEIGHTS
        firsts = np.searchsorted(times[1:], times - WINDOW_MS, side="right")
        counts = np.arange(len(times)) - firsts
        spans = [(first, end) for end, first in enumerate(firsts)]
        weighted = np.array([signed[first:end].sum() for first, end in spans])
        gross = np.array([sizes[first:end].sum() for first, end in spans])
        touch = np.array([events[first:end, 0].sum() for first, end in spans])
        warm = (counts >= 10) & (gross > 0.0)
        self.ratio = np.where(warm, weighted / np.where(gross > 0.0, gross, 1.0), np.nan)
        self.velocity = touch * 6.0
        self.imbalance = averaged(times, imbalances(bids, asks), 1_000.0)
        self.micro = (bids[:, 0, 1] - asks[:, 0, 1]) / (bids[:, 0, 1] + asks[:, 0, 1])
        self.speed = self._speeds(times, counts)
        self.score = self._scores()

    def _speeds(self, times: Ints, counts: Ints) -> Floats:
        full = times - times[1] >= WINDOW_MS if len(times) > 1 else np.zeros(len(times), dtype=bool)
        full[0] = False
        seconds = times // 1_000
        eligible = np.flatnonzero(full)
        picked = [each for each in eligible if each == eligible[0] or seconds[each] != seconds[each - 1]]
        alpha, speeds = 1.0 - 2.0 ** (-1.0 / 600.0), np.full(len(times), np.nan)
        squares = self.velocity[picked] ** 2
        for number in range(119, len(picked)):
            past = squares[: number + 1]
            decay = (1.0 - alpha) ** np.arange(number, -1, -1)
            shares = np.where(np.arange(number + 1) == 0, 1.0, alpha) * decay
            rms = np.sqrt(np.dot(shares, past))
            until = picked[number + 1] if number + 1 < len(picked) else len(times)
            speeds[picked[number] : until] = np.clip(self.velocity[picked[number] : until] / (3.0 * rms), -1.0, 1.0)
        speeds[counts < 10] = np.nan
        return speeds

    def _scores(self) -> Floats:
        parts = np.stack([self.imbalance, self.ratio, self.speed, self.micro])
        weights = np.array([0.40, 0.30, 0.20, 0.10])[:, None] * ~np.isnan(parts)
        present = weights.sum(axis=0)
        score = (weights * np.nan_to_num(parts)).sum(axis=0) / present
        return np.where(present >= 0.6 - 1e-9, score, np.nan)


def toxicity(bought: Floats, sold: Floats, bucket: float, length: int = 50) -> list[float]:
    """VPIN at every close of a bucket: buckets are cut out of the cumulated volume, trades split in proportion."""
    volume = np.concatenate([[0.0], np.cumsum(bought + sold)])
    buys = np.concatenate([[0.0], np.cumsum(bought)])
    edges = np.arange(0, int(volume[-1] / bucket * (1 + 1e-12)) + 1) * bucket
    at_edges = np.interp(edges, volume, buys)
    uneven = np.abs(2.0 * np.diff(at_edges) - bucket)
    return [float(uneven[end - length : end].sum() / (length * bucket)) for end in range(length, len(uneven) + 1)]


def aggression(times: Ints, sizes: Floats, bought: NDArray[np.bool_], now_ms: int) -> tuple[list[float | None], float]:
    """Aggressor ratios of 5, 30 and 120 s and E2's lean, over the trades at or before `now_ms`."""
    ratios: list[float | None] = []
    lean = weight = 0.0
    for window_ms, share in ((5_000, 0.5), (30_000, 0.3), (120_000, 0.2)):
        inside = np.flatnonzero((times > now_ms - window_ms) & (times <= now_ms))[-RING:]
        ratio = float(sizes[inside][bought[inside]].sum() / sizes[inside].sum()) if len(inside) >= 20 else None
        ratios.append(ratio)
        if ratio is not None:
            size = np.clip((abs(ratio - 0.5) - 0.05) / 0.20, 0.0, 1.0)
            lean += share * float(np.sign(ratio - 0.5) * size)
            weight += share
    return ratios, lean / weight if weight >= 0.5 - 1e-9 else np.nan


def rate_z(times: Ints, now_ms: int) -> float:
    """How unusual the trades of the last 5 s are, against complete seconds weighted by age; 0 before 120 of them."""
    seen = times[times <= now_ms]
    velocity = min(float((seen > now_ms - 5_000).sum()), RING) / 5.0
    first, last = int(seen[0]) // 1_000 + 1, now_ms // 1_000
    counts = np.bincount(seen // 1_000 - first + 1, minlength=last - first + 2)[1 : last - first + 1].astype(float)
    if len(counts) < 120:
        return 0.0
    alpha = 1.0 - 2.0 ** (-1.0 / 300.0)
    weights = alpha * (1.0 - alpha) ** np.arange(len(counts) - 1, -1, -1)
    weights[0] /= alpha
    mean = float(np.dot(weights, counts))
    deviation = float(np.sqrt(np.dot(weights, (counts - mean) ** 2)))
    return (velocity - mean) / max(deviation, 0.5)


class CandleReading:
    """E3's and E5's measures of one window of closed candles, by TA-Lib over the whole of it."""

    def __init__(self, high: Floats, low: Floats, close: Floats) -> None:
        with np.errstate(invalid="ignore"):
            rsi = float(talib.RSI(close, 14)[-1])
        self.rsi = 50.0 if np.ptp(close) == 0.0 else rsi
        self.upper, self.middle, self.lower = (float(band[-1]) for band in talib.BBANDS(close, 20, 2.0, 2.0))
        self.atr14 = float(talib.ATR(high, low, close, 14)[-1])
        self.ema20 = float(talib.EMA(close, 20)[-1])
        self.adx = float(talib.ADX(high, low, close, 14)[-1])
        self.plus_di = float(talib.PLUS_DI(high, low, close, 14)[-1])
        self.minus_di = float(talib.MINUS_DI(high, low, close, 14)[-1])
        path = np.abs(np.diff(close[-21:])).sum()
        self.er = float(abs(close[-1] - close[-21]) / path) if path > 0.0 else 0.0
        self.fired = _fired(high, low, close)
        place = (close[-1] - self.lower) / (self.upper - self.lower) if self.upper > self.lower else 0.5
        lean = np.clip((self.rsi - 50.0) / 20.0, -1.0, 1.0)
        drive = np.clip((close[-1] - self.ema20) / (1.5 * self.atr14), -1.0, 1.0) if self.atr14 > 0.0 else 0.0
        self.mr = float(-0.5 * lean + 0.5 * np.clip(1.0 - 2.0 * place, -1.0, 1.0))
        self.tr = float(0.5 * lean + 0.5 * drive)


def _fired(high: Floats, low: Floats, close: Floats) -> int:
    upper, _, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    middle, reach = talib.EMA(close, 20), 1.5 * talib.ATR(high, low, close, 10)
    on = (upper < middle + reach) & (lower > middle - reach)
    centre = (talib.MAX(high, 20) + talib.MIN(low, 20)) / 2.0
    offset = close - (centre + talib.SMA(close, 20)) / 2.0
    for age in range(3):
        if on[-2 - age] and not on[-1 - age]:
            end = len(close) - age
            return int(np.nan_to_num(np.sign(talib.LINEARREG(offset[end - 20 : end], 20)[-1])))
    return 0


def volatility_ratio(minutes: Floats, quarters: Floats) -> float:
    """Rho of the last 15 one-minute log returns over the last 95 fifteen-minute ones."""
    fast = np.sqrt(np.mean(np.diff(np.log(minutes[-16:])) ** 2))
    slow = np.sqrt(np.mean(np.diff(np.log(quarters[-96:])) ** 2))
    return float(fast / (slow / np.sqrt(15.0)))


def regimes(adx: Sequence[float], er: Sequence[float], plus: Sequence[float], minus: Sequence[float]) -> list[str]:
    """The regime after each bar, with hysteresis."""
    states, trending, side = [], False, "UP"
    for strength, straight, up, down in zip(adx, er, plus, minus, strict=True):
        side = side if up == down else "UP" if up > down else "DOWN"
        limits = (20.0, 0.20) if trending else (25.0, 0.30)
        trending = strength >= limits[0] and straight >= limits[1]
        states.append(f"TRENDING_{side}" if trending else "RANGING")
    return states
