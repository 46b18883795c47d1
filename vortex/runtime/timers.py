"""Clock and timers. Nothing here waits: a dispatcher decides when time passes."""

from __future__ import annotations

from collections.abc import Callable
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
    """Calls `fire` when called itself, unless it was cancelled before."""

    def __init__(self, fire: Callable[[], object]) -> None:
        self._fire = fire

    def __call__(self) -> None:
        self._fire()

    def cancel(self) -> None:
        self._fire = lambda: None
