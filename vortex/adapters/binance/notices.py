"""A log that a flood of the same trouble cannot fill."""

from __future__ import annotations

from collections import Counter

from loguru import logger

from vortex.ports import Clock

QUIET_MS = 60_000.0


class Notices:
    """Counts every occurrence of a kind of trouble and logs it at most once a minute.

    Attributes:
        counts: Occurrences by kind since the start.
    """

    def __init__(self, clock: Clock, name: str) -> None:
        self._clock = clock
        self._name = name
        self._logged_ms: dict[str, float] = {}
        self.counts: Counter[str] = Counter()

    def warn(self, kind: str, text: str) -> None:
        """Count one occurrence; `text` must be safe to log."""
        self.counts[kind] += 1
        now_ms = self._clock.monotonic_ms()
        if now_ms - self._logged_ms.get(kind, -QUIET_MS) >= QUIET_MS:
            self._logged_ms[kind] = now_ms
            logger.warning("{}: {}: {} ({} so far)", self._name, kind, text, self.counts[kind])

    def once(self, kind: str, text: str) -> None:
        """Count one occurrence and log only the first."""
        self.counts[kind] += 1
        if self.counts[kind] == 1:
            logger.warning("{}: {}: {}", self._name, kind, text)
