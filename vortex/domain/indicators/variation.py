"""How straight and how violently a price moves."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import log, sqrt


def efficiency_ratio(closes: Sequence[float], period: int = 20) -> float | None:
    """Kaufman's |C_t - C_(t-period)| / sum |dC| in [0, 1]; 0 without any path, None below period + 1 closes."""
    if len(closes) <= period:
        return None
    last = closes[-period - 1 :]
    path = sum([abs(new - old) for old, new in pairwise(last)])
    return min(abs(last[-1] - last[0]) / path, 1.0) if path > 0.0 else 0.0


def rms_log_return(closes: Sequence[float]) -> float | None:
    """Root mean square of the log returns between these (positive) closes; None below two closes."""
    returns = [log(new / old) for old, new in pairwise(closes)]
    return sqrt(sum([value * value for value in returns]) / len(returns)) if returns else None


def volatility_ratio(minute_closes: Sequence[float], quarter_closes: Sequence[float]) -> float | None:
    """Rho: rms of the last 15 one-minute returns over that of up to 95 fifteen-minute ones scaled to a minute.

    None with fewer than 16 one-minute closes or 2 fifteen-minute ones, or where the latter never moved.
    """
    if len(minute_closes) <= 15:  # noqa: PLR2004  # the same 15 as in the next line
        return None
    fast = rms_log_return(minute_closes[-16:])
    slow = rms_log_return(quarter_closes[-96:])
    return fast / (slow / sqrt(15.0)) if fast is not None and slow else None
