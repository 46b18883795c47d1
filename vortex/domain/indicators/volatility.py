"""The volatility phase: levels of rho with hysteresis."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from vortex.domain.signal import VolatilityPhase

LADDER = (VolatilityPhase.LOW, VolatilityPhase.NORMAL, VolatilityPhase.HIGH, VolatilityPhase.EXTREME)
LOW, NORMAL, HIGH, EXTREME = range(4)


class PhaseLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where each phase of rho begins and ends, and how long it lasts at least."""

    low_enter: Annotated[float, Meta(ge=0, le=10, description="LOW begins below this rho")] = 0.5
    low_leave: Annotated[float, Meta(ge=0, le=10, description="LOW ends above this rho")] = 0.6
    high_enter: Annotated[float, Meta(ge=0, le=10, description="HIGH begins at this rho")] = 1.5
    high_leave: Annotated[float, Meta(ge=0, le=10, description="HIGH ends below this rho")] = 1.3
    extreme_enter: Annotated[float, Meta(ge=0, le=100, description="EXTREME begins at this rho")] = 3.0
    extreme_leave: Annotated[float, Meta(ge=0, le=100, description="EXTREME ends below this rho")] = 2.5
    dwell_s: Annotated[int, Meta(ge=0, le=3_600, description="least time in a phase before a lower one, s")] = 60
    extreme_dwell_s: Annotated[int, Meta(ge=0, le=86_400, description="least time in EXTREME, s")] = 300


class PhaseTracker:
    """Goes up at once, as far as rho asks, and down one step per evaluation after the dwell time."""

    def __init__(self, limits: PhaseLimits) -> None:
        self._limits = limits
        self._level: int | None = None
        self._since_ms = 0

    def step(self, now_ms: int, rho: float | None, *, shocked: bool) -> VolatilityPhase | None:
        """Return the phase at event time `now_ms` (never back).

        Args:
            now_ms: Event time, epoch ms.
            rho: The volatility ratio; None when it cannot be told, which leaves the phase untold too.
            shocked: An instant rule holds: EXTREME now, whatever rho says, and its dwell time starts again.
        """
        if shocked:
            self._level, self._since_ms = EXTREME, now_ms
        elif rho is None:
            return None
        elif self._level is None:
            self._level, self._since_ms = self._fresh(rho), now_ms
        else:
            self._move(now_ms, rho, self._level)
        return LADDER[self._level]

    def _move(self, now_ms: int, rho: float, level: int) -> None:
        target = self._fresh(rho)
        if level == LOW and target == NORMAL and rho <= self._limits.low_leave:
            target = LOW
        if target > level:
            self._level, self._since_ms = target, now_ms
        elif self._falls(level, rho) and now_ms - self._since_ms >= self._dwell_ms(level):
            self._level, self._since_ms = level - 1, now_ms

    def _fresh(self, rho: float) -> int:
        limits = self._limits
        if rho >= limits.extreme_enter:
            return EXTREME
        if rho >= limits.high_enter:
            return HIGH
        return LOW if rho < limits.low_enter else NORMAL

    def _falls(self, level: int, rho: float) -> bool:
        limits = self._limits
        below = {NORMAL: limits.low_enter, HIGH: limits.high_leave, EXTREME: limits.extreme_leave}
        return level in below and rho < below[level]

    def _dwell_ms(self, level: int) -> int:
        return 1000 * (self._limits.extreme_dwell_s if level == EXTREME else self._limits.dwell_s)
