"""The exchange's clock: real time scaled, and the offset under which clients see it."""

from __future__ import annotations

import time
from collections.abc import Callable

MAX_SPEED = 1_000.0


class SimClock:
    """Runs from `start_ms` at `speed` times real time and never goes backwards.

    `now_ms` is the market's and the ledger's time. What clients are shown and checked against is shifted by
    `offset_ms`, so that a test can put the exchange's clock wrong without moving the market.

    Args:
        start_ms: Epoch ms at which it begins.
        speed: Its milliseconds per real millisecond.
        bound: True when its market happens now: it then runs at speed 1 only.

    Raises:
        ValueError: A speed that it cannot have.
    """

    def __init__(
        self, *, start_ms: int, speed: float, bound: bool = False, monotonic_s: Callable[[], float] = time.monotonic
    ) -> None:
        self._bound = bound
        self._monotonic_s = monotonic_s
        self._base_ms = float(start_ms)
        self._base_s = monotonic_s()
        self.speed = self._checked(speed)
        self.offset_ms = 0

    def now_ms(self) -> int:
        return int(self._exact_ms())

    def shown_ms(self, ts_ms: int) -> int:
        """A market time as clients see it."""
        return ts_ms + self.offset_ms

    def hidden_ms(self, shown_ms: int) -> int:
        """The market time that a client means by a time it was shown."""
        return shown_ms - self.offset_ms

    def server_ms(self) -> int:
        """The time that serverTime and the recvWindow check use."""
        return self.shown_ms(self.now_ms())

    def real_s(self, duration_ms: float) -> float:
        """Real seconds that `duration_ms` of this clock take."""
        return duration_ms / 1_000.0 / self.speed

    def set_speed(self, speed: float) -> None:
        """Run on from now at another speed. Raises ValueError when it is out of range."""
        speed = self._checked(speed)
        self._base_ms, self._base_s = self._exact_ms(), self._monotonic_s()
        self.speed = speed

    def _checked(self, speed: float) -> float:
        if self._bound and speed != 1.0:
            raise ValueError(f"a live market runs at speed 1, not {speed:g}")
        return checked_speed(speed)

    def _exact_ms(self) -> float:
        return self._base_ms + (self._monotonic_s() - self._base_s) * 1_000.0 * self.speed


def checked_speed(speed: float) -> float:
    """Return the speed, or raise ValueError when it is not in (0, 1000]."""
    if not 0.0 < speed <= MAX_SPEED:
        raise ValueError(f"speed must be above 0 and at most {MAX_SPEED:.0f}, not {speed}")
    return speed
