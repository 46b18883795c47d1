"""Who trades at the other side's price, and how fast trades come."""

from __future__ import annotations

from vortex.domain.indicators.ewma import EwmaMoments

DEAD_BAND = 0.05
FULL_SPAN = 0.20
"""The score is 0 within 0.5 +- DEAD_BAND and reaches 1 FULL_SPAN beyond it."""

MAX_SILENT_S = 10
LEAST_DEVIATION = 0.5


def aggressor_ratio(buy_volume: float, sell_volume: float) -> float | None:
    """AR = buys / (buys + sells) in [0, 1] by aggressor volume; None without volume."""
    total = buy_volume + sell_volume
    return buy_volume / total if total > 0.0 else None


def aggressor_score(ratio: float) -> float:
    """Return a_w in [-1, 1] of an aggressor ratio: 0 inside [0.45, 0.55], +-1 from 0.25 and 0.75 outward."""
    lean = ratio - 0.5
    size = min((abs(lean) - DEAD_BAND) / FULL_SPAN, 1.0)
    return 0.0 if size <= 0.0 else size if lean > 0.0 else -size


class TradeRate:
    """Trades per complete second against their own slow average.

    A second without trades counts as zero only while the stream is known to live: after a silence of more than
    MAX_SILENT_S nobody knows what happened in it, and the average stays as it was.
    """

    def __init__(self, half_life_s: float, warm_s: int) -> None:
        self._moments = EwmaMoments(half_life_s)
        self._warm_s = warm_s
        self._second: int | None = None
        self._count = 0
        self._partial = True

    def tick(self, ts_ms: int, trades: int = 0) -> None:
        """Let event time pass to `ts_ms` (never back) and count trades there; a late trade counts now."""
        second = ts_ms // 1000
        if self._second is None:
            self._second = second
        elif second > self._second:
            self._close(second, silent=second - self._second - 1)
        self._count += trades

    def z(self, velocity: float) -> float:
        """Return how many deviations (at least 0.5 trades/s each) velocity lies above its mean; 0 until warm."""
        if self._moments.count < self._warm_s:
            return 0.0
        return (velocity - self._moments.mean) / max(self._moments.deviation, LEAST_DEVIATION)

    def _close(self, second: int, silent: int) -> None:
        if not self._partial:
            self._moments.add(float(self._count))
        self._partial = silent > MAX_SILENT_S
        for _ in range(0 if self._partial else silent):
            self._moments.add(0.0)
        self._second = second
        self._count = 0
