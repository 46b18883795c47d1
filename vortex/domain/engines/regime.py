"""E5: trend or range, calm or violent. Its score is small; its regime and phase switch the others."""

from __future__ import annotations

from math import inf
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vortex.domain.engines.base import GENERATED_HISTORY, WARMING
from vortex.domain.indicators.candles import CandlePair
from vortex.domain.indicators.flow import spread_bps
from vortex.domain.indicators.trend import TrendLimits, TrendTracker
from vortex.domain.indicators.variation import volatility_ratio
from vortex.domain.indicators.volatility import PhaseLimits, PhaseTracker
from vortex.domain.indicators.wilder import atr_series
from vortex.domain.indicators.windows import RollingMedian
from vortex.domain.market import Book, Candle, CandleHistory, MarketValue, MarkPrice
from vortex.domain.signal import EngineId, Regime, Signal, VolatilityPhase

NO_VOLATILITY = "NO_VOLATILITY"
RANGE_SHOCK = "RANGE_SHOCK"
SPREAD_SHOCK = "SPREAD_SHOCK"
MARK_SHOCK = "MARK_SHOCK"

UNKNOWN: dict[str, float | None] = dict.fromkeys(("adx", "er", "plus_di", "minus_di", "rho"))
MINUTE_BARS = 16
QUIET_MS = 1_000


class RegimeParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of E5; the instant rules declare EXTREME without waiting for a candle to close."""

    min_bars: Annotated[int, Meta(ge=40, le=96, description="closed 15m candles to speak at all")] = 60
    full_bars: Annotated[int, Meta(ge=40, le=96, description="closed 15m candles for full quality")] = 90
    trend: TrendLimits = TrendLimits()
    phase: PhaseLimits = PhaseLimits()
    shock_range_atr: Annotated[float, Meta(gt=0, le=100, description="forming 1m range, in 1m ATR14")] = 6.0
    shock_spread_bps: Annotated[float, Meta(gt=0, le=1_000, description="spread never calm above this, bps")] = 10.0
    shock_spread_ratio: Annotated[float, Meta(ge=1, le=1_000, description="spread, in its 10 min medians")] = 20.0
    shock_mark_pct: Annotated[float, Meta(gt=0, le=100, description="gap of mark and last price, percent")] = 1.0


class RegimeEngine:
    """Watches closed candles for the regime and every event for shocks.

    Signals carry the time of the newest 1m candle, so that live books cannot hide a dead candle stream.
    """

    id: ClassVar[str] = EngineId.REGIME
    inputs: ClassVar[tuple[type, ...]] = (Candle, CandleHistory, Book, MarkPrice)

    def __init__(self, params: RegimeParams) -> None:
        self._params = params
        self._candles = CandlePair()
        self._trend = TrendTracker(params.trend)
        self._phase = PhaseTracker(params.phase)
        self._spreads = RollingMedian(600_000)
        self._now_ms = 0
        self._sampled_ms = 0
        self._said_ms = 0
        self._said: tuple[VolatilityPhase | None, tuple[str, ...]] | None = None
        self._rho: float | None = None
        self._atr14: float | None = None
        self._spread_bps: float | None = None
        self._mark: float | None = None
        self._generated = False
        self._quality = 0.5
        self._fault: str | None = WARMING
        self._shocks = dict.fromkeys((RANGE_SHOCK, SPREAD_SHOCK, MARK_SHOCK), False)

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every candle, and a Book or MarkPrice when something changed or a second passed."""
        match value:
            case Candle() | CandleHistory():
                self._on_candles(value)
                return self._opinion(always=True)
            case Book():
                self._on_book(value)
            case MarkPrice():
                self._now_ms = max(self._now_ms, value.ts_ms)
                self._mark = value.mark_price
                self._shocks[MARK_SHOCK] = self._mark_strays()
            case _:
                return None
        return self._opinion(always=False)

    def _on_candles(self, value: Candle | CandleHistory) -> None:
        candles = self._candles
        changed = candles.update(value)
        self._now_ms = max(self._now_ms, candles.ts_ms)
        if changed is candles.quarter:
            self._trend.follow(changed, replay=isinstance(value, CandleHistory))
        if changed is not None:
            self._measure()
        self._fault = self._find_fault()
        forming = candles.minute.forming
        wide = self._params.shock_range_atr * (self._atr14 or inf)
        self._shocks[RANGE_SHOCK] = forming is not None and forming.high - forming.low >= wide
        self._shocks[MARK_SHOCK] = self._mark_strays()

    def _measure(self) -> None:
        highs, lows, closes = self._candles.minute.prices()
        self._rho = volatility_ratio(closes, [candle.close for candle in self._candles.quarter.closed])
        self._atr14 = next(reversed(atr_series(highs, lows, closes, 14)), None)
        self._generated = self._candles.generated
        self._quality = 1.0 if len(self._candles.quarter.closed) >= self._params.full_bars else 0.5

    def _on_book(self, book: Book) -> None:
        self._now_ms = max(self._now_ms, book.ts_ms)
        spread = spread_bps(book.bids, book.asks)
        if spread is None:  # E1 says what is wrong with the book; its spread means nothing
            return
        usual = self._spreads.value or 0.0
        limit = max(self._params.shock_spread_bps, self._params.shock_spread_ratio * usual)
        self._shocks[SPREAD_SHOCK] = spread > limit
        self._spread_bps = spread
        if self._now_ms - self._sampled_ms >= QUIET_MS:
            self._spreads.add(self._now_ms, spread)
            self._sampled_ms = self._now_ms

    def _mark_strays(self) -> bool:
        last = self._candles.minute.last
        if last is None or self._mark is None:
            return False
        return not abs(self._mark - last) < last * self._params.shock_mark_pct / 100.0  # NaN strays too

    def _opinion(self, *, always: bool) -> Signal | None:
        shocks = tuple([reason for reason, holds in self._shocks.items() if holds])
        fault = self._fault
        phase = self._phase.step(self._now_ms, None if fault else self._rho, shocked=bool(shocks))
        said = (phase, shocks)
        if not always and said == self._said and self._now_ms - self._said_ms < QUIET_MS:
            return None
        self._said, self._said_ms = said, self._now_ms
        return self._signal(fault, phase, shocks)

    def _find_fault(self) -> str | None:
        candles = self._candles
        if candles.fault is not None:
            return candles.fault
        if len(candles.quarter.closed) < self._params.min_bars or len(candles.minute.closed) < MINUTE_BARS:
            return WARMING
        return NO_VOLATILITY if self._rho is None else None

    def _signal(self, fault: str | None, phase: VolatilityPhase | None, shocks: tuple[str, ...]) -> Signal:
        generated = (GENERATED_HISTORY,) if self._generated else ()
        if fault is not None:
            return Signal(
                engine=self.id, ts_ms=self._candles.ts_ms, score=None, quality=0.0,
                components=UNKNOWN | {"spread_bps": self._spread_bps}, reasons=(fault, *shocks, *generated),
                regime=Regime.UNKNOWN, phase=phase,
            )  # fmt: skip
        trend = self._trend
        read = trend.read
        return Signal(
            engine=self.id, ts_ms=self._candles.ts_ms, score=trend.score, quality=self._quality,
            components={
                "adx": read.adx if read else None, "er": trend.efficiency,
                "plus_di": read.plus_di if read else None, "minus_di": read.minus_di if read else None,
                "rho": self._rho, "spread_bps": self._spread_bps,
            },
            reasons=shocks + generated if self._generated else shocks,
            regime=trend.regime, phase=phase,
        )  # fmt: skip
