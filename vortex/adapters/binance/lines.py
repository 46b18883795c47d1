"""What is known of each connection of ccxt: up or not, when it was last heard, how long to wait before the next."""

from __future__ import annotations

from typing import Literal, TypeAlias

from vortex.adapters.binance.markets import SILENT_MS
from vortex.adapters.binance.stream import PROVEN_MS, Backoff
from vortex.ports import Clock

Category: TypeAlias = Literal["public", "market"]
"""The route of a connection: order books on one, everything else on the other."""

CATEGORIES: tuple[Category, ...] = ("public", "market")

Line: TypeAlias = tuple[Category, int]
"""A connection: its route and its number on it."""


class Lines:
    """Keeps the times of the connections that are up; the backoff of one outlives it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since_ms: dict[Line, float] = {}
        self._heard_ms: dict[Line, float] = {}
        self._backoffs: dict[Line, Backoff] = {}

    def up(self, line: Line) -> None:
        self._since_ms[line] = self._heard_ms[line] = self._clock.monotonic_ms()

    def heard(self, line: Line) -> None:
        self._heard_ms[line] = self._clock.monotonic_ms()

    def down(self, line: Line) -> float:
        """Forget a connection; returns the milliseconds to wait before the next."""
        backoff = self._backoffs.setdefault(line, Backoff())
        since_ms = self._since_ms.pop(line, None)
        if since_ms is not None and self._clock.monotonic_ms() - since_ms > PROVEN_MS:
            backoff.reset()
        return backoff.next_ms()

    def is_up(self, line: Line) -> bool:
        return line in self._since_ms

    def silent(self) -> list[Line]:
        """Those that are up and have said nothing for too long."""
        now_ms = self._clock.monotonic_ms()
        return [line for line in self._since_ms if now_ms - self._heard_ms[line] > SILENT_MS]

    def places(self, category: Category) -> list[int]:
        """The numbers of those of a route that are up."""
        return [place for route, place in self._since_ms if route == category]
