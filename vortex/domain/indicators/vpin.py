"""Volume-synchronised probability of informed trading (Easley, Lopez de Prado and O'Hara 2012)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

LOTS = 100_000_000
"""Quantities are counted in 1e-8 base units, in which what an exchange prints is a whole number: no bucket drifts."""


class VolumeBuckets:
    """Pours trades into buckets of equal volume; a trade that overflows one is split over as many as it fills.

    Args:
        volume: Size of a bucket in base units, above 0.
        length: How many full buckets the figure covers; older ones are forgotten.
    """

    def __init__(self, volume: float, length: int = 50) -> None:
        self._size = round(volume * LOTS)
        if self._size < 1:
            raise ValueError(f"a bucket must hold something, not {volume}")
        self._buys: deque[int] = deque(maxlen=length)
        self._filled = 0
        self._bought = 0
        self.complete = 0

    def add(self, quantity: float, *, buy: bool) -> None:
        """Pour one trade; `buy`: the buyer was the aggressor (aggTrade `m` false)."""
        lots = round(quantity * LOTS)
        while lots > 0:
            part = min(lots, self._size - self._filled)
            lots -= part
            self._filled += part
            self._bought += part if buy else 0
            if self._filled == self._size:
                self._buys.append(self._bought)
                self.complete += 1
                self._filled = self._bought = 0

    @property
    def buys(self) -> tuple[float, ...]:
        """Buy volume of the full buckets covered, base units, oldest first."""
        return tuple([bought / LOTS for bought in self._buys])

    @property
    def partial(self) -> float:
        """Volume in the bucket not yet full, base units; it is no part of the figure."""
        return self._filled / LOTS

    @property
    def vpin(self) -> float | None:
        """Mean |buys - sells| / volume of the buckets covered, in [0, 1]; None until there are enough of them."""
        if len(self._buys) != self._buys.maxlen:
            return None
        return sum([abs(2 * bought - self._size) for bought in self._buys]) / (len(self._buys) * self._size)


def bulk_vpin(price_changes: Sequence[float]) -> float | None:
    """VPIN by bulk classification, Vb = V * Phi(dP / sigma), of the buckets with these price changes.

    Known to classify worse than the exact flag (Andersen and Bondarenko 2014): for comparison with other tools only.
    sigma is the population deviation of the same changes; None without changes or without any deviation.
    """
    count = len(price_changes)
    mean = sum(price_changes) / count if count else 0.0
    sigma = sqrt(sum([(change - mean) ** 2 for change in price_changes]) / count) if count else 0.0
    if sigma == 0.0:
        return None
    phi = NormalDist().cdf
    return sum([abs(2.0 * phi(change / sigma) - 1.0) for change in price_changes]) / count


def share_at_most(history: Sequence[float], value: float) -> float | None:
    """Return the share of `history` that is <= value, in [0, 1]: where a VPIN stands in its own past; None if empty."""
    return sum([past <= value for past in history]) / len(history) if history else None
