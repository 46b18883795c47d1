"""What is on its way to one address: in order, tried again with growing pauses, never more than fits."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from loguru import logger

RETRY_FIRST_S, RETRY_MOST_S = 1.0, 60.0
MOST_WAITING = 200


class Way(Protocol):
    """One address."""

    name: str

    def send(self, text: str) -> str | None:
        """Send a text; the reason when it was not taken."""
        ...


class Post:
    """The texts for one address. Failures are in the log, never in a notification.

    Args:
        way: Where they go.
    """

    def __init__(self, way: Way) -> None:
        self._way = way
        self._waiting: deque[str] = deque()
        self._retry_s, self._due_s = RETRY_FIRST_S, 0.0
        self._failures = self._dropped = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, text: str) -> None:
        """Take one in; when too many wait the oldest is dropped, and that is told with the next one."""
        self._waiting.append(text)
        if len(self._waiting) > MOST_WAITING:
            self._waiting.popleft()
            self._dropped += 1

    def deliver(self, now_s: float) -> None:
        """Send what waits until one is not taken; after a failure not before its pause is over."""
        while self._waiting and now_s >= self._due_s:
            text = self._waiting[0]
            lost = f"\n({self._dropped} notifications before this one were lost)" if self._dropped else ""
            failure = self._way.send(text + lost)
            if failure is not None:
                self._failed(failure, now_s)
                return
            self._waiting.popleft()
            self._taken()

    def _taken(self) -> None:
        if self._failures:
            logger.info("{}: takes notifications again", self._way.name)
        self._retry_s, self._due_s = RETRY_FIRST_S, 0.0
        self._failures = self._dropped = 0

    def _failed(self, failure: str, now_s: float) -> None:
        self._failures += 1
        self._due_s = now_s + self._retry_s
        if self._failures in (1, 10) or self._failures % 100 == 0:
            text = "{}: {}, {} notifications wait, attempt {}, next in {:g} s"
            logger.warning(text, self._way.name, failure, len(self), self._failures, self._retry_s)
        self._retry_s = min(self._retry_s * 2, RETRY_MOST_S)
