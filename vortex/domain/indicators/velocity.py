"""How fast order flow runs against its own usual speed."""

from __future__ import annotations

from math import sqrt

from vortex.domain.indicators.basics import clip
from vortex.domain.indicators.ewma import EwmaMoments

MINUTE_MS = 60_000
FULL_RMS = 3.0


class FlowVelocity:
    """Order-flow imbalance per minute, read in multiples of its root mean square.

    Args:
        window_ms: Time over which the flow was summed.
        half_life_s: Half-life of the mean square, of which one sample a second is taken.
        warm_s: Samples needed before there is a score.
    """

    def __init__(self, window_ms: int, half_life_s: float, warm_s: int) -> None:
        self._factor = MINUTE_MS / window_ms
        self._squares = EwmaMoments(half_life_s)
        self._warm_s = warm_s
        self._second = 0

    def per_minute(self, flow: float) -> float:
        """V = flow of the window, scaled to a minute; base units."""
        return flow * self._factor

    def sample(self, ts_ms: int, flow: float) -> None:
        """Count the flow of the window that ends at `ts_ms`; only the first of each second is."""
        second = ts_ms // 1000
        if second > self._second:
            self._second = second
            self._squares.add(self.per_minute(flow) ** 2)

    def score(self, flow: float) -> float | None:
        """V = clip(V / (3 rms), -1, 1); 0 where nothing ever flowed, None until warm."""
        if self._squares.count < self._warm_s:
            return None
        full = FULL_RMS * sqrt(self._squares.mean)
        return clip(self.per_minute(flow) / full, -1.0, 1.0) if full > 0.0 else 0.0
