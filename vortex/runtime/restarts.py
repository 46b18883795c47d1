"""How often children crashed of late, and what follows: how long to wait, when to give up, what not to try again."""

from __future__ import annotations

from random import Random
from typing import TypeAlias

from vortex.runtime.actor import RestartLimits

FIRST_DELAY_S, MAX_DELAY_S = 0.1, 5.0
Cause: TypeAlias = tuple[str, type | None]
"""Why a child crashed: the name of the error, and what it was handling, if anything."""
POISONOUS = 3
"""So many crashes with the same error over the same type of message condemn that type."""


class Restarts:
    """The crashes within the last period of those children that share limits."""

    def __init__(self, limits: RestartLimits) -> None:
        self._limits = limits
        self._crashes: list[tuple[float, str, Cause]] = []

    def add(self, now_ms: float, name: str, cause: Cause) -> None:
        """Count a crash."""
        recent = (crash for crash in self._crashes if now_ms - crash[0] < self._limits.period_s * 1000.0)
        self._crashes = [*recent, (now_ms, name, cause)]

    def forget(self, name: str) -> None:
        """Count the crashes of this child no longer."""
        self._crashes = [crash for crash in self._crashes if crash[1] != name]

    @property
    def used_up(self) -> bool:
        """True when there were more crashes than restarts are allowed."""
        return len(self._crashes) > self._limits.restarts

    def poison(self, name: str, cause: Cause) -> type | None:
        """The type of message that this cause condemns for the child, if it does."""
        same = sum(crash[1:] == (name, cause) for crash in self._crashes)
        return cause[1] if same >= POISONOUS else None

    def delay_s(self, name: str, random: Random) -> float:
        """How long to wait before the next start: not at all after the first crash, then ever longer, with jitter."""
        before = sum(crash[1] == name for crash in self._crashes) - 1
        doubled = min(MAX_DELAY_S, FIRST_DELAY_S * 2.0 ** (before - 1)) if before > 0 else 0.0
        return doubled * random.uniform(0.8, 1.0)
