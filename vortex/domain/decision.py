"""From the engines' opinions to one decision: freshness, score, triggers, debounce; HOLD always has a reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

from msgspec import Struct

from vortex.domain.engines.registry import REGISTRY
from vortex.domain.market import TURNED_BACK_MS
from vortex.domain.order import Side
from vortex.domain.scoring import (
    DecisionParams,
    alignment_of,
    combine,
    confidence_of,
    technical_score,
    toxicity_of,
    weight_tables,
)
from vortex.domain.signal import EngineId, Regime, Signal, Toxicity, VolatilityPhase
from vortex.domain.strategies import CLUSTERS, Reading, Trigger, strategy_a, strategy_b, strategy_c
from vortex.domain.trade import Strategy

ENGINES = tuple([str(spec.id) for spec in REGISTRY])
REQUIRED = frozenset(str(spec.id) for spec in REGISTRY if spec.required)
NO_COMPONENTS: Mapping[str, float | None] = {}
# Every book looks these up again and again, and a member of an enumeration costs a tenth of a microsecond each time.
FLOW, TICK, TECHNICAL, SENTIMENT, REGIME = map(
    str, (EngineId.ORDER_FLOW, EngineId.TICK, EngineId.TECHNICAL, EngineId.SENTIMENT, EngineId.REGIME)
)
UNKNOWN, EXTREME = Regime.UNKNOWN, VolatilityPhase.EXTREME


class Action(StrEnum):
    """What to do now."""

    LONG = "LONG"
    SHORT = "SHORT"
    HOLD = "HOLD"


HOLD = Action.HOLD


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """One evaluation and why it came out so; HOLD always has a reason.

    `triggers` are empty where the score was below every strategy's: `SignalBoard.triggers` has them.
    `atr15` and `atr1` are E3's ATR14; `cluster_price` is the near edge of the liquidation cluster that C aims at.
    """

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
    toxicity: Toxicity = Toxicity.WARMING
    cluster_price: float | None = None

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


class SignalBoard:
    """The newest opinion of each engine of one symbol, and the decision that follows from them at one moment.

    The order in which engines report makes no difference. Between two evaluations it remembers only the streak of the
    trigger that held, for the debounce.
    """

    def __init__(self, params: DecisionParams) -> None:
        self._params = params
        self._weights = weight_tables(params)
        self._max_age_ms = {
            str(spec.id): getattr(params.max_ages, f"{spec.section}_ms", spec.max_age_ms) for spec in REGISTRY
        }
        self._newest: dict[str, Signal] = {}
        self._least_score = min(params.a.theta, params.b.theta, params.c.theta)
        self._reading: Reading | None = None
        self._complete = False
        self._held: tuple[Strategy, Side] | None = None
        self._held_epoch = 0
        self._streak = 0

    def put(self, signal: Signal) -> None:
        """Keep the signal unless a newer one of its engine is known; of two at the same time the later one stays.

        One that is older by far is kept too: the exchange's clock was set back.
        """
        kept = self._newest.get(signal.engine)
        if kept is None or signal.ts_ms >= kept.ts_ms or signal.ts_ms < kept.ts_ms - TURNED_BACK_MS:
            self._newest[signal.engine] = signal

    def newest(self, engine: str) -> Signal | None:
        """Return the engine's newest opinion, however old it is."""
        return self._newest.get(engine)

    def evaluate(self, *, now_ms: int, epoch: int, symbol: str, decision_id: str) -> Decision:
        """Decide at `now_ms` (the exchange's clock) on the book numbered `epoch`."""
        fresh, faults = self._fresh(now_ms)
        e5 = fresh.get(REGIME)
        regime = (e5.regime if e5 else None) or UNKNOWN
        phase = e5.phase if e5 else None
        scores, silent = _scores(fresh, regime)
        missing = faults | silent
        complete = REQUIRED.isdisjoint(missing)
        blockers = _blockers(complete=complete, known=e5 is not None, regime=regime, phase=phase)
        reading = self._reading = self._read(now_ms, fresh, scores if complete else {}, regime, phase)
        self._complete = complete
        # Most evaluations end here: a score below every strategy's need not be held against the rest.
        weak = abs(reading.final_score) < self._least_score
        triggers = () if weak or not complete else triggers_of(reading, self._params)
        matched = None
        if triggers and not blockers:
            matched = next((trigger for trigger in triggers if trigger.matched), None)
        settled = self._settled(matched, epoch)
        entered = matched if settled else None
        reasons = (*(blockers or (_reason(triggers, matched, settled=settled),)), *missing.values())
        return Decision(
            id=decision_id, symbol=symbol, epoch=epoch, ts_ms=now_ms,
            action=Action(entered.side) if entered else HOLD,
            strategy=entered.strategy if entered else None,
            confidence=reading.confidence, final_score=reading.final_score, reasons=reasons,
            scores=scores if len(scores) == len(ENGINES) else {engine: scores.get(engine) for engine in ENGINES},
            weights=self._weights[regime],
            regime=regime, phase=phase, alignment=reading.alignment,
            atr15=reading.technical.get("atr14_15m"), atr1=reading.technical.get("atr14_1m"), triggers=triggers,
            toxicity=reading.toxicity,
            cluster_price=reading.sentiment.get(CLUSTERS[entered.side]) if entered else None,
        )  # fmt: skip

    def triggers(self) -> tuple[Trigger, ...]:
        """Every strategy's inequalities at the last evaluation, also where its score was too low to look at them."""
        return triggers_of(self._reading, self._params) if self._complete and self._reading is not None else ()

    def _read(
        self,
        now_ms: int,
        fresh: Mapping[str, Signal],
        scores: Mapping[str, float],
        regime: Regime,
        phase: VolatilityPhase | None,
    ) -> Reading:
        params, weights = self._params, self._weights[regime]
        s1, s2 = scores.get(FLOW, 0.0), scores.get(TICK, 0.0)
        alignment = alignment_of(s1, s2, params.alignment_min)
        toxicity = toxicity_of(_components(fresh, FLOW).get("vpin_rank"), params)
        combined = combine(scores, weights)
        return Reading(
            now_ms=now_ms,
            final_score=combined[0],
            confidence=confidence_of(scores, weights, alignment, params, toxicity, combined),
            s1=s1, s2=s2, s4=scores.get(SENTIMENT), alignment=alignment, regime=regime, phase=phase,
            toxicity=toxicity,
            technical=_components(fresh, TECHNICAL), sentiment=_components(fresh, SENTIMENT),
        )  # fmt: skip

    def _fresh(self, now_ms: int) -> tuple[dict[str, Signal], dict[str, str]]:
        """Split the engines into usable signals and reasons; one from the future is as unusable as an old one."""
        fresh: dict[str, Signal] = {}
        faults: dict[str, str] = {}
        for engine, max_age_ms in self._max_age_ms.items():
            signal = self._newest.get(engine)
            if signal is None:
                faults[engine] = f"{engine}_MISSING"
            elif abs(now_ms - signal.ts_ms) > max_age_ms:
                faults[engine] = f"{engine}_STALE"
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
    return (
        strategy_a(reading, side, params.a),
        strategy_c(reading, side, params.c),
        strategy_b(reading, side, params.b),
    )


def _components(fresh: Mapping[str, Signal], engine: str) -> Mapping[str, float | None]:
    signal = fresh.get(engine)
    return NO_COMPONENTS if signal is None else signal.components


def _scores(fresh: Mapping[str, Signal], regime: Regime) -> tuple[dict[str, float], dict[str, str]]:
    """Return the scores that take part, and a reason for each engine that is alive but has no opinion."""
    scores: dict[str, float] = {}
    silent: dict[str, str] = {}
    for engine, signal in fresh.items():
        technical = engine == TECHNICAL
        score = technical_score(signal.components, regime) if technical else signal.score
        if score is None:
            silent[engine] = f"{engine}_SILENT"
        elif not -1.0 <= score <= 1.0:  # NaN neither
            silent[engine] = f"{engine}_INVALID"
        else:
            scores[engine] = score
    return scores, silent


def _blockers(*, complete: bool, known: bool, regime: Regime, phase: VolatilityPhase | None) -> tuple[str, ...]:
    """Return why no strategy may be looked at."""
    found = []
    if phase is EXTREME:
        found.append("REGIME_EXTREME")
    if known and (regime is UNKNOWN or phase is None):
        found.append("REGIME_UNKNOWN")
    if not complete:
        found.append("ENGINE_STALE")
    return tuple(found)


def _reason(triggers: Sequence[Trigger], matched: Trigger | None, *, settled: bool) -> str:
    if matched:
        return f"STRATEGY_{matched.strategy}" if settled else "DEBOUNCE"
    strong = [trigger for trigger in triggers if trigger.passed("score")]
    if not strong:
        return "SCORE_LOW"
    return "NO_STRATEGY" if any(trigger.passed("confidence") for trigger in strong) else "CONF_LOW"
