"""Open interest as polled: its quadrant against price over a quarter of an hour."""

from __future__ import annotations

from collections import deque
from math import inf
from typing import NamedTuple

from vortex.domain.indicators.sentiment import oi_quadrant

SPAN_MS = 900_000
SLACK_MS = 120_000
"""How much older than 15 minutes the sample to compare with may be: a pause of the poll is no quiet market."""


class InterestSample(NamedTuple):
    """Open interest in contracts and the mark price of the moment it was read."""

    ts_ms: int
    contracts: float
    price: float


class InterestRing:
    """The samples of the last quarter of an hour."""

    def __init__(self) -> None:
        self._samples: deque[InterestSample] = deque()

    def add(self, ts_ms: int, contracts: float, price: float) -> InterestSample | None:
        """Keep a sample; return the one before it. One that is no news, or no positive numbers, is left out: None."""
        samples = self._samples
        newest = samples[-1] if samples else None
        if not (0.0 < contracts < inf and 0.0 < price < inf) or (newest is not None and ts_ms <= newest.ts_ms):
            return None
        samples.append(InterestSample(ts_ms, contracts, price))
        while len(samples) > 1 and samples[1].ts_ms <= ts_ms - SPAN_MS:
            samples.popleft()
        return newest

    def quadrant(self, atr_pct: float) -> float | None:
        """Return the quadrant in [-1, 1] over the last 15 minutes; None before there are that many.

        Args:
            atr_pct: ATR14 of 15m candles in percent of price, above 0.
        """
        if not self._samples:
            return None
        old, new = self._samples[0], self._samples[-1]
        if not SPAN_MS <= new.ts_ms - old.ts_ms <= SPAN_MS + SLACK_MS:
            return None
        price_pct = 100.0 * (new.price / old.price - 1.0)
        interest_pct = 100.0 * (new.contracts / old.contracts - 1.0)
        return oi_quadrant(price_pct, interest_pct, atr_pct)
