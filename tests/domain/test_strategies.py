from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from vortex.domain.order import Side
from vortex.domain.signal import Regime, Toxicity, VolatilityPhase
from vortex.domain.strategies import (
    Reading,
    StrategyAParams,
    StrategyBParams,
    StrategyCParams,
    strategy_a,
    strategy_b,
    strategy_c,
)

NOW = 1_700_000_000_000
A, B, C = StrategyAParams(), StrategyBParams(), StrategyCParams()
MOVING = Reading(
    now_ms=NOW, final_score=0.35, confidence=0.55, s1=0.40, s2=0.30, s4=None, alignment=1,
    regime=Regime.TRENDING_UP, phase=VolatilityPhase.NORMAL, toxicity=Toxicity.WARMING, technical={"tr": 0.0},
    sentiment={},
)  # fmt: skip
RANGE = {
    "mr": 0.60, "tr": 0.0, "last": 99.0, "rsi_1m": 30.0, "rsi_15m": 50.0,
    "lower_1m": 99.0, "upper_1m": 101.0, "lower_15m": 98.0, "upper_15m": 102.0,
}  # fmt: skip
QUIET = Reading(
    now_ms=NOW, final_score=0.20, confidence=0.55, s1=-0.20, s2=0.0, s4=None, alignment=0,
    regime=Regime.RANGING, phase=VolatilityPhase.LOW, toxicity=Toxicity.CALM, technical=RANGE, sentiment={},
)  # fmt: skip
CROWD = {"crowd_extreme": 1.0, "funding_extreme": 0.0, "cluster_above": 101.0, "cluster_above_share": 0.25}
CROWDED = Reading(
    now_ms=NOW, final_score=0.20, confidence=0.55, s1=-0.10, s2=0.0, s4=0.35, alignment=0,
    regime=Regime.RANGING, phase=VolatilityPhase.HIGH, toxicity=Toxicity.TOXIC,
    technical={"last": 100.0, "atr14_15m": 2.0}, sentiment=CROWD,
)  # fmt: skip


def failing_a(reading: Reading, params: StrategyAParams = A) -> set[str]:
    return {check.name for check in strategy_a(reading, Side.LONG, params).checks if not check.passed}


def failing_b(reading: Reading, params: StrategyBParams = B) -> set[str]:
    return {check.name for check in strategy_b(reading, Side.LONG, params).checks if not check.passed}


def failing_c(reading: Reading, side: Side = Side.LONG) -> set[str]:
    return {check.name for check in strategy_c(reading, side, C).checks if not check.passed}


def test_all_match_exactly_at_their_thresholds() -> None:
    assert not failing_a(MOVING)
    assert not failing_b(QUIET)
    assert not failing_c(CROWDED)


@pytest.mark.parametrize(
    ("reading", "names"),
    [
        (replace(CROWDED, final_score=0.199), {"score"}),
        (replace(CROWDED, confidence=0.549), {"confidence"}),
        (replace(CROWDED, s4=0.349), {"s4"}),
        (replace(CROWDED, s4=None), {"s4"}),
        (replace(CROWDED, s1=-0.101), {"s1"}),
        (replace(CROWDED, sentiment={**CROWD, "crowd_extreme": 0.0}), {"extreme"}),
        (replace(CROWDED, sentiment={**CROWD, "crowd_extreme": -1.0}), {"extreme"}),
        (replace(CROWDED, sentiment={**CROWD, "cluster_above": 100.9}), {"cluster_atr_min"}),
        (replace(CROWDED, sentiment={**CROWD, "cluster_above": 106.1}), {"cluster_atr_max"}),
        (replace(CROWDED, sentiment={**CROWD, "cluster_above_share": 0.24}), {"cluster_share"}),
        (replace(CROWDED, sentiment={**CROWD, "long_liquidated_ms": NOW - 9_999.0}), {"flush_s"}),
        (replace(CROWDED, technical={"last": 100.0}), {"cluster_atr_min", "cluster_atr_max"}),
        (replace(CROWDED, technical={"last": 100.0, "atr14_15m": 0.0}), {"cluster_atr_min", "cluster_atr_max"}),
        (replace(CROWDED, sentiment={}), {"extreme", "cluster_atr_min", "cluster_atr_max", "cluster_share"}),
    ],
)
def test_each_inequality_of_c_can_fail(reading: Reading, names: set[str]) -> None:
    assert failing_c(reading) == names


@pytest.mark.parametrize(
    "sentiment",
    [
        {**CROWD, "crowd_extreme": 0.0, "funding_extreme": 1.0},
        {**CROWD, "cluster_above": 106.0},
        {**CROWD, "long_liquidated_ms": NOW - 10_000.0},
        {**CROWD, "short_liquidated_ms": NOW - 1.0},
    ],
)
def test_c_accepts_either_extreme_any_cluster_in_reach_and_the_other_side_s_flush(
    sentiment: dict[str, float | None],
) -> None:
    assert not failing_c(replace(CROWDED, sentiment=sentiment))


def test_c_short_aims_at_the_longs_below() -> None:
    below = {"crowd_extreme": -1.0, "cluster_below": 99.0, "cluster_below_share": 0.3, "short_liquidated_ms": None}
    turned = replace(CROWDED, final_score=-0.2, s1=0.1, s4=-0.35, sentiment=below)
    assert not failing_c(turned, Side.SHORT)
    assert failing_c(turned) >= {"score", "s4", "extreme"}


def test_c_refuses_limits_the_wrong_way_round() -> None:
    with pytest.raises(ValueError, match="beyond the far one"):
        StrategyCParams(cluster_near_atr=2.0, cluster_far_atr=1.0)


def test_b_is_off_while_flow_is_toxic() -> None:
    assert failing_b(replace(QUIET, toxicity=Toxicity.TOXIC)) == {"flow"}
    assert not failing_b(replace(QUIET, toxicity=Toxicity.ELEVATED))


@pytest.mark.parametrize(
    ("reading", "name"),
    [
        (replace(MOVING, final_score=0.349), "score"),
        (replace(MOVING, confidence=0.549), "confidence"),
        (replace(MOVING, s1=0.399), "s1"),
        (replace(MOVING, s2=0.299), "s2"),
        (replace(MOVING, technical={"tr": -0.001}), "tr"),
        (replace(MOVING, technical={}), "tr"),
        (replace(MOVING, alignment=0), "alignment"),
        (replace(MOVING, regime=Regime.RANGING), "trend"),
        (replace(MOVING, regime=Regime.TRENDING_DOWN), "trend"),
        (replace(MOVING, phase=VolatilityPhase.LOW), "phase"),
        (replace(MOVING, phase=VolatilityPhase.EXTREME), "phase"),
        (replace(MOVING, phase=None), "phase"),
    ],
)
def test_each_inequality_of_a_can_fail_alone(reading: Reading, name: str) -> None:
    assert failing_a(reading) == {name}


@pytest.mark.parametrize(
    ("reading", "names"),
    [
        (replace(QUIET, final_score=0.199), {"score"}),
        (replace(QUIET, confidence=0.549), {"confidence"}),
        (replace(QUIET, s1=-0.201), {"s1"}),
        (replace(QUIET, regime=Regime.TRENDING_UP), {"regime"}),
        (replace(QUIET, phase=VolatilityPhase.HIGH), {"phase"}),
        (replace(QUIET, phase=VolatilityPhase.EXTREME), {"phase"}),
        (replace(QUIET, technical={**RANGE, "mr": 0.599}), {"mr"}),
        (replace(QUIET, technical={**RANGE, "rsi_1m": 30.1}), {"rsi"}),
        (replace(QUIET, technical={**RANGE, "last": 99.1}), {"band", "rsi"}),
        (replace(QUIET, technical={**RANGE, "rsi_1m": None}), {"rsi"}),
        # oversold on 15m only counts with the band of 15m
        (replace(QUIET, technical={**RANGE, "rsi_1m": 40.0, "rsi_15m": 20.0}), {"rsi"}),
    ],
)
def test_each_inequality_of_b_can_fail(reading: Reading, names: set[str]) -> None:
    assert failing_b(reading) == names


def test_b_accepts_the_longer_timeframe() -> None:
    technical = {**RANGE, "rsi_1m": 40.0, "rsi_15m": 20.0, "last": 98.0}
    assert not failing_b(replace(QUIET, technical=technical))


@pytest.mark.parametrize("timeframe", ["1m", "15m"])
@pytest.mark.parametrize("phase", [VolatilityPhase.LOW, VolatilityPhase.NORMAL])
def test_a_squeeze_fired_up_replaces_the_trend_and_permits_low(timeframe: str, phase: VolatilityPhase) -> None:
    technical = {"tr": 0.0, f"squeeze_fired_{timeframe}": 1.0}
    assert not failing_a(replace(MOVING, regime=Regime.RANGING, phase=phase, technical=technical))
    down = {"tr": 0.0, f"squeeze_fired_{timeframe}": -1.0}
    assert "trend" in failing_a(replace(MOVING, regime=Regime.RANGING, phase=phase, technical=down))


@pytest.mark.parametrize(
    ("params", "reading"),
    [
        (replace(A, alignment_required=False), replace(MOVING, alignment=-1)),
        (replace(A, trend_required=False), replace(MOVING, regime=Regime.TRENDING_DOWN)),
        (replace(A, low_needs_squeeze=False), replace(MOVING, phase=VolatilityPhase.LOW)),
        (replace(A, theta=0.1, s1_min=-1.0, s2_min=-1.0, tr_min=-1.0, confidence_min=0.0),
         replace(MOVING, final_score=0.1, s1=-1.0, s2=-1.0, confidence=0.0, technical={"tr": -1.0})),
    ],
)  # fmt: skip
def test_each_switch_of_a_lifts_its_inequality(params: StrategyAParams, reading: Reading) -> None:
    assert not failing_a(reading, params)


@pytest.mark.parametrize(
    ("params", "reading"),
    [
        (replace(B, band_required=False), replace(QUIET, technical={**RANGE, "last": 100.0})),
        (replace(B, ranging_required=False), replace(QUIET, regime=Regime.TRENDING_DOWN)),
        (replace(B, rsi_low=50.0), replace(QUIET, technical={**RANGE, "rsi_1m": 50.0})),
    ],
)
def test_each_switch_of_b_lifts_its_inequality(params: StrategyBParams, reading: Reading) -> None:
    assert not failing_b(reading, params)


UNIT = st.floats(-1, 1)
TECHNICAL = st.fixed_dictionaries({
    "mr": UNIT, "tr": UNIT, "last": st.floats(90, 110), "rsi_1m": st.floats(0, 100), "rsi_15m": st.none(),
    "lower_1m": st.floats(90, 100), "upper_1m": st.floats(100, 110),
    "squeeze_fired_1m": st.sampled_from([None, -1.0, 0.0, 1.0]),
    "atr14_15m": st.floats(1, 10),
})  # fmt: skip
SENTIMENT = st.fixed_dictionaries({
    "crowd_extreme": st.sampled_from([None, -1.0, 0.0, 1.0]), "funding_extreme": st.sampled_from([-1.0, 0.0, 1.0]),
    "cluster_above": st.none() | st.floats(100, 110), "cluster_above_share": st.floats(0, 1),
    "cluster_below": st.none() | st.floats(90, 100), "cluster_below_share": st.floats(0, 1),
    "long_liquidated_ms": st.none() | st.just(NOW - 5_000.0), "short_liquidated_ms": st.none() | st.just(NOW - 5_000.0),
})  # fmt: skip
READINGS = st.builds(
    Reading,
    final_score=UNIT,
    confidence=st.floats(0, 1),
    s1=UNIT,
    s2=UNIT,
    now_ms=st.just(NOW),
    s4=st.none() | UNIT,
    toxicity=st.sampled_from(Toxicity),
    sentiment=SENTIMENT,
    alignment=st.sampled_from([-1, 0, 1]),
    regime=st.sampled_from(Regime),
    phase=st.sampled_from([None, *VolatilityPhase]),
    technical=TECHNICAL,
)
EASY_A = StrategyAParams(
    theta=0.001, confidence_min=0.0, s1_min=-1.0, s2_min=-1.0, tr_min=-1.0, alignment_required=False,
    trend_required=False, low_needs_squeeze=False,
)  # fmt: skip
EASY_B = StrategyBParams(
    theta=0.001, confidence_min=0.0, mr_min=-1.0, rsi_low=100.0, band_required=False, s1_floor=-1.0,
    ranging_required=False,
)  # fmt: skip
EASY_C = StrategyCParams(
    theta=0.001, confidence_min=0.0, s4_min=-1.0, s1_floor=-1.0, cluster_near_atr=0.0, cluster_far_atr=100.0,
    cluster_share_min=0.0, flush_wait_s=0,
)  # fmt: skip


@given(READINGS)
def test_opposite_directions_never_match_together_even_with_every_switch_off(reading: Reading) -> None:
    matches = {
        trigger.side
        for side in Side
        for trigger in (
            strategy_a(reading, side, EASY_A),
            strategy_b(reading, side, EASY_B),
            strategy_c(reading, side, EASY_C),
        )
        if trigger.matched
    }
    assert len(matches) <= 1


def mirrored(reading: Reading) -> Reading:
    flip = {Regime.TRENDING_UP: Regime.TRENDING_DOWN, Regime.TRENDING_DOWN: Regime.TRENDING_UP}
    t = reading.technical

    def less(name: str, centre: float = 0.0) -> float | None:
        value = t.get(name)
        return None if value is None else 2 * centre - value

    return replace(
        reading,
        final_score=-reading.final_score,
        s1=-reading.s1,
        s2=-reading.s2,
        s4=None if reading.s4 is None else -reading.s4,
        sentiment={
            **{name: None if (each := reading.sentiment.get(name)) is None else -each
               for name in ("crowd_extreme", "funding_extreme")},
            **{f"cluster_{to}": None if (each := reading.sentiment.get(f"cluster_{of}")) is None else -each
               for of, to in (("above", "below"), ("below", "above"))},
            **{f"cluster_{to}_share": reading.sentiment.get(f"cluster_{of}_share")
               for of, to in (("above", "below"), ("below", "above"))},
            "long_liquidated_ms": reading.sentiment.get("short_liquidated_ms"),
            "short_liquidated_ms": reading.sentiment.get("long_liquidated_ms"),
        },
        regime=flip.get(reading.regime, reading.regime),
        technical={
            "mr": less("mr"), "tr": less("tr"), "squeeze_fired_1m": less("squeeze_fired_1m"),
            "rsi_1m": less("rsi_1m", 50.0), "rsi_15m": None,
            "last": less("last"), "lower_1m": less("upper_1m"), "upper_1m": less("lower_1m"),
            "atr14_15m": t.get("atr14_15m"),
        },
    )  # fmt: skip


@given(READINGS)
def test_short_is_the_mirror_of_long(reading: Reading) -> None:
    other = mirrored(reading)
    assert strategy_a(reading, Side.LONG, A).matched == strategy_a(other, Side.SHORT, A).matched
    assert strategy_b(reading, Side.LONG, B).matched == strategy_b(other, Side.SHORT, B).matched
    assert strategy_c(reading, Side.LONG, EASY_C).matched == strategy_c(other, Side.SHORT, EASY_C).matched


@pytest.mark.parametrize("side", Side)
def test_the_mirrors_of_the_matching_readings_match(side: Side) -> None:
    moving, quiet = (MOVING, QUIET) if side is Side.LONG else (mirrored(MOVING), mirrored(QUIET))
    assert strategy_a(moving, side, A).matched
    assert strategy_b(quiet, side, B).matched
