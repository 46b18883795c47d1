"""Where time comes from. A dispatcher decides when it passes."""

from __future__ import annotations

from typing import Protocol


class Clock(Protocol):
    """Read only through the context of an actor."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds; may jump."""

    def monotonic_ms(self) -> float:
        """Milliseconds that never go backwards; only differences mean anything."""

    def real_s(self, duration_ms: float) -> float:
        """Real seconds that `duration_ms` of this clock take."""
