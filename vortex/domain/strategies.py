"""Entry strategies A, B and C: inequalities over one reading of the engines, all of which must hold.

Every inequality is written for LONG; SHORT mirrors each sign, each up/down and each oversold/overbought. Read of E3's
components: `tr mr last atr14_15m`, and per timeframe 1m and 15m `rsi_* lower_* upper_* squeeze_fired_*`, the last
being the direction (+1, -1) of a squeeze that fired within its last three closed bars, else 0. Of E4's:
`crowd_extreme funding_extreme` (contrarian directions), `cluster_above* cluster_below*`, `*_liquidated_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter
from typing import Annotated

from msgspec import Struct

from vortex.domain.order import Side
from vortex.domain.ranges import above, switch, within
from vortex.domain.signal import Regime, Toxicity, VolatilityPhase
from vortex.domain.trade import Strategy

TIMEFRAMES = ("1m", "15m")
TRENDING = {Side.LONG: Regime.TRENDING_UP, Side.SHORT: Regime.TRENDING_DOWN}
TREND_OR_SQUEEZE = {side: f"{regime}|squeeze" for side, regime in TRENDING.items()}
FIRED = tuple([f"squeeze_fired_{timeframe}" for timeframe in TIMEFRAMES])
EDGES = {
    side: tuple([(timeframe, f"{band}_{timeframe}", f"rsi_{timeframe}") for timeframe in TIMEFRAMES])
    for side, band in ((Side.LONG, "lower"), (Side.SHORT, "upper"))
}
"""Per side: each timeframe with the names of the band to be beyond and of its RSI."""
NORMAL_PHASES = (VolatilityPhase.LOW, VolatilityPhase.NORMAL)
CLUSTERS = {Side.LONG: "cluster_above", Side.SHORT: "cluster_below"}
"""Where the other side's liquidations would drive the price."""
FLUSHES = {Side.LONG: "long_liquidated_ms", Side.SHORT: "short_liquidated_ms"}


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


class StrategyCParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Towards the liquidations of a crowd: the `[decision.c]` section. Scores are meant in the trade's direction."""

    theta: Annotated[float, above(0, 1, "least final score")] = 0.20
    confidence_min: Annotated[float, within(0, 1, "least confidence (a score, no probability)")] = 0.55
    s4_min: Annotated[float, within(-1, 1, "least sentiment score E4")] = 0.35
    s1_floor: Annotated[float, within(-1, 1, "least order-flow score E1: not against the flow")] = -0.10
    cluster_near_atr: Annotated[float, within(0, 100, "nearest cluster, ATR14(15m)s from the price")] = 0.5
    cluster_far_atr: Annotated[float, within(0, 100, "farthest cluster, ATR14(15m)s from the price")] = 3.0
    cluster_share_min: Annotated[float, within(0, 1, "least share of the liquidations within 3 % that it holds")] = 0.25
    flush_wait_s: Annotated[int, within(0, 3_600, "no entry after a liquidation of the own side, s")] = 10

    def __post_init__(self) -> None:
        if self.cluster_near_atr > self.cluster_far_atr:
            limits = f"cluster_near_atr {self.cluster_near_atr}, cluster_far_atr {self.cluster_far_atr}"
            raise ValueError(f"the near limit lies beyond the far one: {limits}")


class Reading(Struct, frozen=True, kw_only=True, gc=False):
    """What the strategies look at: one evaluation's numbers."""

    now_ms: int
    final_score: float
    confidence: float
    s1: float
    s2: float
    s4: float | None
    alignment: int
    regime: Regime
    phase: VolatilityPhase | None
    toxicity: Toxicity
    technical: Mapping[str, float | None]
    sentiment: Mapping[str, float | None]


class Check(Struct, frozen=True, gc=False):
    """One inequality: the value seen, mirrored for SHORT, its threshold, and whether it holds."""

    name: str
    value: float | str | None
    threshold: float | str
    passed: bool


_PASSED = attrgetter("passed")


class Trigger(Struct, frozen=True, kw_only=True, gc=False):
    """One strategy's inequalities in one direction."""

    strategy: Strategy
    side: Side
    checks: tuple[Check, ...]

    @property
    def matched(self) -> bool:
        """True when every inequality holds."""
        return all(map(_PASSED, self.checks))

    def passed(self, name: str) -> bool:
        """Whether the named inequality holds; an unknown name does not."""
        return any(map(_PASSED, [check for check in self.checks if check.name == name]))


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
        checks.append(Check("trend", seen, TREND_OR_SQUEEZE[side], trending or fired))
    return Trigger(strategy=Strategy.A, side=side, checks=tuple(checks))


def strategy_b(reading: Reading, side: Side, params: StrategyBParams) -> Trigger:
    """Trade back to the mean from the edge of a quiet range."""
    sign, technical = side.sign, reading.technical
    outside = [edge for edge in EDGES[side] if not params.band_required or _beyond(technical, sign, edge[1])]
    rsis = [rsi for edge in outside if (rsi := _oversold(side, technical.get(edge[2]))) is not None]
    lowest = min(rsis, default=None)
    checks = [
        _at_least("score", sign * reading.final_score, params.theta),
        _at_least("confidence", reading.confidence, params.confidence_min),
        _at_least("mr", _towards(side, technical.get("mr")), params.mr_min),
        Check("band", "|".join([edge[0] for edge in outside]), "1m|15m", bool(outside)),
        Check("rsi", lowest, params.rsi_low, lowest is not None and lowest <= params.rsi_low),
        _at_least("s1", sign * reading.s1, params.s1_floor),
        Check("phase", reading.phase, "LOW|NORMAL", reading.phase in NORMAL_PHASES),
        Check("flow", reading.toxicity.value, "not TOXIC", reading.toxicity is not Toxicity.TOXIC),
    ]
    if params.ranging_required:
        ranging = reading.regime is Regime.RANGING
        checks.append(Check("regime", reading.regime.value, Regime.RANGING.value, ranging))
    return Trigger(strategy=Strategy.B, side=side, checks=tuple(checks))


def strategy_c(reading: Reading, side: Side, params: StrategyCParams) -> Trigger:
    """Trade against a crowd, towards the prices at which it would be liquidated."""
    sign, sentiment = side.sign, reading.sentiment
    extremes = [name for name in ("crowd_extreme", "funding_extreme") if sentiment.get(name) == sign]
    distance = _cluster_atrs(reading, side)
    share = sentiment.get(f"{CLUSTERS[side]}_share")
    near, far = params.cluster_near_atr, params.cluster_far_atr
    flushed_ms = sentiment.get(FLUSHES[side])
    quiet_s = None if flushed_ms is None else (reading.now_ms - flushed_ms) / 1000
    checks = (
        _at_least("score", sign * reading.final_score, params.theta),
        _at_least("confidence", reading.confidence, params.confidence_min),
        _at_least("s4", _towards(side, reading.s4), params.s4_min),
        Check("extreme", "|".join(extremes), "crowd_extreme|funding_extreme", bool(extremes)),
        _at_least("cluster_atr_min", distance, near),
        Check("cluster_atr_max", distance, far, distance is not None and distance <= far),
        _at_least("cluster_share", share, params.cluster_share_min),
        _at_least("s1", sign * reading.s1, params.s1_floor),
        Check("flush_s", quiet_s, params.flush_wait_s, quiet_s is None or quiet_s >= params.flush_wait_s),
    )
    return Trigger(strategy=Strategy.C, side=side, checks=checks)


def _cluster_atrs(reading: Reading, side: Side) -> float | None:
    """How far ahead the near edge of the cluster lies, in ATR14(15m)."""
    price, last = reading.sentiment.get(CLUSTERS[side]), reading.technical.get("last")
    atr15 = reading.technical.get("atr14_15m")
    if price is None or last is None or atr15 is None or not atr15 > 0.0:
        return None
    return side.sign * (price - last) / atr15


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
    return side.sign in [reading.technical.get(name) for name in FIRED]


def _beyond(technical: Mapping[str, float | None], sign: int, band_name: str) -> bool:
    last, band = technical.get("last"), technical.get(band_name)
    return last is not None and band is not None and sign * last <= sign * band
