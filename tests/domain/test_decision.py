from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import permutations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.decision import Action, Decision, SignalBoard
from vortex.domain.market import TURNED_BACK_MS
from vortex.domain.scoring import (
    BaseWeights,
    DecisionParams,
    alignment_of,
    combine,
    confidence_of,
    weights_by_regime,
)
from vortex.domain.signal import EngineId, Regime, Signal, VolatilityPhase
from vortex.domain.strategies import StrategyAParams, StrategyBParams, StrategyCParams
from vortex.domain.trade import Strategy

NOW = 1_700_000_000_000
PARAMS = DecisionParams()
MAX_AGES_MS = {"E1": 1_000, "E2": 2_000, "E3": 75_000, "E4": 900_000, "E5": 75_000}
TECHNICAL = {"mr": -0.2, "tr": 0.5, "atr14_15m": 141.0, "atr14_1m": 26.0}


def signal(
    engine: EngineId,
    score: float | None,
    *,
    age_ms: int = 0,
    components: Mapping[str, float | None] | None = None,
    regime: Regime = Regime.TRENDING_UP,
    phase: VolatilityPhase = VolatilityPhase.NORMAL,
) -> Signal:
    e5 = engine is EngineId.REGIME
    return Signal(
        engine=engine, ts_ms=NOW - age_ms, score=score, quality=1.0,
        components=components if components is not None else TECHNICAL if engine is EngineId.TECHNICAL else {},
        regime=regime if e5 else None, phase=phase if e5 else None,
    )  # fmt: skip


def signals(
    sign: int = 1, *, regime: Regime | None = None, phase: VolatilityPhase | None = VolatilityPhase.NORMAL
) -> dict[EngineId, Signal]:
    technical = {name: sign * value if name in ("mr", "tr") else value for name, value in TECHNICAL.items()}
    made = {engine: signal(engine, 0.6 * sign) for engine in EngineId}
    made[EngineId.TECHNICAL] = signal(EngineId.TECHNICAL, 0.0, components=technical)
    trend = Regime.TRENDING_UP if sign > 0 else Regime.TRENDING_DOWN
    made[EngineId.REGIME] = msgspec.structs.replace(made[EngineId.REGIME], regime=regime or trend, phase=phase)
    return made


def board(given_signals: Iterable[Signal], params: DecisionParams = PARAMS) -> SignalBoard:
    made = SignalBoard(params)
    for each in given_signals:
        made.put(each)
    return made


def look(of: SignalBoard, epoch: int, now_ms: int = NOW) -> Decision:
    return of.evaluate(now_ms=now_ms, epoch=epoch, symbol="BTCUSDT", decision_id=f"d{epoch}")


@pytest.mark.parametrize(("sign", "action"), [(1, Action.LONG), (-1, Action.SHORT)])
def test_a_trigger_that_holds_on_two_books_enters(sign: int, action: Action) -> None:
    made = board(signals(sign).values())
    first, second = look(made, 1), look(made, 2)
    assert (first.action, first.reasons) == (Action.HOLD, ("DEBOUNCE",))
    assert (second.action, second.strategy, second.reasons) == (action, Strategy.A, ("STRATEGY_A",))
    assert second.side is not None
    assert second.side.value == second.e1_direction == action
    assert (second.atr15, second.atr1, second.alignment) == (141.0, 26.0, 1)
    assert second.e5_regime == f"TRENDING_{'UP' if sign > 0 else 'DOWN'}/NORMAL"


def test_the_same_book_twice_is_one_evaluation() -> None:
    made = board(signals().values())
    assert [look(made, epoch).action for epoch in (1, 1, 1, 2)] == [Action.HOLD] * 3 + [Action.LONG]


def test_an_evaluation_without_the_trigger_starts_the_debounce_anew() -> None:
    made = board(signals().values())
    look(made, 1)
    made.put(signal(EngineId.ORDER_FLOW, 0.0))
    assert look(made, 2).reasons[0] in {"NO_STRATEGY", "SCORE_LOW"}
    made.put(signal(EngineId.ORDER_FLOW, 0.6))
    assert look(made, 3).reasons == ("DEBOUNCE",)
    assert look(made, 4).action is Action.LONG


def test_the_order_of_arrival_makes_no_difference() -> None:
    late = signal(EngineId.TICK, -0.9, age_ms=500)
    everything = [*signals().values(), late]
    outcomes = {msgspec.json.encode(look(board(order), 1)) for order in permutations(everything)}
    assert len(outcomes) == 1


@pytest.mark.parametrize("engine", EngineId)
@pytest.mark.parametrize("excess_ms", [0, 1])
def test_each_engine_has_its_maximal_age(engine: EngineId, excess_ms: int) -> None:
    made = signals()
    made[engine] = msgspec.structs.replace(made[engine], ts_ms=NOW - MAX_AGES_MS[engine] - excess_ms)
    decision = look(board(made.values()), 1)
    stale = f"{engine}_STALE" in decision.reasons
    assert stale is bool(excess_ms)
    assert ("ENGINE_STALE" in decision.reasons) is (stale and engine is not EngineId.SENTIMENT)


@pytest.mark.parametrize("engine", [engine for engine in EngineId if engine is not EngineId.SENTIMENT])
def test_a_required_engine_that_never_spoke_or_has_no_opinion_holds(engine: EngineId) -> None:
    made = signals()
    del made[engine]
    missing = look(board(made.values()), 1)
    assert missing.reasons == ("ENGINE_STALE", f"{engine}_MISSING")
    silent = look(board([*made.values(), signal(engine, None, components={})]), 1)
    assert silent.reasons == ("ENGINE_STALE", f"{engine}_SILENT")
    assert (silent.action, silent.final_score, silent.confidence, silent.triggers) == (Action.HOLD, 0.0, 0.0, ())


def test_a_signal_from_the_future_is_no_fresher_than_an_old_one() -> None:
    made = signals()
    made[EngineId.ORDER_FLOW] = signal(EngineId.ORDER_FLOW, 0.6, age_ms=-1_001)
    assert "E1_STALE" in look(board(made.values()), 1).reasons


def test_missing_sentiment_renormalises_and_takes_its_coverage_off_confidence() -> None:
    made = signals()
    whole = look(board(made.values()), 1)
    del made[EngineId.SENTIMENT]
    part = look(board(made.values()), 1)
    weights = weights_by_regime(PARAMS, Regime.TRENDING_UP)
    coverage = 1 - weights[EngineId.SENTIMENT]
    others = {EngineId(name): score for name, score in whole.scores.items() if score is not None and name != "E4"}
    assert part.final_score == pytest.approx(sum(weights[e] * s for e, s in others.items()) / coverage)
    assert part.confidence <= coverage
    assert part.reasons == ("DEBOUNCE", "E4_MISSING")


@pytest.mark.parametrize(
    ("regime", "phase", "reason"),
    [
        (None, VolatilityPhase.EXTREME, "REGIME_EXTREME"),
        (Regime.UNKNOWN, VolatilityPhase.NORMAL, "REGIME_UNKNOWN"),
        (None, None, "REGIME_UNKNOWN"),
    ],
)
def test_the_regime_can_forbid_entries(regime: Regime | None, phase: VolatilityPhase | None, reason: str) -> None:
    made = board(signals(regime=regime, phase=phase).values())
    assert [look(made, epoch).reasons for epoch in (1, 2, 3)] == [(reason,)] * 3


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (DecisionParams(
            a=StrategyAParams(theta=0.99), b=StrategyBParams(theta=0.99), c=StrategyCParams(theta=0.99)), "SCORE_LOW"),
        (DecisionParams(
            a=StrategyAParams(confidence_min=1.0), b=StrategyBParams(confidence_min=1.0),
            c=StrategyCParams(confidence_min=1.0), agree_share=0.0), "CONF_LOW"),
        (DecisionParams(a=StrategyAParams(s1_min=0.9)), "NO_STRATEGY"),
    ],
)  # fmt: skip
def test_a_hold_says_what_was_lacking(params: DecisionParams, reason: str) -> None:
    assert look(board(signals().values(), params), 1).reasons == (reason,)


@pytest.mark.parametrize(
    ("regime", "expected"), [(Regime.RANGING, -0.2), (Regime.TRENDING_DOWN, 0.5), (Regime.UNKNOWN, 0.15)]
)
def test_the_regime_picks_the_reading_of_the_technical_engine(regime: Regime, expected: float) -> None:
    assert look(board(signals(regime=regime).values()), 1).scores["E3"] == pytest.approx(expected)


def test_strategy_a_comes_before_b_and_b_enters_alone() -> None:
    ranging = {"mr": 0.9, "tr": 0.9, "last": 90.0, "rsi_1m": 10.0, "lower_1m": 95.0, "squeeze_fired_1m": 1.0}
    made = signals(regime=Regime.RANGING)
    made[EngineId.TECHNICAL] = signal(EngineId.TECHNICAL, 0.9, components=ranging)
    both = board(made.values())
    look(both, 1)
    assert look(both, 2).strategy is Strategy.A
    made[EngineId.ORDER_FLOW] = signal(EngineId.ORDER_FLOW, 0.1)
    alone = board(made.values())
    look(alone, 1)
    assert look(alone, 2).strategy is Strategy.B


def test_a_signal_from_before_the_clock_was_set_back_gives_way() -> None:
    made = board([signal(EngineId.TICK, 0.5)])
    for ts_ms, kept_ms in ((NOW - TURNED_BACK_MS, NOW), (NOW - TURNED_BACK_MS - 1, NOW - TURNED_BACK_MS - 1)):
        made.put(signal(EngineId.TICK, 0.1, age_ms=NOW - ts_ms))
        newest = made.newest(EngineId.TICK)
        assert newest is not None
        assert newest.ts_ms == kept_ms


def test_a_late_signal_is_ignored_and_the_newest_can_be_read() -> None:
    made = board([signal(EngineId.TICK, 0.5), signal(EngineId.TICK, -0.5, age_ms=1)])
    newest = made.newest(EngineId.TICK)
    assert newest is not None
    assert newest.score == 0.5
    assert made.newest(EngineId.REGIME) is None


@given(
    regime=st.sampled_from(Regime),
    raw=st.lists(st.floats(0.01, 1), min_size=5, max_size=5),
    flow=st.floats(0.1, 10),
    technical=st.floats(0.1, 10),
)
def test_weights_sum_to_one(regime: Regime, raw: list[float], flow: float, technical: float) -> None:
    names = ("order_flow", "tick", "technical", "sentiment", "regime")
    base = BaseWeights(**{name: each / sum(raw) for name, each in zip(names, raw, strict=True)})
    params = DecisionParams(weights=base, trending_flow_factor=flow, ranging_technical_factor=technical)
    assert sum(weights_by_regime(params, regime).values()) == pytest.approx(1.0, abs=1e-12)


def test_weights_that_do_not_sum_to_one_are_refused() -> None:
    with pytest.raises(ValueError, match=r"sum to 1, not 1\.05"):
        BaseWeights(tick=0.30)


UNIT = st.floats(-1, 1)
SCORES = st.fixed_dictionaries(dict.fromkeys(EngineId, UNIT))


@given(scores=SCORES, regime=st.sampled_from(Regime), missing=st.sets(st.sampled_from(EngineId)))
def test_score_and_confidence_are_bounded(scores: dict[str, float], regime: Regime, missing: set[EngineId]) -> None:
    weights = weights_by_regime(PARAMS, regime)
    present = {engine: score for engine, score in scores.items() if engine not in missing}
    final_score, coverage = combine(present, weights)
    assert -1 - 1e-9 <= final_score <= 1 + 1e-9
    for alignment in (-1, 0, 1):
        assert 0 <= confidence_of(present, weights, alignment, PARAMS) <= coverage


@given(scores=SCORES, regime=st.sampled_from(Regime))
def test_sentiment_that_agrees_with_the_mean_of_the_others_changes_nothing(
    scores: dict[str, float], regime: Regime
) -> None:
    weights = weights_by_regime(PARAMS, regime)
    others: dict[str, float] = {e: score for e, score in scores.items() if e is not EngineId.SENTIMENT}
    without, _ = combine(others, weights)
    with_it, _ = combine({**others, EngineId.SENTIMENT: without}, weights)
    assert with_it == pytest.approx(without, abs=1e-12)


@pytest.mark.parametrize(
    ("s1", "s2", "expected"), [(0.15, 0.15, 1), (-0.2, -0.9, 1), (0.2, -0.2, -1), (0.149, 0.9, 0), (0.0, 0.0, 0)]
)
def test_alignment(s1: float, s2: float, expected: int) -> None:
    assert alignment_of(s1, s2, 0.15) == expected


@given(phase=st.sampled_from(VolatilityPhase), regime=st.sampled_from(Regime), scores=SCORES)
def test_nothing_enters_in_extreme_or_unknown_for_any_input(
    phase: VolatilityPhase, regime: Regime, scores: dict[str, float]
) -> None:
    easy = DecisionParams(
        a=StrategyAParams(theta=0.001, confidence_min=0, s1_min=-1, s2_min=-1, tr_min=-1, alignment_required=False,
                          trend_required=False, low_needs_squeeze=False),
        debounce_evaluations=1,
    )  # fmt: skip
    made = board((signal(EngineId(e), s, regime=regime, phase=phase) for e, s in scores.items()), easy)
    decision = look(made, 1)
    assert decision.action is Action.HOLD or (phase is not VolatilityPhase.EXTREME and regime is not Regime.UNKNOWN)
    assert decision.reasons


CROWD: dict[str, float | None] = {"crowd_extreme": 1.0, "cluster_above": 60_141.0, "cluster_above_share": 0.4}


def crowded(rank: float | None = None) -> SignalBoard:
    """Only C matches: a quiet range, a crowd that is short, and its liquidations one ATR ahead."""
    made = signals(regime=Regime.RANGING)
    made[EngineId.TECHNICAL] = signal(EngineId.TECHNICAL, 0.0, components={**TECHNICAL, "mr": 0.5, "last": 60_000.0})
    made[EngineId.SENTIMENT] = signal(EngineId.SENTIMENT, 0.6, components=CROWD)
    made[EngineId.ORDER_FLOW] = signal(EngineId.ORDER_FLOW, 0.6, components={"vpin_rank": rank})
    return board(made.values())


def test_c_enters_towards_its_cluster() -> None:
    made = crowded()
    assert look(made, 1).reasons == ("DEBOUNCE",)
    decision = look(made, 2)
    assert (decision.action, decision.strategy, decision.reasons) == (Action.LONG, Strategy.C, ("STRATEGY_C",))
    assert decision.cluster_price == 60_141.0


def test_a_before_c_before_b() -> None:
    assert [trigger.strategy for trigger in look(crowded(), 1).triggers] == [Strategy.A, Strategy.C, Strategy.B]


@pytest.mark.parametrize(
    ("rank", "toxicity", "factor"),
    [
        (None, "WARMING", 1.0),
        (0.899, "CALM", 1.0),
        (0.9, "ELEVATED", 1.0),
        (0.989, "ELEVATED", 1.0),
        (0.99, "TOXIC", 0.8),
    ],
)
def test_toxic_flow_takes_a_fifth_off_confidence(rank: float | None, toxicity: str, factor: float) -> None:
    decision = look(crowded(rank), 1)
    assert decision.toxicity == toxicity
    assert decision.confidence == pytest.approx(factor * look(crowded(), 1).confidence)


def test_an_engine_the_decision_does_not_know_is_kept_but_has_no_weight() -> None:
    made = crowded()
    made.put(msgspec.structs.replace(signal(EngineId.TICK, 1.0), engine="E9"))
    assert made.newest("E9") is not None
    assert look(made, 1) == look(crowded(), 1)


def test_a_weak_score_is_not_held_against_the_rest_unless_somebody_asks() -> None:
    weak = [msgspec.structs.replace(each, score=0.01) for each in signals(phase=VolatilityPhase.NORMAL).values()]
    made = board([*weak, signal(EngineId.TECHNICAL, 0.0, components={**TECHNICAL, "mr": 0.0, "tr": 0.0})])
    assert made.triggers() == ()
    decision = look(made, 1)
    assert (decision.reasons, decision.triggers) == (("SCORE_LOW",), ())
    assert [trigger.strategy for trigger in made.triggers()] == [Strategy.A, Strategy.C, Strategy.B]
    del weak
    assert look(board([]), 1).triggers == board([]).triggers() == ()
