"""Volume-synchronised probability of informed trading (Easley, Lopez de Prado and O'Hara 2012)."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from math import sqrt
from statistics import NormalDist

LOTS = 100_000_000
"""Quantities are counted in 1e-8 base units, in which what an exchange prints is a whole number: no bucket drifts."""

KEPT_CLOSES = 350


class VolumeBuckets:
    """Pours trades into buckets of equal volume; a trade that overflows one is split over as many as it fills.

    Args:
        volume: Size of a bucket in base units, above 0.
        length: How many full buckets the figure covers; older ones are forgotten.

    Attributes:
        complete: Buckets that were ever filled.
        closes: The figure at each of the last 350 closes that had one, oldest first.
    """

    def __init__(self, volume: float, length: int = 50) -> None:
        self._size = self._next_size = _lots_of_bucket(volume)
        self._full: deque[tuple[int, int]] = deque(maxlen=length)  # (bought, size), in lots
        self._uneven = self._poured = 0  # sums over the full buckets: |bought - sold|, and volume
        self._filled = 0
        self._bought = 0
        self.complete = 0
        self.closes: deque[float] = deque(maxlen=KEPT_CLOSES)

    def resize(self, volume: float) -> None:
        """Give buckets this size from the next one on; one that nothing was poured into is the next one."""
        self._next_size = _lots_of_bucket(volume)
        if not self._filled:
            self._size = self._next_size

    def add(self, quantity: float, *, buy: bool) -> None:
        """Pour one trade; `buy`: the buyer was the aggressor (aggTrade `m` false)."""
        self.pour(quantity if buy else 0.0, 0.0 if buy else quantity)

    def pour(self, bought: float, sold: float) -> None:
        """Pour what was bought and sold together, pro rata into each bucket."""
        buys, sales = round(bought * LOTS), round(sold * LOTS)
        while (lots := buys + sales) > 0:
            part = min(lots, self._size - self._filled)
            buying = buys * part // lots
            buys -= buying
            sales -= part - buying
            self._filled += part
            self._bought += buying
            if self._filled == self._size:
                self._close()

    def _close(self) -> None:
        if len(self._full) == self._full.maxlen:
            bought, size = self._full[0]
            self._uneven -= abs(2 * bought - size)
            self._poured -= size
        self._full.append((self._bought, self._size))
        self._uneven += abs(2 * self._bought - self._size)
        self._poured += self._size
        self.complete += 1
        self._filled = self._bought = 0
        self._size = self._next_size
        if (vpin := self.vpin) is not None:
            self.closes.append(vpin)

    @property
    def buys(self) -> tuple[float, ...]:
        """Buy volume of the full buckets covered, base units, oldest first."""
        return tuple([bought / LOTS for bought, _ in self._full])

    @property
    def partial(self) -> float:
        """Volume in the bucket not yet full, base units; it is no part of the figure."""
        return self._filled / LOTS

    @property
    def vpin(self) -> float | None:
        """Sum |buys - sells| / volume of the buckets covered, in [0, 1]; None until there are enough of them."""
        return self._uneven / self._poured if len(self._full) == self._full.maxlen else None


def _lots_of_bucket(volume: float) -> int:
    size = round(volume * LOTS)
    if size < 1:
        raise ValueError(f"a bucket must hold something, not {volume}")
    return size


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
