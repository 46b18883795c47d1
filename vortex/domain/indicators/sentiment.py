"""Contrarian readings of positioning, funding and open interest; positive favours LONG."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Literal, TypeAlias

from vortex.domain.indicators.basics import clip, sign

CrowdMode: TypeAlias = Literal["absolute", "adaptive"]

SLACK = 1e-9
FUNDING_NEUTRAL = 1e-4
FUNDING_SPAN = 4e-4
FUNDING_EXTREME = 5e-4
CROWD_BAND = 0.10
CROWD_SPAN = 0.15
CROWD_EXTREME = 0.20
TAIL = 0.025
WEEK_H = 168
SMART_HOURS = 48
OI_FLAT_PCT = 0.1
OI_FULL_PCT = 1.0


def long_share(ratio: float) -> float:
    """L = r / (1 + r) in [0, 1) of a long/short ratio r >= 0."""
    return ratio / (1.0 + ratio)


def funding_8h(rate: float, interval_h: int) -> float:
    """Funding rate rescaled linearly to eight hours, as a fraction."""
    return rate * 8.0 / interval_h


def crowd_score(share: float) -> float:
    """Fade the crowd: 0 within 0.5 +- 0.10, -1 from 0.75 and +1 from 0.25 outward."""
    lean = share - 0.5
    return -sign(lean) * clip((abs(lean) - CROWD_BAND) / CROWD_SPAN, 0.0, 1.0)


def crowd_extreme(share: float, history: Sequence[float] = (), mode: CrowdMode = "adaptive") -> int:
    """Return the contrarian direction (-1, 0, +1) of an extreme crowd.

    Extreme is a share beyond 0.5 +- 0.20; in adaptive mode also one outside the central 95 % of its own hourly
    history (a week or more of it) while 0.10 away from 0.5.
    """
    lean = share - 0.5
    extreme = abs(lean) > CROWD_EXTREME + SLACK
    if mode == "adaptive" and abs(lean) >= CROWD_BAND - SLACK and len(history) >= WEEK_H:
        ranked = sorted(history)
        extreme = extreme or not percentile(ranked, TAIL) <= share <= percentile(ranked, 1.0 - TAIL)
    return -sign(lean) if extreme else 0


def percentile(ranked: Sequence[float], rank: float) -> float:
    """Value at `rank` in [0, 1] of a sorted, non-empty sequence, interpolated linearly."""
    place = rank * (len(ranked) - 1)
    below = int(place)
    above = min(below + 1, len(ranked) - 1)
    return ranked[below] + (place - below) * (ranked[above] - ranked[below])


def funding_score(rate_8h: float) -> float:
    """Fade the payers: 0 within +-0.01 % per 8 h, -1 from +0.05 % and +1 from -0.05 % outward."""
    excess = abs(rate_8h) - FUNDING_NEUTRAL
    return -sign(rate_8h) * clip(excess / FUNDING_SPAN, 0.0, 1.0) if excess > SLACK else 0.0


def funding_extreme(rate_8h: float) -> int:
    """Return the contrarian direction (-1, 0, +1) of funding at or beyond +-0.05 % per 8 h."""
    return -sign(rate_8h) if abs(rate_8h) >= FUNDING_EXTREME - SLACK else 0


def smart_score(
    top_share: float, global_share: float, top_hourly: Sequence[float], global_hourly: Sequence[float]
) -> float | None:
    """Follow top traders against the crowd, each measured from its own 7-day median.

    Positions of top traders 10 points above their median while the crowd is at its own give +1. None below 48
    hourly values of either.
    """
    if min(len(top_hourly), len(global_hourly)) < SMART_HOURS:
        return None
    top = top_share - median(top_hourly[-WEEK_H:])
    crowd = global_share - median(global_hourly[-WEEK_H:])
    return clip((top - crowd) / 0.10, -1.0, 1.0)


def oi_quadrant(price_pct: float, interest_pct: float, atr_pct: float) -> float:
    """Follow a price that open interest confirms, fade one that it leaves, in [-1, 1].

    Args:
        price_pct: Price change over 15 minutes, percent.
        interest_pct: Change of open interest in contracts over the same time, percent.
        atr_pct: ATR14 of 15m candles in percent of price, positive.
    """
    if min(abs(price_pct), abs(interest_pct)) < OI_FLAT_PCT:
        return 0.0
    strength = min(1.0, abs(interest_pct) / OI_FULL_PCT) * min(1.0, abs(price_pct) / atr_pct)
    return sign(price_pct) * sign(interest_pct) * strength
