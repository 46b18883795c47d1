"""As many connections of one route as its streams need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeAlias

from vortex.adapters.binance.route import Route
from vortex.adapters.binance.slots import Slots

Connect: TypeAlias = Callable[[int, Callable[[], Iterable[str]]], Route]
"""Opens a connection, given its number from 1 and a way to learn the symbols on it."""


class Spread:
    """Keeps the streams of a symbol together on one connection, and no connection above the exchange's limit.

    A connection whose symbols all left is kept for those to come.

    Args:
        kinds: The streams of each symbol.
    """

    def __init__(self, kinds: tuple[str, ...], connect: Connect) -> None:
        self._kinds = kinds
        self._connect = connect
        self._slots = Slots(len(kinds))
        self._routes: list[Route] = []

    def add(self, symbol: str) -> None:
        place = self._slots.take(symbol)
        if place == len(self._routes):
            self._routes.append(self._connect(place + 1, lambda: self._slots.members(place)))
        self._routes[place].add(self._names(symbol))

    def remove(self, symbol: str) -> None:
        self._routes[self._slots.leave(symbol)].remove(self._names(symbol))

    def flowing(self) -> list[str]:
        """The symbols whose connections flow; silent connections are given up. To be called every second or so."""
        return [
            symbol for place, route in enumerate(self._routes) if route.watch() for symbol in self._slots.members(place)
        ]

    def renew(self, symbols: Iterable[str], kind: str) -> None:
        """Subscribe one stream of these symbols once more, because it fell silent while others flow."""
        for place, members in self._slots.by_place(symbols).items():
            self._routes[place].renew({f"{symbol.lower()}@{kind}" for symbol in members})

    def _names(self, symbol: str) -> list[str]:
        return [f"{symbol.lower()}@{kind}" for kind in self._kinds]
