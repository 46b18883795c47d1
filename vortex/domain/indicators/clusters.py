"""Where positions would be liquidated, estimated, and what was liquidated, as far as it is told.

The projection takes every rise of open interest for new positions of both sides at the price of the time, in an assumed
mix of leverages. Nobody knows that mix: a cluster is a guess and is called one.
"""

from __future__ import annotations

from math import inf

from msgspec import Struct

from vortex.domain.indicators.bins import REACH, Pile, PriceBins, piles, usual_bin

LEVERAGES = {10: 0.4, 25: 0.3, 50: 0.2, 100: 0.1}
"""Assumed share of new positions by leverage."""
PROJECTED_WIDTH, PROJECTED_HALF_LIFE_MS = 0.0025, 86_400_000
OBSERVED_WIDTH, OBSERVED_HALF_LIFE_MS = 0.001, 1_800_000
HISTORY_MS = 43_200_000
STEP_MS, LONGEST_STEP_MS = 300_000, 900_000


class Cluster(Struct, frozen=True, kw_only=True, gc=False):
    """Much liquidation on one side of the price: its nearest price, and its share of all within 3 %."""

    near: float
    share: float


class ProjectedLiquidations:
    """Liquidation prices of positions opened since open interest was first read.

    Args:
        maintenance_rate: Maintenance margin of the exchange's first tier, share.
    """

    def __init__(self, maintenance_rate: float) -> None:
        self._rate = maintenance_rate
        self._longs = PriceBins(PROJECTED_WIDTH, PROJECTED_HALF_LIFE_MS)
        self._shorts = PriceBins(PROJECTED_WIDTH, PROJECTED_HALF_LIFE_MS)
        self._since_ms: int | None = None
        self._anchor: tuple[int, float] | None = None
        self._cost = self._traded = 0.0

    def traded(self, price: float, volume: float) -> None:
        """Note what traded since the last reading of open interest, for the price of new positions."""
        if 0.0 < price < inf and 0.0 < volume < inf:
            self._cost += price * volume
            self._traded += volume

    def interest(self, ts_ms: int, contracts: float, price: float) -> None:
        """Take a reading of open interest (contracts > 0) at a mark price > 0; every five minutes counts a rise.

        After a pause nobody knows when and where positions were opened: the history starts again.
        """
        if self._anchor is None or ts_ms - self._anchor[0] > LONGEST_STEP_MS:
            self._since_ms = ts_ms
        elif ts_ms - self._anchor[0] < STEP_MS:
            return
        elif contracts > self._anchor[1]:
            opened = self._cost / self._traded if self._traded > 0.0 else price
            self._open(ts_ms, contracts - self._anchor[1], opened)
        self._anchor = ts_ms, contracts
        self._cost = self._traded = 0.0

    def _open(self, ts_ms: int, contracts: float, price: float) -> None:
        for leverage, share in LEVERAGES.items():
            notional = contracts * price * share
            self._longs.add(ts_ms, price * (1.0 - 1.0 / leverage) / (1.0 - self._rate), notional)
            self._shorts.add(ts_ms, price * (1.0 + 1.0 / leverage) / (1.0 + self._rate), notional)

    def pass_through(self, low: float, high: float) -> bool:
        """Forget what the mark price, between these two, has liquidated; True when there was any."""
        longs = self._longs.erase(self._longs.index(low), _FAR)
        return self._shorts.erase(-_FAR, self._shorts.index(high)) or longs

    def clusters(self, ts_ms: int, price: float) -> tuple[Cluster | None, Cluster | None] | None:
        """Return the largest cluster above (of shorts) and below (of longs) a price; None before 12 h of history."""
        if self._since_ms is None or ts_ms - self._since_ms < HISTORY_MS:
            return None
        lowest, highest = self._longs.index(price * (1.0 - REACH)), self._longs.index(price * (1.0 + REACH))
        below = {each: amount for each, amount in self._longs.at(ts_ms).items() if each >= lowest}
        above = {each: amount for each, amount in self._shorts.at(ts_ms).items() if each <= highest}
        total, usual = sum(below.values()) + sum(above.values()), usual_bin([*below.values(), *above.values()])
        up, down = _largest(piles(above, total, usual)), _largest(piles(below, total, usual))
        return (
            Cluster(near=self._shorts.edge(up.low), share=up.share) if up else None,
            Cluster(near=self._longs.edge(down.high + 1), share=down.share) if down else None,
        )


class ObservedLiquidations:
    """What the exchange told of liquidations: how much lately, of each side, and when last."""

    def __init__(self) -> None:
        self._bins = {long: PriceBins(OBSERVED_WIDTH, OBSERVED_HALF_LIFE_MS) for long in (True, False)}
        self.last_ms: dict[bool, int] = {}

    def add(self, ts_ms: int, price: float, quantity: float, *, long: bool) -> bool:
        """Note one; False for what is no liquidation at all."""
        if not (0.0 < price < inf and 0.0 < quantity < inf):
            return False
        self._bins[long].add(ts_ms, price, price * quantity)
        self.last_ms[long] = max(ts_ms, self.last_ms.get(long, 0))
        return True

    def flush(self, ts_ms: int, *, long: bool) -> float:
        """Notional liquidated lately on that side, half forgotten in 30 minutes; a lower bound."""
        return sum(self._bins[long].at(ts_ms).values())


_FAR = 10**9


def _largest(found: list[Pile]) -> Pile | None:
    return max(found, key=lambda pile: pile.share, default=None)
