"""From five opinions to one decision: freshness, weights by regime, score, confidence, triggers, debounce.

Confidence is a score, not a probability.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from typing import Annotated

from msgspec import Struct

from vortex.domain.order import Side
from vortex.domain.ranges import above, within
from vortex.domain.signal import EngineId, Regime, Signal, VolatilityPhase
from vortex.domain.strategies import (
    Reading,
    StrategyAParams,
    StrategyBParams,
    Trigger,
    strategy_a,
    strategy_b,
)
from vortex.domain.trade import Strategy

UNIT_TOLERANCE = 1e-9
TRENDS = (Regime.TRENDING_UP, Regime.TRENDING_DOWN)
NAMES = tuple([(engine, engine.value) for engine in EngineId])
MISSING, STALE, SILENT = (
    {engine: f"{engine}_{fault}" for engine in EngineId} for fault in ("MISSING", "STALE", "SILENT")
)


class Action(StrEnum):
    """What to do now."""

    LONG = "LONG"
    SHORT = "SHORT"
    HOLD = "HOLD"


class BaseWeights(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Weights of the engines before the regime's multipliers; they sum to 1."""

    order_flow: Annotated[float, within(0, 1, "weight of E1, share of 1")] = 0.35
    tick: Annotated[float, within(0, 1, "weight of E2, share of 1")] = 0.25
    technical: Annotated[float, within(0, 1, "weight of E3, share of 1")] = 0.20
    sentiment: Annotated[float, within(0, 1, "weight of E4, share of 1")] = 0.12
    regime: Annotated[float, within(0, 1, "weight of E5, share of 1")] = 0.08

    def __post_init__(self) -> None:
        total = self.order_flow + self.tick + self.technical + self.sentiment + self.regime
        if abs(total - 1) > UNIT_TOLERANCE:
            raise ValueError(f"the engines' weights must sum to 1, not {total:.10g}")


class MaxAges(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How old an engine's newest opinion may be before it counts as missing, milliseconds."""

    order_flow_ms: Annotated[int, within(1, 86_400_000, "E1, ms since the book")] = 1_000
    tick_ms: Annotated[int, within(1, 86_400_000, "E2, ms since its trade stream was last alive")] = 2_000
    technical_ms: Annotated[int, within(1, 86_400_000, "E3, ms")] = 75_000
    sentiment_ms: Annotated[int, within(1, 86_400_000, "E4, ms; the only engine that may be missing")] = 900_000
    regime_ms: Annotated[int, within(1, 86_400_000, "E5, ms")] = 75_000


class DecisionParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The `[decision]` section; `a` and `b` are the strategies' own sections."""

    weights: BaseWeights = BaseWeights()
    max_ages: MaxAges = MaxAges()
    a: StrategyAParams = StrategyAParams()
    b: StrategyBParams = StrategyBParams()
    trending_flow_factor: Annotated[float, above(0, 10, "factor on E1 and E2 in a trend, before normalising")] = 1.2
    ranging_technical_factor: Annotated[float, above(0, 10, "factor on E3 in a range, before normalising")] = 1.5
    score_full: Annotated[float, above(0, 1, "|final score| that counts as full conviction")] = 0.60
    score_share: Annotated[float, within(0, 1, "share of conviction in the confidence")] = 0.60
    agree_share: Annotated[float, within(0, 1, "share of the engines' agreement in it")] = 0.40
    agree_min: Annotated[float, within(0, 1, "least |score| of an engine that agrees")] = 0.10
    alignment_min: Annotated[float, within(0, 1, "least |score| of E1 and E2 to be compared")] = 0.15
    alignment_bonus: Annotated[float, within(0, 1, "added to confidence when they agree")] = 0.10
    alignment_penalty: Annotated[float, within(0, 1, "taken off confidence when they do not")] = 0.15
    debounce_evaluations: Annotated[int, within(1, 100, "evaluations in a row on new books a trigger must hold")] = 2


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """One evaluation and why it came out so; HOLD always has a reason."""

    id: str
    symbol: str
    epoch: int
    ts_ms: int
    action: Action
    strategy: Strategy | None
    confidence: float
    final_score: float
    reasons: tuple[str, ...]
    scores: Mapping[str, float | None]
    weights: Mapping[str, float]
    regime: Regime
    phase: VolatilityPhase | None
    alignment: int
    atr15: float | None
    atr1: float | None
    triggers: tuple[Trigger, ...] = ()

    @property
    def side(self) -> Side | None:
        """The direction to enter, None for HOLD."""
        return None if self.action is Action.HOLD else Side(self.action.value)

    @property
    def e1_direction(self) -> str:
        """Order flow's own opinion: LONG, SHORT or NEUTRAL."""
        score = self.scores.get(EngineId.ORDER_FLOW) or 0.0
        return "LONG" if score > 0 else "SHORT" if score < 0 else "NEUTRAL"

    @property
    def e5_regime(self) -> str:
        """`<REGIME>/<PHASE>`."""
        return f"{self.regime}/{self.phase or 'UNKNOWN'}"


# ------------------------------------------------------------------------------------------------------- pure formulas


def weights_by_regime(params: DecisionParams, regime: Regime) -> dict[EngineId, float]:
    """Return the engines' weights in this regime; they sum to 1."""
    base = params.weights
    flow = params.trending_flow_factor if regime in TRENDS else 1.0
    technical = params.ranging_technical_factor if regime is Regime.RANGING else 1.0
    raw = {
        EngineId.ORDER_FLOW: base.order_flow * flow,
        EngineId.TICK: base.tick * flow,
        EngineId.TECHNICAL: base.technical * technical,
        EngineId.SENTIMENT: base.sentiment,
        EngineId.REGIME: base.regime,
    }
    total = sum(raw.values())
    return {engine: weight / total for engine, weight in raw.items()}


@cache
def _weight_tables(
    params: DecisionParams,
) -> tuple[Mapping[Regime, Mapping[EngineId, float]], Mapping[Regime, Mapping[str, float]]]:
    """Return the weights in every regime by engine, and by its plain name: the same objects for whoever decides so."""
    weights = {regime: weights_by_regime(params, regime) for regime in Regime}
    return weights, {regime: {each.value: share for each, share in of.items()} for regime, of in weights.items()}


def combine(scores: Mapping[EngineId, float], weights: Mapping[EngineId, float]) -> tuple[float, float]:
    """Return the final score in [-1, 1] over the engines present, and their coverage (sum of weights); 0, 0 if none."""
    coverage = sum([weights[engine] for engine in scores])
    if coverage <= 0:
        return 0.0, 0.0
    return sum([weights[engine] * score for engine, score in scores.items()]) / coverage, coverage


def alignment_of(s1: float, s2: float, least: float) -> int:
    """Return +1 when order flow and aggressors agree, -1 when they oppose, 0 when either is below `least`."""
    if min(abs(s1), abs(s2)) < least:
        return 0
    return 1 if s1 * s2 > 0 else -1 if s1 * s2 < 0 else 0


def confidence_of(
    scores: Mapping[EngineId, float], weights: Mapping[EngineId, float], alignment: int, params: DecisionParams
) -> float:
    """Return conviction, agreement and alignment in one score in [0, 1], times the coverage of present engines."""
    return _confidence(combine(scores, weights), scores, weights, alignment, params)


def _confidence(
    combined: tuple[float, float],
    scores: Mapping[EngineId, float],
    weights: Mapping[EngineId, float],
    alignment: int,
    params: DecisionParams,
) -> float:
    final_score, coverage = combined
    if coverage <= 0:
        return 0.0
    base = min(1.0, abs(final_score) / params.score_full)
    agreeing = [weights[e] for e, s in scores.items() if s * final_score > 0 and abs(s) >= params.agree_min]
    agree = sum(agreeing) / coverage
    bonus = params.alignment_bonus if alignment > 0 else -params.alignment_penalty if alignment < 0 else 0.0
    raw = params.score_share * base + params.agree_share * agree + bonus
    return min(1.0, max(0.0, raw)) * coverage


def technical_score(components: Mapping[str, float | None], regime: Regime) -> float | None:
    """Pick E3's reading for the regime: reversion in a range, trend in a trend, their mean otherwise."""
    mr, tr = components.get("mr"), components.get("tr")
    if regime is Regime.RANGING:
        return mr
    if regime in TRENDS:
        return tr
    return None if mr is None or tr is None else 0.5 * (mr + tr)


# ------------------------------------------------------------------------------------------------------ the state of it


class SignalBoard:
    """The newest opinion of each engine of one symbol, and the decision that follows from them at one moment.

    The order in which engines report makes no difference. Between two evaluations it remembers only the streak of the
    trigger that held, for the debounce.
    """

    def __init__(self, params: DecisionParams) -> None:
        self._params = params
        self._weights, self._shown_weights = _weight_tables(params)
        ages = params.max_ages
        self._max_age_ms = {
            EngineId.ORDER_FLOW: ages.order_flow_ms,
            EngineId.TICK: ages.tick_ms,
            EngineId.TECHNICAL: ages.technical_ms,
            EngineId.SENTIMENT: ages.sentiment_ms,
            EngineId.REGIME: ages.regime_ms,
        }
        self._newest: dict[EngineId, Signal] = {}
        self._held: tuple[Strategy, Side] | None = None
        self._held_epoch = 0
        self._streak = 0

    def put(self, signal: Signal) -> None:
        """Keep the signal unless a newer one of its engine is known; of two at the same time the later one stays."""
        kept = self._newest.get(signal.engine)
        if kept is None or signal.ts_ms >= kept.ts_ms:
            self._newest[signal.engine] = signal

    def newest(self, engine: EngineId) -> Signal | None:
        """Return the engine's newest opinion, however old it is."""
        return self._newest.get(engine)

    def evaluate(self, *, now_ms: int, epoch: int, symbol: str, decision_id: str) -> Decision:
        """Decide at `now_ms` (the exchange's clock) on the book numbered `epoch`."""
        fresh, faults = self._fresh(now_ms)
        e5 = fresh.get(EngineId.REGIME)
        regime = (e5.regime if e5 else None) or Regime.UNKNOWN
        phase = e5.phase if e5 else None
        scores, silent = _scores(fresh, regime)
        blockers = _blockers(faults + silent, known=e5 is not None, regime=regime, phase=phase)
        complete = "ENGINE_STALE" not in blockers
        technical = fresh[EngineId.TECHNICAL].components if EngineId.TECHNICAL in fresh else {}
        reading = self._read(scores if complete else {}, technical, regime, phase)
        triggers = triggers_of(reading, self._params) if complete else ()
        matched = None if blockers else next((trigger for trigger in triggers if trigger.matched), None)
        settled = self._settled(matched, epoch)
        entered = matched if settled else None
        reasons = blockers or (_reason(triggers, matched, settled=settled),)
        return Decision(
            id=decision_id, symbol=symbol, epoch=epoch, ts_ms=now_ms,
            action=Action(entered.side) if entered else Action.HOLD,
            strategy=entered.strategy if entered else None,
            confidence=reading.confidence, final_score=reading.final_score, reasons=(*reasons, *faults, *silent),
            scores={name: scores.get(engine) for engine, name in NAMES},
            weights=self._shown_weights[regime],
            regime=regime, phase=phase, alignment=reading.alignment,
            atr15=technical.get("atr14_15m"), atr1=technical.get("atr14_1m"), triggers=triggers,
        )  # fmt: skip

    def _read(
        self,
        scores: Mapping[EngineId, float],
        technical: Mapping[str, float | None],
        regime: Regime,
        phase: VolatilityPhase | None,
    ) -> Reading:
        params, weights = self._params, self._weights[regime]
        s1, s2 = scores.get(EngineId.ORDER_FLOW, 0.0), scores.get(EngineId.TICK, 0.0)
        alignment = alignment_of(s1, s2, params.alignment_min)
        combined = combine(scores, weights)
        return Reading(
            final_score=combined[0],
            confidence=_confidence(combined, scores, weights, alignment, params),
            s1=s1, s2=s2, alignment=alignment, regime=regime, phase=phase, technical=technical,
        )  # fmt: skip

    def _fresh(self, now_ms: int) -> tuple[dict[EngineId, Signal], list[str]]:
        """Split the engines into usable signals and reasons; one from the future is as unusable as an old one."""
        fresh: dict[EngineId, Signal] = {}
        faults = []
        for engine, max_age_ms in self._max_age_ms.items():
            signal = self._newest.get(engine)
            if signal is None:
                faults.append(MISSING[engine])
            elif abs(now_ms - signal.ts_ms) > max_age_ms:
                faults.append(STALE[engine])
            else:
                fresh[engine] = signal
        return fresh, faults

    def _settled(self, matched: Trigger | None, epoch: int) -> bool:
        """Count evaluations in a row in which the same trigger held, each on another book."""
        held = (matched.strategy, matched.side) if matched else None
        if held is None or held != self._held:
            self._streak = 0 if held is None else 1
        elif epoch != self._held_epoch:
            self._streak += 1
        self._held, self._held_epoch = held, epoch
        return self._streak >= self._params.debounce_evaluations


def triggers_of(reading: Reading, params: DecisionParams) -> tuple[Trigger, ...]:
    """Return every strategy's inequalities, highest priority first, in the direction of the final score."""
    side = Side.LONG if reading.final_score >= 0 else Side.SHORT
    return (strategy_a(reading, side, params.a), strategy_b(reading, side, params.b))


def _scores(fresh: Mapping[EngineId, Signal], regime: Regime) -> tuple[dict[EngineId, float], list[str]]:
    """Return the scores that take part, and a reason for each engine that is alive but has no opinion."""
    scores: dict[EngineId, float] = {}
    silent = []
    for engine, signal in fresh.items():
        technical = engine is EngineId.TECHNICAL
        score = technical_score(signal.components, regime) if technical else signal.score
        if score is None:
            silent.append(SILENT[engine])
        else:
            scores[engine] = score
    return scores, silent


def _blockers(faults: list[str], *, known: bool, regime: Regime, phase: VolatilityPhase | None) -> tuple[str, ...]:
    """Return why no strategy may be looked at; only E4 may be missing."""
    found = []
    if phase is VolatilityPhase.EXTREME:
        found.append("REGIME_EXTREME")
    if known and (regime is Regime.UNKNOWN or phase is None):
        found.append("REGIME_UNKNOWN")
    if any(not fault.startswith(EngineId.SENTIMENT) for fault in faults):
        found.append("ENGINE_STALE")
    return tuple(found)


def _reason(triggers: tuple[Trigger, ...], matched: Trigger | None, *, settled: bool) -> str:
    if matched:
        return f"STRATEGY_{matched.strategy}" if settled else "DEBOUNCE"
    strong = [trigger for trigger in triggers if trigger.passed("score")]
    if not strong:
        return "SCORE_LOW"
    return "NO_STRATEGY" if any(trigger.passed("confidence") for trigger in strong) else "CONF_LOW"
