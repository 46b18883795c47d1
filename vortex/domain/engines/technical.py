"""E3: stretched or running, on closed 1m and 15m candles."""

from __future__ import annotations

from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vortex.domain.engines.base import GENERATED_HISTORY, WARMING
from vortex.domain.indicators.bands import bollinger, ema_series, squeeze_fired
from vortex.domain.indicators.basics import clip
from vortex.domain.indicators.candles import CandlePair, CandleWindow
from vortex.domain.indicators.wilder import atr_series, rsi
from vortex.domain.market import Candle, CandleHistory, MarketValue
from vortex.domain.signal import EngineId, Signal

MR_MINUTE, TR_MINUTE = 0.6, 0.4
"""Weight of the 1m candles in mean reversion and in trend; the 15m ones have the rest."""
RSI_SPAN = 20.0
TREND_ATR = 1.5


class TechnicalParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of E3."""

    min_bars: Annotated[int, Meta(ge=40, le=96, description="closed candles per interval to speak at all")] = 60
    full_bars: Annotated[int, Meta(ge=40, le=96, description="closed candles per interval for full quality")] = 90


class Reading(Struct, frozen=True, kw_only=True):
    """What the closed candles of one interval say; bands and ATR in price units, `fired` -1, 0 or +1."""

    rsi: float
    lower: float
    upper: float
    atr14: float
    fired: int
    mr: float
    tr: float


def read(window: CandleWindow) -> Reading | None:
    """Measure a window; None below 21 closed candles. A market that never moved has mr = tr = 0."""
    highs, lows, closes = window.prices()
    strength, band = rsi(closes), bollinger(closes)
    if strength is None or band is None:
        return None
    atr14 = atr_series(highs, lows, closes, 14)[-1]
    stretch = closes[-1] - ema_series(closes)[-1]
    drive = stretch / (TREND_ATR * atr14) if atr14 > 0.0 else 0.0
    lean = (strength - 50.0) / RSI_SPAN
    return Reading(
        rsi=strength,
        lower=band.lower,
        upper=band.upper,
        atr14=atr14,
        fired=squeeze_fired(highs, lows, closes),
        mr=0.5 * clip(-lean, -1.0, 1.0) + 0.5 * clip(1.0 - 2.0 * band.position(closes[-1]), -1.0, 1.0),
        tr=0.5 * clip(lean, -1.0, 1.0) + 0.5 * clip(drive, -1.0, 1.0),
    )


def _named(reading: Reading | None, interval: str) -> dict[str, float | None]:
    if reading is None:
        return dict.fromkeys(
            (f"rsi_{interval}", f"lower_{interval}", f"upper_{interval}", f"atr14_{interval}",
             f"squeeze_fired_{interval}"),
        )  # fmt: skip
    return {
        f"rsi_{interval}": reading.rsi,
        f"lower_{interval}": reading.lower,
        f"upper_{interval}": reading.upper,
        f"atr14_{interval}": reading.atr14,
        f"squeeze_fired_{interval}": float(reading.fired),
    }


UNKNOWN = {"mr": None, "tr": None} | _named(None, "1m") | _named(None, "15m")
GENERATED = (GENERATED_HISTORY,)


class TechnicalEngine:
    """Publishes mean reversion `mr` and trend `tr`; its score is their mean, the decision picks by regime.

    Everything is measured when a candle closes; a forming candle changes only `last`.
    """

    id: ClassVar[str] = EngineId.TECHNICAL
    inputs: ClassVar[tuple[type, ...]] = (Candle, CandleHistory)

    def __init__(self, params: TechnicalParams) -> None:
        self._params = params
        self._candles = CandlePair()
        self._minute: Reading | None = None
        self._quarter: Reading | None = None
        self._parts: dict[str, float | None] | None = None
        self._score: float | None = None
        self._quality = 0.0
        self._generated = False

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every Candle and CandleHistory with a Signal."""
        if not isinstance(value, Candle | CandleHistory):
            return None
        changed = self._candles.update(value)
        if changed is not None:
            self._measure(changed)
        return self._opinion()

    def _measure(self, window: CandleWindow) -> None:
        if window is self._candles.minute:
            self._minute = read(window)
        else:
            self._quarter = read(window)
        self._generated = self._candles.generated
        self._settle()

    def _settle(self) -> None:
        """Put together what holds until the next candle closes."""
        minute, quarter, bars = self._minute, self._quarter, self._candles.bars
        if minute is None or quarter is None or bars < self._params.min_bars:
            self._parts = None
            return
        mr = MR_MINUTE * minute.mr + (1.0 - MR_MINUTE) * quarter.mr
        tr = TR_MINUTE * minute.tr + (1.0 - TR_MINUTE) * quarter.tr
        self._parts = {"mr": mr, "tr": tr, "last": None} | _named(minute, "1m") | _named(quarter, "15m")
        self._score = 0.5 * (mr + tr)
        self._quality = 1.0 if bars >= self._params.full_bars else 0.5

    def _opinion(self) -> Signal:
        candles = self._candles
        reason, parts = candles.fault, self._parts
        if reason is not None or parts is None:
            return Signal(
                engine=self.id, ts_ms=candles.ts_ms, score=None, quality=0.0,
                components=UNKNOWN | {"last": candles.minute.last}, reasons=self._reasons(reason or WARMING),
            )  # fmt: skip
        components = parts.copy()
        components["last"] = candles.minute.last
        return Signal(
            engine=self.id, ts_ms=candles.ts_ms, score=self._score, quality=self._quality, components=components,
            reasons=GENERATED if self._generated else (),
        )  # fmt: skip

    def _reasons(self, reason: str) -> tuple[str, ...]:
        return (reason, *GENERATED) if self._generated else (reason,)
