"""Bursts: the first few at once, the rest together in one; what is urgent never waits."""

from __future__ import annotations

from collections import Counter, deque

from vortex.domain.notify.kinds import URGENT, Kind, Notification

WINDOW_MS = 60_000
AT_ONCE = URGENT | {Kind.START, Kind.STOP}
SHOWN = 5
"""Newest texts that a digest shows."""


class Digest:
    """Lets a few notifications a minute pass, and combines the others.

    Args:
        most: So many in a minute pass one by one, urgent ones not counted.
        hold_ms: How long the others are collected before they go out as one.
    """

    def __init__(self, most: int, hold_ms: int) -> None:
        self._most, self._hold_ms = most, hold_ms
        self._passed: deque[int] = deque()
        self._held: list[Notification] = []
        self._held_since_ms = 0

    def add(self, notification: Notification, now_ms: int) -> list[Notification]:
        """Take one in; returns what goes out now."""
        if notification.kind in AT_ONCE:
            return [notification]
        while self._passed and now_ms - self._passed[0] >= WINDOW_MS:
            self._passed.popleft()
        if not self._held and len(self._passed) < self._most:
            self._passed.append(now_ms)
            return [notification]
        if not self._held:
            self._held_since_ms = now_ms
        self._held.append(notification)
        return []

    def due(self, now_ms: int) -> list[Notification]:
        """What was held long enough."""
        return self.flush(now_ms) if self._held and now_ms - self._held_since_ms >= self._hold_ms else []

    def flush(self, now_ms: int) -> list[Notification]:
        """Everything that is held, as one."""
        held, self._held = self._held, []
        if not held:
            return []
        self._passed.append(now_ms)
        return held if len(held) == 1 else [_combined(held)]


def _combined(held: list[Notification]) -> Notification:
    counts = Counter(each.kind for each in held)
    lines = [f"{len(held)} more: {', '.join(f'{kind} {count}' for kind, count in counts.most_common())}"]
    if len(held) > SHOWN:
        lines.append(f"the last {SHOWN}:")
    lines += [str(each) for each in held[-SHOWN:]]
    return Notification(kind=Kind(counts.most_common(1)[0][0]), text="\n".join(lines))
