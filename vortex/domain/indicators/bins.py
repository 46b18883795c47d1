"""Notional by price on a logarithmic grid, fading with time; and where it piles up."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from math import exp2, floor, log
from statistics import median

from msgspec import Struct

PILE = 3.0
"""A bin belongs to a cluster from this multiple of the median bin."""
REACH = 0.03
"""Only bins this near to the price are looked at, share of it."""
REBASE = 64.0
_EPSILON = 1e-9


class PriceBins:
    """Amounts by price whose weight halves every `half_life_ms`; a bin is `width` (share of price) wide.

    Nothing is multiplied as time passes: what comes later counts for more instead, and all is scaled back at times.
    """

    def __init__(self, width: float, half_life_ms: float) -> None:
        self._base = 1.0 + width
        self._step = log(self._base)
        self._half_life_ms = half_life_ms
        self._origin_ms = 0
        self._bins: dict[int, float] = {}

    def index(self, price: float) -> int:
        """The bin of a price above 0."""
        return floor(log(price) / self._step + _EPSILON)

    def edge(self, index: int) -> float:
        """The lowest price of a bin; its end is that of the next one."""
        return self._base**index

    def add(self, ts_ms: int, price: float, amount: float) -> None:
        """Add an amount above 0 at a price above 0."""
        if not self._bins:
            self._origin_ms = ts_ms
        if ts_ms - self._origin_ms > REBASE * self._half_life_ms:
            self._bins = self.at(ts_ms)
            self._origin_ms = ts_ms
        index = self.index(price)
        self._bins[index] = self._bins.get(index, 0.0) + amount * exp2((ts_ms - self._origin_ms) / self._half_life_ms)

    def at(self, ts_ms: int) -> dict[int, float]:
        """What is left at this time, by bin."""
        fade = exp2((self._origin_ms - ts_ms) / self._half_life_ms)
        return {index: amount * fade for index, amount in self._bins.items()}

    def erase(self, low: int, high: int) -> bool:
        """Forget the bins from `low` to `high`; True when there were any."""
        gone = [index for index in self._bins if low <= index <= high]
        for index in gone:
            del self._bins[index]
        return bool(gone)


class Pile(Struct, frozen=True, gc=False):
    """Neighbouring bins that hold much; `share` of all that was looked at."""

    low: int
    high: int
    share: float


def piles(amounts: Mapping[int, float], total: float, usual: float) -> list[Pile]:
    """Return the maximal runs of neighbouring bins that each hold at least 3 times the `usual` bin, lowest first."""
    found: list[Pile] = []
    run: list[int] = []
    held = sorted([index for index, amount in amounts.items() if amount > 0.0 and amount >= PILE * usual])
    for index in held:
        if run and index != run[-1] + 1:
            found.append(_pile(run, amounts, total))
            run = []
        run.append(index)
    return [*found, _pile(run, amounts, total)] if run else found


def usual_bin(amounts: Iterable[float]) -> float:
    """Return the median of the bins that hold something; 0 without any."""
    held = [amount for amount in amounts if amount > 0.0]
    return median(held) if held else 0.0


def _pile(run: list[int], amounts: Mapping[int, float], total: float) -> Pile:
    return Pile(run[0], run[-1], sum([amounts[index] for index in run]) / total)
