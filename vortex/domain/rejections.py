"""Which rejections are worth a row: the first of each kind, then at most one a minute with a count."""

from __future__ import annotations

from vortex.domain.order import Side
from vortex.domain.trade import Strategy

REPEAT_MS = 60_000


class RejectionThrottle:
    """One symbol's rejections; a change of (action, strategy, reason) is written at once."""

    def __init__(self) -> None:
        self._last: tuple[Side, Strategy, str] | None = None
        self._written_ms = 0
        self._count = 0

    def offer(self, action: Side, strategy: Strategy, reason: str, now_ms: int) -> int | None:
        """Return how many rejections this row stands for, or None when no row is due."""
        self._count += 1
        kind = (action, strategy, reason)
        if kind != self._last:
            self._count = 1
        elif now_ms - self._written_ms < REPEAT_MS:
            return None
        count, self._count = self._count, 0
        self._last, self._written_ms = kind, now_ms
        return count
