"""Generated candles before the start: a seeded random walk with the recording's own volatility and activity.

No market printed them. They exist so that indicators can warm up; every reader is told by `generated_before_ms`.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

from msgspec import Struct

from vortex.sim.market.candles import MINUTE_MS, QUARTER_MS, Bar, flat
from vortex.sim.market.playback import Playback
from vortex.sim.market.tape import Tape

HISTORY_MINUTES = 3_600
"""At least this many 1m candles before the start: 60 hours, 240 candles of 15m."""

_CLUSTER_MEMORY = 0.99
"""Minute-to-minute persistence of the log volatility: half of a burst is gone after 69 minutes."""
_CLUSTER_SIZE = 0.35
"""Stationary standard deviation of the log volatility; its mean square is held at the recording's."""


class Pace(Struct, frozen=True, kw_only=True):
    """How a tape moves and trades.

    Attributes:
        volatility: Standard deviation of the 1m log return, from the 1 s returns of the mid (square-root-of-time).
        lots_per_minute: Mean volume, lots.
        lots_per_trade: Mean size of an aggregate trade, lots; 0 without trades.
        buy_share: Share of the volume that takers bought, in [0, 1].
    """

    volatility: float
    lots_per_minute: float
    lots_per_trade: float
    buy_share: float


def pace_of(tape: Tape) -> Pace:
    """Measure a tape."""
    playback = Playback(tape, tape.spec.symbol)
    mids = [playback.double_mid(at_ms) for at_ms in range(0, tape.duration_ms, 1_000)]
    returns = [math.log(after / before) for before, after in pairwise(mids)]
    total = sum(tape.trade_lots)
    bought = sum(lots for lots, maker in zip(tape.trade_lots, tape.trade_makers, strict=True) if not maker)
    return Pace(
        volatility=math.sqrt(60.0 * sum(r * r for r in returns) / len(returns)) if returns else 0.0,
        lots_per_minute=total * MINUTE_MS / tape.duration_ms,
        lots_per_trade=total / len(tape.trade_lots) if tape.trade_lots else 0.0,
        buy_share=bought / total if total else 0.5,
    )


def generated_minutes(pace: Pace, last_price: int, start_ms: int, rng: random.Random) -> list[Bar]:
    """1m candles up to `start_ms`, oldest first, the first on a 15m boundary; the last one is the minute that begins.

    The walk ends at `last_price` (ticks). The minute in which the start falls is walked for its elapsed part only; it
    is flat when the start is a full minute.
    """
    minute_ms = start_ms // MINUTE_MS * MINUTE_MS
    first_ms = (minute_ms - HISTORY_MINUTES * MINUTE_MS) // QUARTER_MS * QUARTER_MS
    lengths = [1.0] * ((minute_ms - first_ms) // MINUTE_MS) + [(start_ms - minute_ms) / MINUTE_MS]
    sigmas = _sigmas(pace.volatility, lengths, rng)
    closes = _closes(last_price, sigmas, rng)
    bars: list[Bar] = []
    previous = closes[0]
    for index, (length, sigma, close) in enumerate(zip(lengths, sigmas, closes, strict=True)):
        open_ms = first_ms + index * MINUTE_MS
        bars.append(_bar(pace, open_ms, (previous, close), (length, sigma), rng) if length else flat(open_ms, previous))
        previous = close
    return bars


def _sigmas(volatility: float, lengths: list[float], rng: random.Random) -> list[float]:
    """Volatility of each candle: a log-normal AR(1) around the tape's, so that calm and lively hours alternate."""
    shock = _CLUSTER_SIZE * math.sqrt(1.0 - _CLUSTER_MEMORY**2)
    level = rng.gauss(0.0, _CLUSTER_SIZE)
    sigmas = []
    for length in lengths:
        level = _CLUSTER_MEMORY * level + rng.gauss(0.0, shock)
        sigmas.append(volatility * math.sqrt(length) * math.exp(level - _CLUSTER_SIZE**2))
    return sigmas


def _closes(last_price: int, sigmas: list[float], rng: random.Random) -> list[int]:
    """The walk, shifted so that it arrives at the price with which the recording begins."""
    total, path = 0.0, []
    for sigma in sigmas:
        total += rng.gauss(0.0, sigma)
        path.append(total)
    return [max(1, round(last_price * math.exp(at - total))) for at in path]


def _bar(pace: Pace, open_ms: int, ends: tuple[int, int], walk: tuple[float, float], rng: random.Random) -> Bar:
    """One candle between two prices: its extremes are those of a Brownian bridge, its volume grows with volatility."""
    (opened, closed), (length, sigma) = ends, walk
    high = _extreme(opened, closed, sigma, rng)
    low = opened + closed - _extreme(opened, closed, sigma, rng)
    liveliness = sigma / (pace.volatility * math.sqrt(length)) if pace.volatility else 1.0
    lots = round(pace.lots_per_minute * length * liveliness * rng.lognormvariate(-0.125, 0.5))
    bought = round(lots * min(0.9, max(0.1, rng.gauss(pace.buy_share, 0.1))))
    typical = (opened + closed) // 2
    return Bar(
        open_ms=open_ms,
        open=opened,
        high=high,
        low=max(1, low),
        close=closed,
        lots=lots,
        quote=lots * typical,
        trades=max(1, round(lots / pace.lots_per_trade)) if lots else 0,
        buy_lots=bought,
        buy_quote=bought * typical,
    )


def _extreme(opened: int, closed: int, sigma: float, rng: random.Random) -> int:
    """The highest price of a Brownian bridge, drawn by inversion: (a + b + sqrt((b - a)^2 - 2 s^2 ln u)) / 2."""
    spread = opened * sigma
    reach = math.sqrt((closed - opened) ** 2 - 2.0 * spread * spread * math.log(1.0 - rng.random()))
    return max(opened, closed, round((opened + closed + reach) / 2.0))
