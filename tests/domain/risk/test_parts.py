"""Depth, targets, costs, size, leverage and liquidation: the properties; their values are among the golden ones."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.money_builders import NOW, RULES, TIERS, mark, tier
from vortex.domain.market import Levels, LeverageTier
from vortex.domain.money import exact
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.costs import Costs, costs_of, expected_funding
from vortex.domain.risk.depth import visible, walk
from vortex.domain.risk.leverage import leverage_candidate
from vortex.domain.risk.liquidation import leverage_allowed, liquidation_price, tier_at
from vortex.domain.risk.params import RiskParams, TargetAParams
from vortex.domain.risk.proposal import usable_price
from vortex.domain.risk.sizing import fit, least_quantity, risk_quantity
from vortex.domain.risk.targets import Targets, targets_around
from vortex.domain.signal import VolatilityPhase
from vortex.domain.trade import Strategy

PARAMS = RiskParams()
FEE = Decimal("0.0005")
SIDES = st.sampled_from(Side)
PRICES = st.decimals("1", "100000", places=2)
QUANTITIES = st.decimals("0.001", "100", places=3)
SIZES = st.lists(st.integers(1, 1_000), min_size=1, max_size=20)


def asks(sizes: list[int]) -> Levels:
    return tuple((100.0 + level, float(size)) for level, size in enumerate(sizes))


@given(sizes=SIZES, share=st.decimals("0.01", "1", places=2))
def test_a_larger_order_never_gets_a_better_average(sizes: list[int], share: Decimal) -> None:
    levels = asks(sizes)
    whole = visible(levels)
    part, all_of_it = walk(levels, whole * share), walk(levels, whole)
    assert part is not None
    assert all_of_it is not None
    assert 100 <= part <= all_of_it
    assert walk(levels, whole + Decimal("0.001")) is None


def test_nothing_is_taken_for_no_quantity() -> None:
    with pytest.raises(ValueError, match="positive"):
        walk(asks([1]), ZERO)


@given(side=SIDES, entry=PRICES, atr=st.decimals("0.5", "100", places=2), tick=st.sampled_from(["0.01", "0.1", "0.5"]))
def test_targets_lie_on_the_grid_and_never_farther_than_asked(
    side: Side, entry: Decimal, atr: Decimal, tick: str
) -> None:
    unit = Decimal(tick)
    targets = targets_around(side, entry, atr, unit, TargetAParams())
    assert targets.sl_price % unit == targets.tp_price % unit == 0
    risk, reward = side.sign * (entry - targets.sl_price), side.sign * (targets.tp_price - entry)
    assert Decimal("0.6") * atr - unit < risk <= Decimal("0.6") * atr
    assert Decimal("1.8") * atr - unit < reward <= Decimal("1.8") * atr


def cost(side: Side, entry: Decimal, risk: Decimal, reward: Decimal, slippage: Decimal = ZERO) -> Costs:
    targets = Targets(sl_price=entry - side.sign * risk, tp_price=entry + side.sign * reward)
    return costs_of(side, entry, targets, fee=FEE, entry_slippage=slippage, funding=ZERO, params=PARAMS)


@given(
    side=SIDES, entry=st.decimals("1000", "100000", places=2), risk=st.decimals("0.1", "500", places=1),
    reward=st.decimals("0.1", "500", places=1), slippage=st.decimals("0", "10", places=2),
)  # fmt: skip
def test_costs_never_improve_a_trade(
    side: Side, entry: Decimal, risk: Decimal, reward: Decimal, slippage: Decimal
) -> None:
    costs = cost(side, entry, risk, reward, slippage)
    assert costs.rr_net <= costs.rr_gross
    assert (costs.reward, costs.risk) == (reward, risk)
    assert costs.unit_loss > risk


@given(
    side=SIDES, entry=st.decimals("1000", "100000", places=2), near=st.decimals("0.1", "500", places=1),
    farther=st.decimals("0.1", "400", places=1),
)  # fmt: skip
def test_a_farther_stop_never_buys_more(side: Side, entry: Decimal, near: Decimal, farther: Decimal) -> None:
    close, far = (risk_quantity(Decimal(50), cost(side, entry, x, x).unit_loss) for x in (near, near + farther))
    assert far < close


def test_a_trade_whose_costs_eat_its_reward_has_no_break_even() -> None:
    hopeless, fair = (cost(Side.LONG, Decimal(60_000), Decimal(100), Decimal(reward)) for reward in (60, 200))
    assert hopeless.break_even_win_rate is None
    assert fair.break_even_win_rate is not None
    assert 0 < fair.break_even_win_rate < 1


def test_slippage_at_the_stop_is_a_multiple_of_the_entrys() -> None:
    side, entry, distance = Side.LONG, Decimal(60_000), Decimal(100)
    calm, rough = (cost(side, entry, distance, distance, Decimal(slip)) for slip in (0, 10))
    assert rough.cost_sl - calm.cost_sl == 15 - Decimal("5.99")
    assert rough.cost_tp - calm.cost_tp == 10


@pytest.mark.parametrize(
    ("side", "rate", "due_in_s", "expected"),
    [
        (Side.LONG, 0.0005, 1_799, "30"), (Side.LONG, 0.0005, 1_800, "0"), (Side.LONG, -0.0005, 10, "0"),
        (Side.SHORT, -0.0005, 10, "30"), (Side.SHORT, 0.0005, 10, "0"), (Side.LONG, 0.0005, -1, "0"),
    ],
)  # fmt: skip
def test_funding_is_expected_only_when_it_is_paid_within_the_hold(
    side: Side, rate: float, due_in_s: int, expected: str
) -> None:
    due = mark(rate=rate, next_ms=NOW + due_in_s * 1_000)
    assert expected_funding(side, due, NOW, 1_800) == Decimal(expected)


@given(quantity=QUANTITIES, caps=st.dictionaries(st.text(max_size=3), st.decimals("-10", "100", places=4), max_size=4))
def test_a_size_never_exceeds_its_caps_and_never_rounds_up(quantity: Decimal, caps: dict[str, Decimal]) -> None:
    size = fit(quantity, caps, Decimal("0.01"))
    assert 0 <= size.quantity <= quantity
    assert all(size.quantity <= max(ZERO, cap) for cap in caps.values())
    assert size.quantity % Decimal("0.01") == 0
    assert (size.capped_by is not None) is any(cap < quantity for cap in caps.values())


@given(price=PRICES)
def test_the_least_quantity_is_just_enough(price: Decimal) -> None:
    least = least_quantity(price, RULES)
    assert least * price >= RULES.min_notional_usdt
    smaller = least - RULES.step_size
    assert smaller * price < RULES.min_notional_usdt or smaller < RULES.min_quantity


def test_leverage_counts_confidence_as_half_until_it_is_calibrated() -> None:
    calm = Decimal("0.1")
    assert {leverage_candidate(c, calm, VolatilityPhase.NORMAL, PARAMS) for c in (0.0, 0.6, 1.0)} == {20}
    calibrated = replace(PARAMS, leverage_uses_confidence=True)
    assert [leverage_candidate(c, calm, None, calibrated) for c in (0.0, 0.75, 1.0)] == [10, 20, 30]


@given(confidence=st.floats(0, 1), atr=st.floats(0, 5), phase=st.sampled_from(VolatilityPhase))
def test_leverage_stays_in_its_range(confidence: float, atr: float, phase: VolatilityPhase) -> None:
    leverage = leverage_candidate(confidence, exact(atr), phase, replace(PARAMS, leverage_uses_confidence=True))
    assert 10 <= leverage <= (15 if phase is VolatilityPhase.HIGH else 30)


@given(side=SIDES, entry=PRICES, quantity=QUANTITIES, leverage=st.integers(10, 29))
def test_more_leverage_moves_liquidation_nearer(side: Side, entry: Decimal, quantity: Decimal, leverage: int) -> None:
    low, high = (
        liquidation_price(side, entry, quantity, entry * quantity / x, TIERS) for x in (leverage, leverage + 1)
    )
    assert low is not None
    assert high is not None
    assert side.sign * low < side.sign * high < side.sign * entry


@given(side=SIDES, entry=PRICES, quantity=QUANTITIES, leverage=st.integers(10, 30))
def test_at_the_liquidation_price_margin_equals_maintenance(
    side: Side, entry: Decimal, quantity: Decimal, leverage: int
) -> None:
    wallet = entry * quantity / leverage
    price = liquidation_price(side, entry, quantity, wallet, TIERS)
    assert price is not None
    there = tier_at(TIERS, quantity * price)
    maintenance = quantity * price * there.maintenance_rate - there.cumulative_usdt
    margin = wallet + side.sign * quantity * (price - entry)
    assert abs(margin - maintenance) <= Decimal("1e-18") * quantity * entry


@pytest.mark.parametrize(("side", "rates"), [(Side.LONG, ("0.01", "0.005")), (Side.SHORT, ("0.005", "0.01"))])
def test_of_two_tiers_that_point_at_each_other_the_nearer_price_counts(side: Side, rates: tuple[str, str]) -> None:
    edge = 5_730 if side is Side.LONG else 6_260
    low, high = tier(0, edge, rates[0], 0, 50), tier(edge, 99_999, rates[1], 0, 50)

    def price(*tiers: LeverageTier) -> Decimal:
        found = liquidation_price(side, Decimal(60_000), Decimal("0.1"), Decimal(300), tiers)
        assert found is not None
        return found

    in_low, in_high = price(low), price(high)
    assert in_low * Decimal("0.1") >= edge > in_high * Decimal("0.1"), "each price lies in the other tier"
    assert price(low, high) == (max if side is Side.LONG else min)(in_low, in_high)


def test_a_position_backed_in_full_cannot_be_liquidated() -> None:
    assert liquidation_price(Side.LONG, Decimal(100), Decimal(1), Decimal(100), TIERS) is None


def test_beyond_the_last_tier_nothing_is_allowed() -> None:
    assert [leverage_allowed(TIERS, Decimal(x)) for x in (0, 299_999, 300_000, 70_000_000)] == [150, 150, 100, 0]
    with pytest.raises(ValueError, match="tiers"):
        tier_at((), Decimal(1))


@pytest.mark.parametrize(
    "limits",
    [{"leverage_min": 31}, {"leverage_min": 16, "leverage_high_max": 15}, {"daily_drawdown": 0.05}],
)
def test_limits_that_contradict_each_other_are_refused(limits: dict[str, float]) -> None:
    with pytest.raises(msgspec.ValidationError, match="must not exceed"):
        msgspec.convert(limits, RiskParams)


@pytest.mark.parametrize(
    "limits",
    [{"rr_min": -0.1}, {"a": {"sl_atr": 0.0}}, {"max_notional_usdt": 0.0}, {"book_age_max_ms": 1_001}, {"typo": 1}],
)
def test_a_limit_out_of_its_range_is_refused(limits: dict[str, object]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(limits, RiskParams)


def test_a_part_of_a_section_keeps_the_other_defaults() -> None:
    params = msgspec.convert({"a": {"sl_atr": 1}, "max_notional_usdt": 500}, RiskParams)
    assert (params.a.sl_atr, params.a.tp_atr, params.b, params.max_notional_usdt) == (1.0, 1.8, RiskParams().b, 500.0)
    with pytest.raises(ValueError, match="does not enter"):
        params.targets(Strategy.ADOPTED)


@pytest.mark.parametrize(
    ("side", "cluster", "target"),
    [
        (Side.LONG, "103", "103"), (Side.LONG, "102.4", "102.4"), (Side.LONG, "104.8", "104.8"),
        (Side.LONG, "102.3", "103.2"), (Side.LONG, "104.9", "103.2"), (Side.LONG, "97", "103.2"),
        (Side.SHORT, "97", "97"), (Side.SHORT, "103", "96.8"), (Side.LONG, None, "103.2"),
    ],
)  # fmt: skip
def test_c_aims_at_a_cluster_that_lies_well(side: Side, cluster: str | None, target: str) -> None:
    near = None if cluster is None else Decimal(cluster)
    made = targets_around(side, Decimal(100), Decimal(2), Decimal("0.1"), PARAMS.targets(Strategy.C), near)
    assert made.tp_price == Decimal(target)
    assert made.sl_price == 100 - side.sign * Decimal("1.6")
    other = targets_around(side, Decimal(100), Decimal(2), Decimal("0.1"), PARAMS.targets(Strategy.A), near)
    assert other.tp_price == 100 + side.sign * Decimal("3.6")


@pytest.mark.parametrize(
    ("price", "usable"),
    [(100.5, Decimal("100.5")), (None, None), (float("nan"), None), (float("inf"), None), (0.0, None), (-1.0, None)],
)
def test_only_a_finite_positive_price_is_usable(price: float | None, usable: Decimal | None) -> None:
    assert usable_price(price) == usable
