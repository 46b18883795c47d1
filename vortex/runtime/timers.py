"""Clock and timers. Nothing here waits: a dispatcher decides when time passes."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from itertools import count
from typing import Protocol


class Clock(Protocol):
    """Where time comes from."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds; may jump."""

    def monotonic_ms(self) -> float:
        """Milliseconds that never go backwards; only differences mean anything."""

    def real_s(self, duration_ms: float) -> float:
        """Real seconds that `duration_ms` of this clock take."""


class Timer:
    """Calls `fire` once, unless it is cancelled before."""

    def __init__(self, fire: Callable[[], object]) -> None:
        self.fire = fire

    def cancel(self) -> None:
        self.fire = lambda: None


class TimerQueue:
    """Timers by due time (ms); those due at the same moment keep the order in which they were set."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer]] = []
        self._order = count()

    def push(self, due_ms: float, fire: Callable[[], object]) -> Timer:
        timer = Timer(fire)
        heapq.heappush(self._heap, (due_ms, next(self._order), timer))
        return timer

    def next_due_ms(self) -> float:
        return self._heap[0][0] if self._heap else float("inf")

    def pop_due(self, now_ms: float) -> list[Timer]:
        due = []
        while self.next_due_ms() <= now_ms:
            due.append(heapq.heappop(self._heap)[2])
        return due
