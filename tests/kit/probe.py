"""A recipient that keeps what it is told."""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")


class Probe:
    """Stands where an actor's address would.

    Args:
        name: How it signs in the log.
        log: Shared by several probes to see who was told first.
    """

    def __init__(self, name: str = "probe", log: list[tuple[str, object]] | None = None) -> None:
        self.name = name
        self.messages: list[object] = []
        self._read = 0
        self._log = log if log is not None else []

    def tell(self, message: object) -> None:
        self.messages.append(message)
        self._log.append((self.name, message))

    def expect(self, kind: type[T]) -> T:
        """Take the oldest message that was not taken yet; it must be of this kind."""
        assert self._read < len(self.messages), f"{self.name} was not told a {kind.__name__}"
        message = self.messages[self._read]
        assert isinstance(message, kind), f"{self.name} was told {message!r}"
        self._read += 1
        return message

    def told(self, kind: type[T]) -> list[T]:
        """Every message of this kind, taken or not."""
        return [message for message in self.messages if isinstance(message, kind)]

    def unread(self) -> list[object]:
        """Take all that is left."""
        left, self._read = self.messages[self._read :], len(self.messages)
        return left
