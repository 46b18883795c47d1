"""A modelled order book: quantities rest at their prices and are renewed a few at a time."""

from __future__ import annotations

import math
import random

from vortex.sim.core.market import TickLevels

LEVELS = 20
_RING = 256
"""Prices that have a quantity of their own, a power of two; those further away repeat."""
_RENEWED = 3
"""Visible quantities a side that change with every book."""
_LEAN = 0.6
"""Share by which the best quantities lean to the side that the price comes from."""


class ModelledDepth:
    """Both sides, 20 levels a side, one tick apart.

    Args:
        lots: Mean quantity of a level at the beginning.
        rng: Of all quantities: exponential around their mean.
    """

    def __init__(self, lots: float, rng: random.Random) -> None:
        self.lots = lots
        self._draw = rng.random
        self._bids = [self._size() for _ in range(_RING)]
        self._asks = [self._size() for _ in range(_RING)]
        for ring in (self._bids, self._asks):
            ring.extend(ring[:LEVELS])  # so that a slice never wraps

    def book(self, bid: int, spread: int, lean: float) -> tuple[TickLevels, TickLevels]:
        """Bids and asks around a spread; a positive lean (up to 1) has more bid than offered at the best prices."""
        ask = bid + spread
        bids = self._side(self._bids, -bid % _RING, 1.0 + _LEAN * lean)
        asks = self._side(self._asks, ask % _RING, 1.0 - _LEAN * lean)
        return (
            tuple(zip(range(bid, max(bid - LEVELS, 0), -1), bids, strict=False)),
            tuple(zip(range(ask, ask + LEVELS), asks, strict=False)),
        )

    def _side(self, ring: list[int], first: int, best_share: float) -> list[int]:
        draw = self._draw
        for _ in range(_RENEWED):
            index = (first + int(draw() * LEVELS)) % _RING
            ring[index] = size = self._size()
            if index < LEVELS:
                ring[index + _RING] = size
        lots = ring[first : first + LEVELS]
        lots[0] = max(1, int(lots[0] * best_share))
        return lots

    def _size(self) -> int:
        return 1 + int(-self.lots * math.log(1.0 - self._draw()))
