"""Which connection a symbol's streams are on."""

from __future__ import annotations

from collections.abc import Iterable

MAX_STREAMS = 200
"""Streams that Binance allows on one connection."""


class Slots:
    """Numbered places of a fixed size; a symbol takes the first that has room and keeps it until it leaves.

    Args:
        reserved: Streams of every connection that belong to no symbol.
    """

    def __init__(self, streams_per_symbol: int, reserved: int = 0) -> None:
        self._capacity = (MAX_STREAMS - reserved) // streams_per_symbol
        self._members: list[set[str]] = []
        self._places: dict[str, int] = {}

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._places

    def __getitem__(self, symbol: str) -> int:
        return self._places[symbol]

    def take(self, symbol: str) -> int:
        """Give a symbol its place, a new one when all are full."""
        place = next((i for i, members in enumerate(self._members) if len(members) < self._capacity), None)
        if place is None:
            place = len(self._members)
            self._members.append(set())
        self._members[place].add(symbol)
        self._places[symbol] = place
        return place

    def leave(self, symbol: str) -> int:
        """Free a symbol's place and return it."""
        place = self._places.pop(symbol)
        self._members[place].discard(symbol)
        return place

    def members(self, place: int) -> tuple[str, ...]:
        """Who is there now, by name."""
        return tuple(sorted(self._members[place]))

    def by_place(self, symbols: Iterable[str]) -> dict[int, list[str]]:
        """The same symbols, grouped by where they are."""
        groups: dict[int, list[str]] = {}
        for symbol in symbols:
            groups.setdefault(self._places[symbol], []).append(symbol)
        return groups
