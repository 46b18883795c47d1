"""Sums and medians over a moving window of event time."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import deque
from math import inf
from typing import TypeAlias

Entry: TypeAlias = tuple[float, float, float]
_FLOOR: Entry = (inf, 0.0, 0.0)
"""Lies below the old entries: sums nothing, and never leaves the window."""


class SlidingSums:
    """Two sums over the half-open window (now - window_ms, now], at most `capacity` entries, amortised O(1).

    Two stacks instead of a running sum: nothing is ever subtracted, so no rounding error outlives the entry that
    caused it, and equal windows reached by equal entries have bit-equal sums. Entries must not go back in time.

    Attributes:
        count: Entries in the window.
    """

    def __init__(self, window_ms: int, capacity: int = 1_000_000) -> None:
        self.window_ms = window_ms
        self._capacity = capacity
        self.clear()

    def clear(self) -> None:
        """Forget every entry."""
        self.count = 0
        self._old = [_FLOOR]  # (time, sums from here to the newest old entry); the oldest entry is last
        self._new: list[Entry] = []
        self._first = self._second = 0.0
        self._since_ms: float | None = None

    def __len__(self) -> int:
        return self.count

    @property
    def first(self) -> float:
        """Sum of the first values in the window."""
        return self._old[-1][1] + self._first

    @property
    def second(self) -> float:
        """Sum of the second values in the window."""
        return self._old[-1][2] + self._second

    def truncated(self, now_ms: int) -> bool:
        """Tell whether the oldest entry ever kept is newer than the window's edge."""
        return self._since_ms is None or self._since_ms > now_ms - self.window_ms

    def add(self, ts_ms: int, first: float, second: float) -> None:
        """Add an entry and forget what its time pushes out of the window."""
        if self._since_ms is None:
            self._since_ms = ts_ms
        self._new.append((ts_ms, first, second))
        self._first += first
        self._second += second
        self.count += 1
        self.expire(ts_ms)
        if self.count > self._capacity:
            self._drop_for_room()

    def expire(self, now_ms: int) -> None:
        """Forget entries at or before now - window_ms."""
        edge, old = now_ms - self.window_ms, self._old
        while True:
            while old[-1][0] <= edge:
                old.pop()
                self.count -= 1
            if len(old) > 1 or not self._new or self._new[0][0] > edge:
                return
            self._turn()

    def _drop_for_room(self) -> None:
        if len(self._old) == 1:
            self._turn()
        self._old.pop()
        self.count -= 1
        self._since_ms = (self._old[-1] if len(self._old) > 1 else self._new[0])[0]

    def _turn(self) -> None:
        first = second = 0.0
        for ts_ms, one, two in reversed(self._new):
            first += one
            second += two
            self._old.append((ts_ms, first, second))
        self._new = []
        self._first = self._second = 0.0


class RollingMedian:
    """The median of samples in (now - window_ms, now]; meant for about one sample a second."""

    def __init__(self, window_ms: int) -> None:
        self._window_ms = window_ms
        self._samples: deque[tuple[int, float]] = deque()
        self._sorted: list[float] = []

    def add(self, ts_ms: int, value: float) -> None:
        """Add a sample (not NaN) and forget those that leave the window."""
        self._samples.append((ts_ms, value))
        insort(self._sorted, value)
        while self._samples[0][0] <= ts_ms - self._window_ms:
            _, gone = self._samples.popleft()
            del self._sorted[bisect_left(self._sorted, gone)]

    @property
    def value(self) -> float | None:
        """The median; None without samples."""
        half = len(self._sorted) // 2
        if not self._sorted:
            return None
        if len(self._sorted) % 2:
            return self._sorted[half]
        return (self._sorted[half - 1] + self._sorted[half]) / 2.0
