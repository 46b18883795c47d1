"""A market that says much more than usual: echoes of what its source says, so that rates multiply and ids go on.

Each trade and each book is followed by its echoes, spread over the time between two books. An echoed trade has an id of
its own, a book a best quantity that changed: no reader can tell them from what the source said.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from msgspec import structs

from vortex.sim.core.commands import Burst
from vortex.sim.core.market import BookEvent, MarketEvent, TickLevels, TradeEvent

SPREAD_MS = 100
"""The usual time from book to book."""
Echoed: TypeAlias = BookEvent | TradeEvent


class Echoes:
    """Of one symbol: how many, until when, and how many trades were added so far."""

    def __init__(self) -> None:
        self._factor, self._until_ms, self._added = 1, 0, 0

    def begin(self, now_ms: int, burst: Burst) -> None:
        """Echo from now on."""
        self._factor, self._until_ms = burst.factor, now_ms + burst.for_ms

    def end(self) -> None:
        """No echo from now on, those under way included; what was added stays counted."""
        self._until_ms = 0

    def numbered(self, event: MarketEvent) -> MarketEvent:
        """Return what the source says; ids of trades go on after those that were added."""
        if isinstance(event, TradeEvent) and self._added:
            return structs.replace(event, trade_id=event.trade_id + self._added)
        return event

    def times(self, event: Echoed) -> Iterator[tuple[int, int]]:
        """The number of each echo of this event from 1, and when it is due; none outside of a burst."""
        if event.ts_ms < self._until_ms:
            for number in range(1, self._factor):
                yield number, event.ts_ms + SPREAD_MS * number // self._factor

    def active(self, now_ms: int) -> bool:
        return now_ms < self._until_ms

    def trade(self, now_ms: int, like: TradeEvent, newest: TradeEvent) -> TradeEvent:
        """One more trade like that one, the next after the newest."""
        self._added += 1
        return structs.replace(like, ts_ms=now_ms, trade_id=newest.trade_id + 1)

    def book(self, now_ms: int, number: int, newest: BookEvent) -> BookEvent:
        """The newest book once more, with another quantity at the best price of one side."""
        if number % 2:
            return structs.replace(newest, ts_ms=now_ms, bids=_touched(newest.bids, number))
        return structs.replace(newest, ts_ms=now_ms, asks=_touched(newest.asks, number))


def _touched(levels: TickLevels, lots: int) -> TickLevels:
    """More at the best price."""
    return tuple((ticks, at + lots) for ticks, at in levels[:1]) + levels[1:]
