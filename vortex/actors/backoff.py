"""How long to wait before the next try: ever longer, and never two clients in step."""

from __future__ import annotations

from random import Random

FIRST_S, MOST_S = 0.5, 30.0
LONGEST_ASKED_S = 3_600.0
"""A store that asks for more is asked again after this."""


class Backoff:
    """Full jitter: a random part of a limit that begins at 0.5 s and doubles up to 30 s.

    Args:
        random: The jitter.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._limit_s = FIRST_S

    def next_s(self, retry_after_s: float | None = None) -> float:
        """Seconds to wait after one more failure, on top of those that were asked for."""
        wait_s = self._random.uniform(0.0, self._limit_s)
        self._limit_s = min(MOST_S, self._limit_s * 2.0)
        asked_s = min(max(retry_after_s or 0.0, 0.0), LONGEST_ASKED_S)
        return asked_s + wait_s

    def reset(self) -> None:
        """It worked."""
        self._limit_s = FIRST_S
