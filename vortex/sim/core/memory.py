"""What the exchange was a little while ago, for queries that are answered late.

A state is what still changed then, encoded; what is final since is still there and only has to be cut off. At most
MOST states and KEPT_MS milliseconds are remembered; a query about an earlier time is answered as of the oldest one.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

KEPT_MS = 120_000
MOST = 2_000


class Memory:
    """Encoded states by the time from which on they held."""

    def __init__(self) -> None:
        self._states: deque[tuple[int, bytes]] = deque(maxlen=MOST)

    def keep(self, now_ms: int, encode: Callable[[], bytes]) -> None:
        """Remember what holds from now on; the last one of a millisecond counts."""
        if self._states and self._states[-1][0] == now_ms:
            self._states.pop()
        self._states.append((now_ms, encode()))
        while len(self._states) > 1 and self._states[1][0] < now_ms - KEPT_MS:
            self._states.popleft()

    def as_of(self, ts_ms: int) -> bytes | None:
        """The state that held at this time; None when nothing is remembered."""
        found = next((state for since_ms, state in reversed(self._states) if since_ms <= ts_ms), None)
        return found or (self._states[0][1] if self._states else None)
