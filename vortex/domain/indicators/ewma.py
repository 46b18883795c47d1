"""Exponentially weighted averages, by time and by count."""

from __future__ import annotations

from math import exp2, sqrt


def decay_share(elapsed: float, half_life: float) -> float:
    """Return alpha = 1 - 2^(-elapsed / half_life) in [0, 1); both in one unit, no time elapsed gives 0."""
    return 1.0 - exp2(-max(elapsed, 0.0) / half_life)


class TimeEwma:
    """An average whose memory halves every `half_life_ms` of event time; the first value initialises it."""

    def __init__(self, half_life_ms: float) -> None:
        self._half_life_ms = half_life_ms
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.value: float | None = None
        self._ts_ms = 0

    def add(self, ts_ms: int, value: float) -> None:
        """Move towards `value` by the time since the last one; a value of the same millisecond moves nothing."""
        if self.value is None:
            self.value = value
        else:
            self.value += decay_share(ts_ms - self._ts_ms, self._half_life_ms) * (value - self.value)
        self._ts_ms = max(self._ts_ms, ts_ms)


class EwmaMoments:
    """Exponentially weighted mean and population variance of equally spaced samples.

    Equal to pandas' ewm(halflife, adjust=False).mean() and .var(bias=True).
    """

    def __init__(self, half_life: float) -> None:
        self._alpha = decay_share(1.0, half_life)
        self.mean = 0.0
        self.variance = 0.0
        self.count = 0

    def add(self, value: float) -> None:
        """Take one more sample."""
        if self.count == 0:
            self.mean = value
        else:
            delta = value - self.mean
            self.mean += self._alpha * delta
            self.variance = (1.0 - self._alpha) * (self.variance + self._alpha * delta * delta)
        self.count += 1

    @property
    def deviation(self) -> float:
        """The standard deviation."""
        return sqrt(self.variance)
