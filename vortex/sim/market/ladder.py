"""The recorded order book: the REST snapshot plus every difference, in the order of its update ids."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterable

from vortex.sim.core.market import TickLevels
from vortex.sim.market.wire import SCALE_DIGITS, DepthDiff, PartialDepth, Snapshot, WireLevels, scaled


class Scale(dict[str, int]):
    """Printed decimal -> integer of 1e-8, each text converted once: levels repeat thousands of times."""

    def __missing__(self, text: str) -> int:
        self[text] = value = scaled(text)
        return value

    def unit(self) -> int:
        """The largest power of ten, at most 1.0, that divides every number seen."""
        unit: int = 10**SCALE_DIGITS
        while any(value % unit for value in self.values()):
            unit //= 10
        return unit


class Ladder:
    """One side of a book. `sign` is +1 for asks and -1 for bids, so that the best price always sorts first."""

    def __init__(self, sign: int) -> None:
        self._sign = sign
        self._keys: list[int] = []
        self._quantities: dict[int, int] = {}

    def apply(self, levels: Iterable[tuple[int, int]]) -> None:
        """Set each (price, quantity); quantity zero removes the price."""
        keys, quantities, sign = self._keys, self._quantities, self._sign
        for price, quantity in levels:
            key = sign * price
            if quantity:
                if key not in quantities:
                    insort(keys, key)
                quantities[key] = quantity
            elif quantities.pop(key, None) is not None:
                del keys[bisect_left(keys, key)]

    def best(self, depth: int) -> tuple[tuple[int, int], ...]:
        """(price, quantity) of at most `depth` levels from the best price outward."""
        quantities, sign = self._quantities, self._sign
        return tuple([(sign * key, quantities[key]) for key in self._keys[:depth]])


class RecordedBook:
    """Follows Binance's rules for a local book; raises ValueError where updates are missing.

    The first difference used must satisfy U <= lastUpdateId <= u, each further one pu == u of the one before.
    """

    def __init__(self) -> None:
        self.prices = Scale()
        self.quantities = Scale()
        self._bids = Ladder(-1)
        self._asks = Ladder(+1)
        self._snapshot_id: int | None = None
        self._last_id: int | None = None
        self._waiting: list[DepthDiff] = []
        self.live = False

    def start(self, snapshot: Snapshot) -> None:
        """Begin at the first snapshot; a later one tells nothing new, because the chain is unbroken."""
        if self._snapshot_id is not None:
            return
        self._snapshot_id = snapshot.last_id
        self._set(snapshot.bids, snapshot.asks)
        for diff in self._waiting:
            self._apply(diff)
        self._waiting.clear()

    def update(self, diff: DepthDiff) -> None:
        """Apply a difference, or keep it until the snapshot arrives."""
        if self._last_id is not None and diff.previous_id != self._last_id:
            raise ValueError(
                f"updates are missing: pu is {diff.previous_id}, the message before ended at {self._last_id}"
            )
        self._last_id = diff.last_id
        if self._snapshot_id is None:
            self._waiting.append(diff)
        else:
            self._apply(diff)

    def best(self, depth: int) -> tuple[TickLevels, TickLevels]:
        """Bids and asks in units of 1e-8, best first. A book that is empty or crossed raises ValueError."""
        return checked(self._bids.best(depth), self._asks.best(depth))

    def whole(self, levels: PartialDepth) -> tuple[TickLevels, TickLevels]:
        """A book that was published whole, in the same units and under the same conditions."""
        return checked(self._levels(levels.bids), self._levels(levels.asks))

    def _levels(self, levels: WireLevels) -> TickLevels:
        prices, quantities = self.prices, self.quantities
        return tuple([(prices[price], quantities[quantity]) for price, quantity in levels])

    def _apply(self, diff: DepthDiff) -> None:
        if not self.live:
            if self._snapshot_id is None or diff.last_id < self._snapshot_id:
                return
            if diff.first_id > self._snapshot_id:
                raise ValueError(f"updates are missing: snapshot {self._snapshot_id}, first usable U {diff.first_id}")
            self.live = True
        self._set(diff.bids, diff.asks)

    def _set(self, bids: WireLevels, asks: WireLevels) -> None:
        self._bids.apply(self._levels(bids))
        self._asks.apply(self._levels(asks))


def checked(bids: TickLevels, asks: TickLevels) -> tuple[TickLevels, TickLevels]:
    """Both sides, best first. A book that is empty or crossed raises ValueError."""
    if not bids or not asks:
        raise ValueError("one side of the book is empty")
    if bids[0][0] >= asks[0][0]:
        raise ValueError("the book is crossed: best bid at or above best ask")
    return bids, asks
