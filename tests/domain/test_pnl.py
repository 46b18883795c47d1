from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.money_builders import NOW, fill, plan, trade
from vortex.domain.order import ZERO, Fill, Side
from vortex.domain.pnl import RowLabels, TradeResult, account_trade, closed_row, failed_row, open_row
from vortex.domain.trade import CloseReason, TradeStatus

LABELS = RowLabels(mode="paper", account="main", market_source="recording", profile="demo")
FEE = Decimal("0.0005")
PRICES = st.decimals("1", "100000", places=2)
STEPS = st.integers(1, 10_000)
SIDES = st.sampled_from(Side)


def leg(steps: list[int], prices: list[Decimal]) -> list[Fill]:
    return [fill(str(Decimal(n) / 1000), str(p), fee=FEE) for n, p in zip(steps, prices, strict=False)]


@st.composite
def legs(draw: st.DrawFn) -> tuple[list[Fill], list[Fill]]:
    """Entry and exit of the same quantity, each in one to four fills."""
    total = draw(st.integers(4, 10_000))
    sides = []
    for _ in range(2):
        cuts = sorted({0, total, *draw(st.lists(st.integers(1, total - 1), max_size=3))})
        steps = [after - before for before, after in pairwise(cuts)]
        sides.append(leg(steps, draw(st.lists(PRICES, min_size=4, max_size=4))))
    return sides[0], sides[1]


@given(legs=legs(), side=SIDES, funding=st.decimals("-10", "10", places=4))
def test_what_is_earned_is_what_the_wallet_gains(
    legs: tuple[list[Fill], list[Fill]], side: Side, funding: Decimal
) -> None:
    entered, left = legs
    wallet = Decimal(1_000_000) + funding
    for fills, sign in ((entered, -side.sign), (left, side.sign)):
        for each in fills:
            wallet += sign * each.price * each.quantity - each.commission
    assert account_trade(side, entered, left, 20, funding).pnl_net_usdt == wallet - 1_000_000


@given(legs=legs(), side=SIDES)
def test_the_other_direction_earns_the_opposite_before_costs(legs: tuple[list[Fill], list[Fill]], side: Side) -> None:
    other = Side.SHORT if side is Side.LONG else Side.LONG
    gross, mirrored = (
        account_trade(each, *legs, leverage=20, funding_usdt=ZERO).pnl_gross_usdt for each in (side, other)
    )
    assert gross == -mirrored


@given(legs=legs(), side=SIDES)
def test_splitting_a_fill_changes_nothing(legs: tuple[list[Fill], list[Fill]], side: Side) -> None:
    entered, left = legs
    halves = [replace(e, quantity=e.quantity / 2, commission=e.commission / 2) for e in entered for _ in range(2)]
    assert account_trade(side, halves, left, 20, ZERO) == account_trade(side, entered, left, 20, ZERO)


@given(legs=legs(), side=SIDES, factor=st.integers(2, 50))
def test_money_is_linear_in_quantity(legs: tuple[list[Fill], list[Fill]], side: Side, factor: int) -> None:
    def scaled(fills: list[Fill]) -> list[Fill]:
        return [replace(e, quantity=e.quantity * factor, commission=e.commission * factor) for e in fills]

    one = account_trade(side, *legs, leverage=20, funding_usdt=ZERO)
    many = account_trade(side, scaled(legs[0]), scaled(legs[1]), 20, ZERO)
    assert many.pnl_net_usdt == factor * one.pnl_net_usdt
    assert many.margin_usdt == factor * one.margin_usdt
    assert (many.entry_price, many.pnl_pct) == (one.entry_price, one.pnl_pct)


@pytest.mark.parametrize(("entered", "left"), [([], []), (["0.1"], []), (["0.1"], ["0.05"]), ([], ["0.1"])])
def test_a_trade_that_is_not_flat_cannot_be_accounted(entered: list[str], left: list[str]) -> None:
    with pytest.raises(ValueError, match="closed trade"):
        account_trade(Side.LONG, [fill(q, "1") for q in entered], [fill(q, "1") for q in left], 20, ZERO)


def test_the_open_row_says_what_the_fills_made_of_the_plan() -> None:
    row = open_row(replace(trade(), entry_price=Decimal(1) / 3, quantity=Decimal("0.09")), LABELS)
    assert (row.status, row.revision, row.opened_at) == (TradeStatus.OPEN, 1, NOW)
    assert (row.entry_price, row.quantity, row.open_fee_usdt) == (Decimal("0.33333333"), Decimal("0.09"), Decimal(3))
    assert (row.mode, row.account, row.market_source, row.profile) == ("paper", "main", "recording", "demo")
    assert (row.exit_price, row.pnl_net_usdt, row.close_reason, row.closed_at) == (None, None, None, None)


def test_the_closed_row_is_accounted_from_its_fills() -> None:
    entered = [fill("0.060", "60000", fee=FEE), fill("0.040", "60003.5", fee=FEE)]
    left = [fill("0.050", "60240", fee=FEE, at_ms=NOW + 1), fill("0.050", "60238.2", fee=FEE, at_ms=NOW + 61_999)]
    row = closed_row(
        trade(), LABELS, entry_fills=entered, exit_fills=left, reason=CloseReason.TP_HIT, funding_usdt=Decimal("-0.1")
    )
    assert (row.status, row.revision, row.close_reason) == (TradeStatus.CLOSED, 2, CloseReason.TP_HIT)
    assert (row.closed_at, row.hold_time_s) == (NOW + 61_999, 61)
    assert (row.entry_price, row.exit_price) == (Decimal("60001.4"), Decimal("60239.1"))
    assert (row.open_fee_usdt, row.close_fee_usdt) == (Decimal("3.00007"), Decimal("3.011955"))
    assert (row.pnl_gross_usdt, row.funding_usdt) == (Decimal("23.77"), Decimal("-0.1"))
    assert row.pnl_net_usdt == Decimal("17.657975")
    assert row.pnl_pct == Decimal("5.88585433")


def test_the_failed_row_keeps_the_plan_and_costs_nothing() -> None:
    row = failed_row(plan(), LABELS, trade_id="t", reason=CloseReason.ORDER_REJECTED, ts_ms=NOW + 500)
    assert (row.status, row.revision, row.close_reason) == (TradeStatus.FAILED, 2, CloseReason.ORDER_REJECTED)
    assert (row.entry_price, row.quantity, row.open_fee_usdt) == (Decimal(60_000), Decimal("0.1"), ZERO)
    assert (row.opened_at, row.closed_at, row.pnl_net_usdt) == (NOW, NOW + 500, None)


def test_a_result_is_unrounded() -> None:
    entered = [fill("3", "1", fee=ZERO)]
    result: TradeResult = account_trade(Side.LONG, entered, [fill("3", "2", fee=ZERO)], 7, ZERO)
    assert result.margin_usdt == Decimal(3) / 7
    assert result.pnl_pct == 700
