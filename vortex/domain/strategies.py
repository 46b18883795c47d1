"""Entry strategies A and B: inequalities over one reading of the engines, all of which must hold.

Every inequality is written for LONG; SHORT mirrors each sign, each up/down and each oversold/overbought. Read of E3's
components: `tr mr last`, and per timeframe 1m and 15m `rsi_* lower_* upper_* squeeze_fired_*`, the last
being the direction (+1, -1) of a squeeze that fired within its last three closed bars, else 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from msgspec import Struct

from vortex.domain.order import Side
from vortex.domain.ranges import above, switch, within
from vortex.domain.signal import Regime, VolatilityPhase
from vortex.domain.trade import Strategy

TIMEFRAMES = ("1m", "15m")
TRENDING = {Side.LONG: Regime.TRENDING_UP, Side.SHORT: Regime.TRENDING_DOWN}
NORMAL_PHASES = (VolatilityPhase.LOW, VolatilityPhase.NORMAL)


class StrategyAParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Momentum with order flow: the `[decision.a]` section. Scores are meant in the trade's direction."""

    theta: Annotated[float, above(0, 1, "least final score")] = 0.35
    confidence_min: Annotated[float, within(0, 1, "least confidence (a score, no probability)")] = 0.55
    s1_min: Annotated[float, within(-1, 1, "least order-flow score E1")] = 0.40
    s2_min: Annotated[float, within(-1, 1, "least tick score E2")] = 0.30
    tr_min: Annotated[float, within(-1, 1, "least trend score `tr` of E3")] = 0.0
    alignment_required: Annotated[bool, switch("E1 and E2 must agree (alignment +1)")] = True
    trend_required: Annotated[bool, switch("needs regime TRENDING or a squeeze fired, in this direction")] = True
    low_needs_squeeze: Annotated[bool, switch("phase LOW is accepted only with a squeeze fired")] = True


class StrategyBParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Mean reversion in a range: the `[decision.b]` section. Scores are meant in the trade's direction."""

    theta: Annotated[float, above(0, 1, "least final score")] = 0.20
    confidence_min: Annotated[float, within(0, 1, "least confidence (a score, no probability)")] = 0.55
    mr_min: Annotated[float, within(-1, 1, "least reversion score `mr` of E3")] = 0.60
    rsi_low: Annotated[float, within(0, 100, "LONG needs RSI14 at or below it, SHORT at or above 100 less it")] = 30.0
    band_required: Annotated[bool, switch("last price must be at or beyond that timeframe's Bollinger band")] = True
    s1_floor: Annotated[float, within(-1, 1, "least order-flow score E1: not against the flow")] = -0.20
    ranging_required: Annotated[bool, switch("needs regime RANGING")] = True


class Reading(Struct, frozen=True, kw_only=True):
    """What the strategies look at: one evaluation's numbers."""

    final_score: float
    confidence: float
    s1: float
    s2: float
    alignment: int
    regime: Regime
    phase: VolatilityPhase | None
    technical: Mapping[str, float | None]


class Check(Struct, frozen=True, gc=False):
    """One inequality: the value seen, mirrored for SHORT, its threshold, and whether it holds."""

    name: str
    value: float | str | None
    threshold: float | str
    passed: bool


class Trigger(Struct, frozen=True, kw_only=True):
    """One strategy's inequalities in one direction."""

    strategy: Strategy
    side: Side
    checks: tuple[Check, ...]

    @property
    def matched(self) -> bool:
        """True when every inequality holds."""
        return all(check.passed for check in self.checks)

    def passed(self, name: str) -> bool:
        """Whether the named inequality holds; an unknown name does not."""
        return any(check.name == name and check.passed for check in self.checks)


def strategy_a(reading: Reading, side: Side, params: StrategyAParams) -> Trigger:
    """Trade with order flow, aggressors and trend, in a market that moves."""
    sign = side.sign
    fired = _squeeze_fired(reading, side)
    checks = [
        _at_least("score", sign * reading.final_score, params.theta),
        _at_least("confidence", reading.confidence, params.confidence_min),
        _at_least("s1", sign * reading.s1, params.s1_min),
        _at_least("s2", sign * reading.s2, params.s2_min),
        _at_least("tr", _towards(side, reading.technical.get("tr")), params.tr_min),
        _phase_a(reading.phase, fired=fired, params=params),
    ]
    if params.alignment_required:
        checks.append(_at_least("alignment", reading.alignment, 1))
    if params.trend_required:
        trending = reading.regime is TRENDING[side]
        seen = "squeeze" if fired and not trending else reading.regime.value
        checks.append(Check("trend", seen, f"{TRENDING[side]}|squeeze", trending or fired))
    return Trigger(strategy=Strategy.A, side=side, checks=tuple(checks))


def strategy_b(reading: Reading, side: Side, params: StrategyBParams) -> Trigger:
    """Trade back to the mean from the edge of a quiet range."""
    sign = side.sign
    outside = tuple(tf for tf in TIMEFRAMES if not params.band_required or _beyond_band(reading.technical, side, tf))
    rsis = [rsi for tf in outside if (rsi := _oversold(side, reading.technical.get(f"rsi_{tf}"))) is not None]
    lowest = min(rsis, default=None)
    checks = [
        _at_least("score", sign * reading.final_score, params.theta),
        _at_least("confidence", reading.confidence, params.confidence_min),
        _at_least("mr", _towards(side, reading.technical.get("mr")), params.mr_min),
        Check("band", "|".join(outside), "1m|15m", bool(outside)),
        Check("rsi", lowest, params.rsi_low, lowest is not None and lowest <= params.rsi_low),
        _at_least("s1", sign * reading.s1, params.s1_floor),
        Check("phase", reading.phase, "LOW|NORMAL", reading.phase in NORMAL_PHASES),
    ]
    if params.ranging_required:
        ranging = reading.regime is Regime.RANGING
        checks.append(Check("regime", reading.regime.value, Regime.RANGING.value, ranging))
    return Trigger(strategy=Strategy.B, side=side, checks=tuple(checks))


def _phase_a(phase: VolatilityPhase | None, *, fired: bool, params: StrategyAParams) -> Check:
    low = phase is VolatilityPhase.LOW and (fired or not params.low_needs_squeeze)
    moving = phase in (VolatilityPhase.NORMAL, VolatilityPhase.HIGH)
    threshold = "NORMAL|HIGH|LOW with squeeze" if params.low_needs_squeeze else "LOW|NORMAL|HIGH"
    return Check("phase", phase, threshold, low or moving)


def _at_least(name: str, value: float | None, threshold: float) -> Check:
    return Check(name, value, threshold, value is not None and value >= threshold)


def _towards(side: Side, score: float | None) -> float | None:
    return None if score is None else side.sign * score


def _oversold(side: Side, rsi: float | None) -> float | None:
    return rsi if rsi is None or side is Side.LONG else 100.0 - rsi


def _squeeze_fired(reading: Reading, side: Side) -> bool:
    return any(_towards(side, reading.technical.get(f"squeeze_fired_{tf}")) == 1 for tf in TIMEFRAMES)


def _beyond_band(technical: Mapping[str, float | None], side: Side, timeframe: str) -> bool:
    last = technical.get("last")
    band = technical.get(f"{'lower' if side is Side.LONG else 'upper'}_{timeframe}")
    return last is not None and band is not None and side.sign * last <= side.sign * band
