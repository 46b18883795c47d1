"""Trend or range, with hysteresis, on closed candles."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from vortex.domain.indicators.basics import clip
from vortex.domain.indicators.candles import CandleWindow
from vortex.domain.indicators.variation import efficiency_ratio
from vortex.domain.indicators.wilder import Direction, direction_series
from vortex.domain.signal import Regime

PERIOD = 20
UP, DOWN = 1, -1


class TrendLimits(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A trend begins where both enter limits hold and ends where either leave limit is missed."""

    adx_enter: Annotated[float, Meta(ge=0, le=100, description="ADX14 at which a trend begins")] = 25.0
    adx_leave: Annotated[float, Meta(ge=0, le=100, description="ADX14 below which a trend ends")] = 20.0
    er_enter: Annotated[float, Meta(ge=0, le=1, description="efficiency ratio at which a trend begins")] = 0.30
    er_leave: Annotated[float, Meta(ge=0, le=1, description="efficiency ratio below which a trend ends")] = 0.20


class TrendTracker:
    """Holds the regime of a candle window; after a new history it is what replaying that history gives."""

    def __init__(self, limits: TrendLimits) -> None:
        self._limits = limits
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self.regime = Regime.UNKNOWN
        self.read: Direction | None = None
        self.efficiency = 0.0
        self._side = UP

    @property
    def score(self) -> float:
        """s5 = direction * clip((ADX - 20) / 20, 0, 1) in a trend, else 0."""
        if self.read is None or self.regime not in (Regime.TRENDING_UP, Regime.TRENDING_DOWN):
            return 0.0
        return self._side * clip((self.read.adx - 20.0) / 20.0, 0.0, 1.0)

    def follow(self, window: CandleWindow, *, replay: bool) -> None:
        """Step over the newest candle, or over all of them when the window was replaced."""
        highs, lows, closes = window.prices()
        reads = direction_series(highs, lows, closes)
        if replay or not reads:
            self.clear()
        for end, read in enumerate(reads, start=len(closes) - len(reads) + 1):
            if replay or end == len(closes):
                self._step(read, efficiency_ratio(closes[max(0, end - PERIOD - 1) : end], PERIOD) or 0.0)

    def _step(self, read: Direction, efficiency: float) -> None:
        self.read, self.efficiency = read, efficiency
        limits = self._limits
        if read.plus_di != read.minus_di:  # a tie keeps the side
            self._side = UP if read.plus_di > read.minus_di else DOWN
        trending = self.regime in (Regime.TRENDING_UP, Regime.TRENDING_DOWN)
        if trending:
            trending = read.adx >= limits.adx_leave and efficiency >= limits.er_leave
        else:
            trending = read.adx >= limits.adx_enter and efficiency >= limits.er_enter
        up_or_down = Regime.TRENDING_UP if self._side == UP else Regime.TRENDING_DOWN
        self.regime = up_or_down if trending else Regime.RANGING
