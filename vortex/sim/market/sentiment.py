"""Generated positioning and funding: seeded, slow, and the same however often and in whatever order it is asked.

No exchange published these figures; they let the sentiment engine run and are flagged `generated` where they are used.
"""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

from vortex.sim.core.market import SentimentPoint
from vortex.sim.market.dice import drift, fraction

HOUR_MS = 3_600_000
FUNDING_MS = 8 * HOUR_MS

_SHARE = Decimal("0.0001")
_RATE = Decimal("0.00000001")


class Positioning:
    """Positioning of one symbol: long shares around 0.52 to 0.60, open interest within 6 % of its mean.

    Args:
        seed: The simulator's seed.
        symbol: Each symbol has its own course.
        open_interest: Mean open interest in base units.
        step: Grid of the open interest.
    """

    def __init__(self, seed: int, symbol: str, open_interest: Decimal, step: Decimal) -> None:
        self._key = (seed, symbol)
        self._open_interest = open_interest
        self._step = step

    def series(self, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """The last `limit` points on the grid of `period_ms`, oldest first, none after `now_ms`."""
        last_ms = now_ms // period_ms * period_ms
        return [self._at(last_ms - back * period_ms) for back in range(limit - 1, -1, -1)]

    def funding_rate(self, now_ms: int) -> Decimal:
        """The rate (fraction) that settles next: around 0.01 %, constant between settlements."""
        course = drift(next_funding_ms(now_ms), 3 * FUNDING_MS, *self._key, "funding")
        return Decimal(0.0001 + 0.00005 * course).quantize(_RATE, ROUND_HALF_EVEN)

    def _at(self, ts_ms: int) -> SentimentPoint:
        interest = self._open_interest * Decimal(1.0 + 0.06 * self._course(ts_ms, "open_interest"))
        return SentimentPoint(
            ts_ms=ts_ms,
            global_long=self._share(ts_ms, "global"),
            top_account_long=self._share(ts_ms, "top_account"),
            top_position_long=self._share(ts_ms, "top_position"),
            open_interest=interest.quantize(self._step, ROUND_HALF_EVEN),
        )

    def _share(self, ts_ms: int, name: str) -> Decimal:
        mean = 0.52 + 0.08 * fraction(*self._key, name)
        return Decimal(mean + 0.06 * self._course(ts_ms, name)).quantize(_SHARE, ROUND_HALF_EVEN)

    def _course(self, ts_ms: int, name: str) -> float:
        """In [-1, 1]: mostly the days' mood, a little of the hour's."""
        slow = drift(ts_ms, 36 * HOUR_MS, *self._key, name)
        quick = drift(ts_ms, 2 * HOUR_MS, *self._key, name)
        return 0.75 * slow + 0.25 * quick


def next_funding_ms(now_ms: int) -> int:
    """The next settlement after `now_ms`: 00:00, 08:00 or 16:00 UTC."""
    return (now_ms // FUNDING_MS + 1) * FUNDING_MS
