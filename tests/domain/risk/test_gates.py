from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.money_builders import (
    NOW,
    RULES,
    SYMBOL,
    account,
    book,
    decision,
    mark,
    request,
    tier,
)
from vortex.domain.decision import Action
from vortex.domain.market import LeverageTier
from vortex.domain.money import floor_to
from vortex.domain.order import Side
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.gates import RiskRequest, RiskVerdict, _plan, evaluate
from vortex.domain.risk.params import RiskParams, TargetAParams
from vortex.domain.risk.proposal import propose
from vortex.domain.risk.view import AccountView, Cooldown, Exposure
from vortex.domain.signal import Regime, Toxicity, VolatilityPhase
from vortex.domain.trade import Strategy

PARAMS = RiskParams()


def judge(params: RiskParams = PARAMS, **changes: Any) -> RiskVerdict:
    return evaluate(request(**changes), params)


def exposure(side: Side = Side.LONG, *, trade_id: str | None = "t", **usdt: str) -> Exposure:
    money = {name: Decimal(usdt.get(name, "1")) for name in ("risk_usdt", "notional_usdt", "margin_usdt")}
    return Exposure(decision_id="d", trade_id=trade_id, side=side, since_ms=NOW, **money)


def test_the_worked_example_is_granted_as_specified() -> None:
    verdict = judge()
    assert verdict.code is None
    plan = verdict.plan
    assert plan is not None
    assert (plan.expected_price, plan.sl_price, plan.tp_price) == (
        Decimal(60_000), Decimal("59915.4"), Decimal("60253.8"),
    )  # fmt: skip
    assert (plan.quantity, plan.notional_usdt, plan.leverage) == (Decimal("0.332"), Decimal(19_920), 18)
    assert plan.margin_usdt == Decimal(19_920) / 18
    assert plan.risk_usdt == Decimal("0.332") * Decimal("150.54924")
    assert (plan.max_hold_s, plan.e1_direction, plan.e5_regime) == (1_800, "LONG", "TRENDING_UP/NORMAL")
    assert (plan.decided_ms, plan.book_ms, plan.decision_id) == (NOW, NOW, "decision-1")
    figures = {gate.code: gate for gate in verdict.gates}
    assert figures[RejectCode.RR_LOW].value == "1.28644356"
    assert figures[RejectCode.FEE_TOO_HIGH].value == "0.23690662"
    assert all(gate.passed for gate in verdict.gates)


def test_a_short_is_the_mirror_with_its_stop_above() -> None:
    plan = judge(decision=decision(Side.SHORT)).plan
    assert plan is not None
    assert plan.expected_price == Decimal("59999.9")
    assert (plan.sl_price, plan.tp_price) == (Decimal("60084.5"), Decimal("59746.1"))


def test_the_gates_are_always_all_there_in_the_order_of_the_codes() -> None:
    for verdict in (judge(), judge(decision=decision(atr15=None)), judge(book=book(bids=()))):
        assert [gate.code for gate in verdict.gates] == list(RejectCode)


THIN = tuple((60_000.0 + step / 10, 0.1) for step in range(20))
FAR_TIERS = (tier(0, 300_000, "0.095", 0, 150),)
LOW_TIERS = (tier(0, 300_000, "0.004", 0, 5),)

CASES: list[tuple[RejectCode, dict[str, Any], dict[str, Any]]] = [
    (RejectCode.SHUTTING_DOWN, {"shutting_down": True}, {}),
    (RejectCode.HALTED, {"closed_gates": ("kill_switch",)}, {}),
    (RejectCode.HALTED, {"closed_gates": ("book", "halted")}, {}),
    (RejectCode.HALTED, {"account": account(governor_tripped="30 entries")}, {}),
    (RejectCode.PAUSED, {"closed_gates": ("paused", "book")}, {}),
    (RejectCode.STALE_DATA, {"closed_gates": ("user_stream",)}, {}),
    (RejectCode.STALE_DATA, {"book": book(at_ms=NOW - 501)}, {}),
    (RejectCode.STALE_DATA, {"book": book(bids=())}, {}),
    (RejectCode.STALE_DATA, {"book": book(bids=((60_001.0, 1.0),))}, {}),
    (RejectCode.STALE_DATA, {"book": book(asks=((float("nan"), 1.0),))}, {}),
    (RejectCode.STALE_DATA, {"mark": None}, {}),
    (RejectCode.STALE_DATA, {"mark": mark(float("nan"))}, {}),
    (RejectCode.STALE_DATA, {"mark": mark(at_ms=NOW - 5_001)}, {}),
    (RejectCode.STALE_DATA, {"account": AccountView(ts_ms=NOW)}, {}),
    (RejectCode.MID_JUMP, {"mid_1s_ago": 59_921.0}, {}),
    (RejectCode.REGIME_EXTREME, {"decision": decision(phase=VolatilityPhase.EXTREME)}, {}),
    (RejectCode.REGIME_UNKNOWN, {"decision": decision(regime=Regime.UNKNOWN)}, {}),
    (RejectCode.REGIME_UNKNOWN, {"decision": decision(phase=None)}, {}),
    (RejectCode.POSITION_EXISTS, {"has_position": True}, {}),
    (RejectCode.POSITION_EXISTS, {"account": account(exposures={SYMBOL: exposure()})}, {}),
    (RejectCode.PENDING_ENTRY, {"pending_entry": True}, {}),
    (RejectCode.PENDING_ENTRY, {"account": account(exposures={SYMBOL: exposure(trade_id=None)})}, {}),
    (RejectCode.COOLDOWN, {"account": account(cooldowns={SYMBOL: Cooldown(until_ms=NOW + 1, cause="CLOSE")})}, {}),
    (RejectCode.DRAWDOWN, {"account": account(drawdown_latched=True)}, {}),
    (RejectCode.MAX_POSITIONS, {"account": account(exposures={"A": exposure(), "B": exposure()})}, {}),
    (RejectCode.MAX_POSITIONS, {"account": account(exposures={x: exposure(Side.SHORT) for x in "ABC"})}, {}),
    (RejectCode.MAX_TRADES, {"account": account(trades_today=7)}, {"max_trades_per_day": 7}),
    (RejectCode.NO_ATR, {"decision": decision(atr15=None)}, {}),
    (RejectCode.NO_ATR, {"decision": decision(atr15=float("nan"))}, {}),
    (RejectCode.NO_ATR, {"decision": decision(atr15=0.0)}, {}),
    (RejectCode.SPREAD_WIDE, {"book": book(bids=((59_981.0, 9.0),))}, {}),
    (RejectCode.DEPTH_INSUFFICIENT, {"book": book(asks=THIN)}, {}),
    (RejectCode.SL_TOO_CLOSE, {"decision": decision(atr15=0.7)}, {}),
    (RejectCode.SL_TOO_CLOSE, {"decision": decision(atr15=0.01), "taker_fee": Decimal(0)},
     {"sl_slippage_floor_bps": 0.0, "sl_slippage_factor": 0.0}),
    (RejectCode.FEE_TOO_HIGH, {"decision": decision(atr15=90.0)}, {}),
    (RejectCode.FEE_TOO_HIGH, {}, {"a": TargetAParams(tp_atr=0.0001)}),
    (RejectCode.RR_LOW, {}, {"a": TargetAParams(sl_atr=2.0, tp_atr=1.8)}),
    (RejectCode.SIZE_TOO_SMALL, {"account": account("40")}, {}),
    (RejectCode.EXPOSURE_CAP, {"account": account(exposures={"X": exposure(notional_usdt="99950")})}, {}),
    (RejectCode.EXPOSURE_CAP, {"account": account(exposures={"X": exposure(risk_usdt="199.9")})}, {}),
    (RejectCode.EXPOSURE_CAP, {"account": account(exposures={"X": exposure(notional_usdt="450")})},
     {"max_notional_usdt": 500.0}),
    (RejectCode.LEVERAGE_BRACKET, {"tiers": LOW_TIERS}, {}),
    (RejectCode.LEVERAGE_BRACKET, {"tiers": ()}, {}),
    (RejectCode.LIQ_TOO_CLOSE, {"tiers": FAR_TIERS}, {}),
    (RejectCode.INSUFFICIENT_MARGIN, {"account": account(available_usdt=Decimal(1_000))}, {}),
]  # fmt: skip


@pytest.mark.parametrize(("code", "changes", "limits"), CASES)
def test_each_gate_stops_what_it_should(code: RejectCode, changes: dict[str, Any], limits: dict[str, Any]) -> None:
    verdict = judge(RiskParams(**limits), **changes)
    assert verdict.code is code
    assert verdict.plan is None


def test_every_code_occurs_in_the_table() -> None:
    assert {code for code, _, _ in CASES} == set(RejectCode)


SPECIFIED = [
    "SHUTTING_DOWN", "HALTED", "STALE_DATA", "REGIME_EXTREME", "POSITION_EXISTS", "PENDING_ENTRY", "COOLDOWN",
    "DRAWDOWN", "MAX_POSITIONS", "NO_ATR", "SPREAD_WIDE", "DEPTH_INSUFFICIENT", "FEE_TOO_HIGH", "RR_LOW",
    "SIZE_TOO_SMALL", "EXPOSURE_CAP", "LEVERAGE_BRACKET", "LIQ_TOO_CLOSE", "INSUFFICIENT_MARGIN",
]  # fmt: skip
"""The specification's codes in its order; ours are more (`docs/reference/codes.md`)."""


def test_the_specified_codes_are_all_there_in_their_order() -> None:
    assert [code for code in RejectCode if code in SPECIFIED] == SPECIFIED


@pytest.mark.parametrize(
    "changes",
    [
        {"book": book(at_ms=NOW - 500)},
        {"mark": mark(at_ms=NOW - 5_000)},
        {"mid_1s_ago": 59_922.0},
        {"mid_1s_ago": None},
        {"decision": decision(atr1=None)},
        {"book": book(bids=((59_982.1, 9.0),))},
        {"account": account(cooldowns={SYMBOL: Cooldown(until_ms=NOW, cause="CLOSE")})},
        {"account": account(exposures={"A": exposure(), "B": exposure(Side.SHORT)})},
        {"taker_fee": None},
    ],
)
def test_at_its_limit_a_gate_still_lets_pass(changes: dict[str, Any]) -> None:
    assert judge(**changes).code is None


FAILURES: list[tuple[RejectCode, dict[str, Any]]] = [
    (RejectCode.SHUTTING_DOWN, {"shutting_down": True}),
    (RejectCode.STALE_DATA, {"mark": None}),
    (RejectCode.MID_JUMP, {"mid_1s_ago": 50_000.0}),
    (RejectCode.PENDING_ENTRY, {"pending_entry": True}),
    (RejectCode.SPREAD_WIDE, {"book": book(bids=((59_981.0, 9.0),))}),
    (RejectCode.LEVERAGE_BRACKET, {"tiers": LOW_TIERS}),
]


@pytest.mark.parametrize("first", range(len(FAILURES)))
def test_the_first_failure_is_the_code_and_all_failures_are_listed(first: int) -> None:
    changes = {name: value for _, change in FAILURES[first:] for name, value in change.items()}
    verdict = judge(**changes)
    assert verdict.code is FAILURES[first][0]
    failed = {gate.code for gate in verdict.gates if gate.passed is False}
    assert failed == {code for code, _ in FAILURES[first:]}


def test_what_cannot_be_computed_is_neither_passed_nor_failed() -> None:
    gates = {gate.code: gate.passed for gate in judge(decision=decision(atr15=None, atr1=None)).gates}
    assert gates[RejectCode.RR_LOW] is None
    assert gates[RejectCode.MID_JUMP] is None
    assert gates[RejectCode.SPREAD_WIDE] is True


def test_a_hold_is_no_request() -> None:
    with pytest.raises(ValueError, match="HOLD"):
        judge(decision=decision(action=Action.HOLD, strategy=None))


@pytest.mark.parametrize(
    ("params", "changes", "cap"),
    [
        (RiskParams(notional_symbol_max=0.5), {}, "notional_symbol"),
        (RiskParams(margin_share_max=0.05), {}, "margin"),
        (RiskParams(notional_total_max=1.0), {}, "notional_total"),
        (RiskParams(open_risk_max=0.001), {}, "open_risk"),
        (RiskParams(), {"rules": replace(RULES, max_quantity=Decimal("0.1"))}, "max_quantity"),
        (RiskParams(), {"tiers": (tier(0, 9_000, "0.004", 0, 50), tier(9_000, 90_000, "0.1", 864, 5))},
         "leverage_tier"),
    ],
)  # fmt: skip
def test_a_cap_that_binds_shrinks_and_is_named(params: RiskParams, changes: dict[str, Any], cap: str) -> None:
    free, capped = judge().plan, judge(params, **changes)
    assert capped.capped_by == cap
    assert free is not None
    assert capped.plan is not None
    assert capped.plan.quantity < free.quantity


def test_the_drawdown_gate_shows_the_nearer_of_its_two_limits() -> None:
    losing = account(daily_pnl_usdt=Decimal(-50))
    for limit, threshold, margin in ((None, "-300", "250"), (100.0, "-100", "50")):
        gates = judge(RiskParams(max_daily_loss_usdt=limit), account=losing).gates
        shown = next(gate for gate in gates if gate.code is RejectCode.DRAWDOWN)
        assert (shown.passed, shown.value, shown.threshold, shown.margin) == (True, "-50", threshold, margin)


def test_without_leverage_nothing_can_liquidate_a_long() -> None:
    single = RiskParams(leverage_min=1, leverage_max=1, leverage_high_max=1)
    verdict = judge(single, tiers=(tier(0, 300_000, "0.004", 300, 150),), taker_fee=Decimal(0))
    assert verdict.plan is not None
    assert next(gate for gate in verdict.gates if gate.code is RejectCode.LIQ_TOO_CLOSE).value == "never"


def test_high_volatility_halves_the_risk_and_bounds_the_leverage() -> None:
    plan = judge(decision=decision(phase=VolatilityPhase.HIGH)).plan
    assert plan is not None
    assert (plan.quantity, plan.leverage) == (Decimal("0.166"), 15)


def test_leverage_comes_down_until_liquidation_is_far_enough_beyond_the_stop() -> None:
    free, bounded = judge().plan, judge(tiers=(tier(0, 300_000, "0.06", 0, 150),)).plan
    assert free is not None
    assert bounded is not None
    assert PARAMS.leverage_min < bounded.leverage < free.leverage


def test_an_expected_funding_payment_counts_as_cost() -> None:
    def rr(rate: float, next_ms: int) -> Decimal:
        gates = judge(mark=mark(rate=rate, next_ms=next_ms)).gates
        return Decimal(next(gate.value or "" for gate in gates if gate.code is RejectCode.RR_LOW))

    soon, late = NOW + 60_000, NOW + 1_800_000
    assert rr(0.0005, soon) < rr(0.0005, late) == rr(-0.0005, soon)


SIDES = st.sampled_from(Side)
MONEY = st.decimals(0, 1_000_000, places=2)


@st.composite
def requests(draw: st.DrawFn) -> RiskRequest:
    mid = draw(st.floats(0.5, 100_000))
    tick = mid / draw(st.integers(2_000, 60_000))
    sizes = draw(st.lists(st.floats(0.001, 1_000), min_size=2, max_size=20))
    bids = tuple((mid - (level + 0.5) * tick, size) for level, size in enumerate(sizes))
    asks = tuple((mid + (level + 0.5) * tick, size) for level, size in enumerate(sizes))
    tiers: tuple[LeverageTier, ...] = draw(st.sampled_from([request().tiers, FAR_TIERS, LOW_TIERS, ()]))
    equity = draw(MONEY)
    wanted = decision(
        draw(SIDES),
        strategy=draw(st.sampled_from([Strategy.A, Strategy.B, Strategy.C])),
        cluster_price=draw(st.none() | st.floats()),
        toxicity=draw(st.sampled_from(Toxicity)),
        atr15=draw(st.none() | st.floats(0, mid / 20)),
        phase=draw(st.sampled_from(VolatilityPhase)),
        confidence=draw(st.floats(0, 1)),
    )
    return request(
        decision=wanted,
        book=book(bids=bids, asks=asks),
        mid_1s_ago=mid,
        tiers=tiers,
        account=account(str(equity), available_usdt=draw(MONEY)),
        rules=replace(RULES, tick_size=Decimal(str(round(tick, 6) or 0.000001))),
    )


@given(requests())
@settings(max_examples=100, deadline=None)
def test_there_is_either_a_plan_within_all_limits_or_a_code(asked: RiskRequest) -> None:
    verdict = evaluate(asked, PARAMS)
    plan = verdict.plan
    assert (plan is None) is (verdict.code is not None)
    if plan is None:
        return
    equity = asked.account.equity_usdt
    assert equity is not None
    assert asked.decision.phase is not VolatilityPhase.EXTREME
    assert plan.risk_usdt <= equity * Decimal("0.005")
    assert plan.notional_usdt <= 5 * equity
    assert plan.margin_usdt <= equity / 5
    assert PARAMS.leverage_min <= plan.leverage <= PARAMS.leverage_max
    assert plan.quantity % RULES.step_size == 0
    assert plan.side.sign * (plan.tp_price - plan.expected_price) > 0
    assert plan.side.sign * (plan.expected_price - plan.sl_price) >= 5 * asked.rules.tick_size


@given(requests())
@settings(max_examples=30, deadline=None)
def test_nothing_enters_in_extreme(asked: RiskRequest) -> None:
    extreme = replace(asked, decision=replace(asked.decision, phase=VolatilityPhase.EXTREME))
    assert evaluate(extreme, PARAMS).plan is None


@pytest.mark.parametrize(
    ("toxicity", "phase", "factor"),
    [
        (Toxicity.WARMING, VolatilityPhase.NORMAL, "1"), (Toxicity.CALM, VolatilityPhase.NORMAL, "1"),
        (Toxicity.ELEVATED, VolatilityPhase.NORMAL, "0.5"), (Toxicity.TOXIC, VolatilityPhase.NORMAL, "0.5"),
        (Toxicity.TOXIC, VolatilityPhase.HIGH, "0.25"),
    ],
)  # fmt: skip
def test_informed_flow_and_violence_each_halve_the_risk(
    toxicity: Toxicity, phase: VolatilityPhase, factor: str
) -> None:
    plan = evaluate(request(decision=decision(toxicity=toxicity, phase=phase)), PARAMS).plan
    assert plan is not None
    assert plan.quantity == floor_to(Decimal(50) * Decimal(factor) / Decimal("150.54924"), RULES.step_size)


def test_c_takes_the_cluster_for_its_target() -> None:
    wanted = decision(strategy=Strategy.C, cluster_price=60_250.03)
    plan = evaluate(request(decision=wanted), PARAMS).plan
    assert plan is not None
    assert (plan.tp_price, plan.sl_price) == (Decimal("60250.0"), Decimal("59887.2"))
    assert plan.max_hold_s == 3_600


def test_a_verdict_carries_the_brackets_figures() -> None:
    verdict = evaluate(request(), PARAMS)
    figures, plan = verdict.figures, verdict.plan
    assert figures is not None
    assert plan is not None
    assert (figures.entry, figures.sl_price, figures.tp_price) == (plan.expected_price, plan.sl_price, plan.tp_price)
    assert (figures.quantity, figures.leverage, figures.side) == (plan.quantity, plan.leverage, plan.side)
    assert figures.rr_net == pytest.approx(Decimal("1.286"), abs=Decimal("0.001"))
    assert figures.break_even_win_rate == pytest.approx(Decimal("0.437"), abs=Decimal("0.001"))
    assert evaluate(request(account=account(None)), PARAMS).figures is None


def test_what_passed_but_cannot_be_planned_is_our_mistake() -> None:
    proposal = propose(request(), PARAMS)
    assert proposal is not None
    with pytest.raises(ValueError, match="cannot be planned"):
        _plan(request(), replace(proposal, leverage=None))


def test_an_adopted_position_has_no_targets() -> None:
    with pytest.raises(ValueError, match="does not enter"):
        PARAMS.targets(Strategy.ADOPTED)
