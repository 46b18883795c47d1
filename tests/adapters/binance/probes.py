"""Recipients that remember what they are told and wait for what a test expects."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from vortex.domain.market import MarketValue

T = TypeVar("T")
TIMEOUT_S = 40.0


class Probe:
    """Remembers every message, from any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self.told: list[object] = []

    def tell(self, message: object) -> None:
        with self._changed:
            self.told.append(message)
            self._changed.notify_all()

    def all(self, kind: type[T]) -> list[T]:
        return [message for message in tuple(self.told) if isinstance(message, kind)]

    def expect(self, kind: type[T], accept: Callable[[T], bool] = lambda _: True, *, after: int = 0) -> T:
        """The first accepted message of this kind among those told after the first `after`."""
        place = after  # what was looked at once is not looked at again: there may be very many

        def found() -> T | None:
            nonlocal place
            for message in self.told[place:]:
                if isinstance(message, kind) and accept(message):
                    return message
                place += 1
            return None

        with self._changed:
            message = self._changed.wait_for(found, TIMEOUT_S)
            assert message is not None, f"no {kind.__name__} among {len(self.told)} messages"
            return message


class Sink(Probe):
    """A MarketSink as a probe; signs of life are kept apart."""

    def __init__(self) -> None:
        super().__init__()
        self.alive: dict[tuple[str, str], int] = {}

    def deliver(self, value: MarketValue) -> None:
        self.tell(value)

    def stream_alive(self, symbol: str, stream: str, ts_ms: int) -> None:
        self.alive[symbol, stream] = ts_ms
