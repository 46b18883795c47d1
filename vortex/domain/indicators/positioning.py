"""What open interest, mark price, candles and liquidations together say of how a symbol is held."""

from __future__ import annotations

from math import inf

from vortex.domain.indicators.candles import CandleWindow
from vortex.domain.indicators.clusters import Cluster, ObservedLiquidations, ProjectedLiquidations
from vortex.domain.indicators.open_interest import InterestRing
from vortex.domain.indicators.wilder import atr_series
from vortex.domain.market import Candle, CandleHistory, Liquidation, MarkPrice

Sides = tuple[Cluster | None, Cluster | None]
PRICE_MAX_AGE_MS = 60_000
NOWHERE: Sides = (None, None)


class Positioning:
    """Keeps what E4 needs besides polls.

    Args:
        maintenance_rate: Maintenance margin of the exchange's first tier, share.

    Attributes:
        clusters: The largest liquidation cluster above and below the mark price.
        observed: What the exchange told of liquidations.
    """

    def __init__(self, maintenance_rate: float) -> None:
        self.observed = ObservedLiquidations()
        self.clusters: Sides | None = None
        self._ring = InterestRing()
        self._projected = ProjectedLiquidations(maintenance_rate)
        self._quarter = CandleWindow("15m")
        self._minute_ms = 0
        self._atr15: float | None = None
        self._mark: MarkPrice | None = None

    def see_candle(self, value: Candle | CandleHistory) -> None:
        """Take candles: 15m ones for their ATR, closed 1m ones for the price at which positions were opened."""
        if value.interval == "15m":
            self._see_quarter(value)
        elif isinstance(value, Candle) and value.closed and value.open_ms > self._minute_ms:
            self._minute_ms = value.open_ms
            self._projected.traded((value.high + value.low + value.close) / 3.0, value.volume)

    def _see_quarter(self, value: Candle | CandleHistory) -> None:
        quarter = self._quarter
        if isinstance(value, CandleHistory):
            quarter.load(value)
        elif not value.closed or not quarter.update(value):
            return
        self._atr15 = next(reversed(atr_series(*quarter.prices(), 14)), None) if quarter.fault is None else None

    def see_mark(self, mark: MarkPrice) -> bool:
        """Take a mark price; true when it went through projected liquidations."""
        if not 0.0 < mark.mark_price < inf:
            return False
        before, self._mark = self._mark or mark, mark
        prices = before.mark_price, mark.mark_price
        through = self._projected.pass_through(min(prices), max(prices))
        if through:
            self._look(mark.ts_ms, mark.mark_price)
        return through

    def see_interest(self, ts_ms: int, contracts: float) -> None:
        """Take a reading of open interest in contracts; it counts only beside a mark price of the same time."""
        mark = self._mark
        if mark is None or abs(ts_ms - mark.ts_ms) > PRICE_MAX_AGE_MS or not 0.0 < contracts < inf:
            return
        self._ring.add(ts_ms, contracts, mark.mark_price)
        self._projected.interest(ts_ms, contracts, mark.mark_price)
        self._look(ts_ms, mark.mark_price)

    def see_liquidation(self, value: Liquidation) -> bool:
        """Take a liquidation; false for what is none."""
        return self.observed.add(value.ts_ms, value.price, value.quantity, long=value.long)

    def quadrant(self) -> float | None:
        """The open-interest quadrant in [-1, 1]; None while anything for it is missing."""
        if self._atr15 is None or not self._atr15 > 0.0 or self._mark is None:
            return None
        return self._ring.quadrant(100.0 * self._atr15 / self._mark.mark_price)

    def _look(self, ts_ms: int, price: float) -> None:
        self.clusters = self._projected.clusters(ts_ms, price)

    def components(self, now_ms: int) -> dict[str, float | None]:
        """The figures that strategies and people read; a price or time is None where there is none."""
        above, below = self.clusters or NOWHERE
        last_ms = self.observed.last_ms
        return {
            "cluster_above": above.near if above else None,
            "cluster_above_share": above.share if above else None,
            "cluster_below": below.near if below else None,
            "cluster_below_share": below.share if below else None,
            "long_liquidated_ms": last_ms.get(True),
            "short_liquidated_ms": last_ms.get(False),
            "long_flush_usdt": self.observed.flush(now_ms, long=True),
            "short_flush_usdt": self.observed.flush(now_ms, long=False),
        }
