"""A position without a trade: whose it is, and what becomes of it."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.money_builders import NOW, SYMBOL
from tests.kit.builders import SELL, SETUP, algo_report, fill, ids, symbol_state
from vortex.domain.client_id import OrderIds
from vortex.domain.desk.adoption import ForeignParams, adopt, opened_by, protective_price, still_ours
from vortex.domain.desk.leg import LegState
from vortex.domain.order import AlgoStatus, Fill, OrderRole, PositionReport, Side, SymbolState
from vortex.domain.trade import Strategy

IDS = OrderIds("main", SYMBOL, 9)
OLD = ids()
OURS = fill(5, "0.1", client_id=OLD[OrderRole.ENTRY])
THEIRS = fill(5, "0.1", client_id="web_1")
PARAMS = ForeignParams(adopted_stop_pct=2.0)


def state(*fills: Fill, amount: str = "0.1", mark: str = "60000", liquidation: str | None = None) -> SymbolState:
    found = symbol_state(amount, fills=fills, liquidation=liquidation)
    return msgspec.structs.replace(found, position=msgspec.structs.replace(found.position, mark_price=Decimal(mark)))


def test_the_executions_that_made_a_position_go_back_to_flat() -> None:
    before = (fill(1, "0.2"), fill(2, "0.2", side=SELL))
    made = (fill(3, "0.1"), fill(5, "0.05"))
    reduced = fill(4, "0.05", side=SELL)
    assert opened_by((*before, *made, reduced), Decimal("0.1")) == made
    assert opened_by(made, Decimal("0.15"), after_fill_id=3) == made[1:]


def test_our_own_is_found_again_with_its_entry_and_the_orders_that_rest_for_it() -> None:
    resting = tuple(algo_report(OLD[role]) for role in (OrderRole.STOP, OrderRole.TAKE_PROFIT))
    found = msgspec.structs.replace(state(OURS), algos=resting)
    bracket = adopt(found, SETUP, IDS, PARAMS, NOW)
    assert bracket.trade_id == IDS.trade_id(OLD[OrderRole.ENTRY])
    assert [leg.client_id for leg in bracket.legs] == [OLD[role] for role in list(OrderRole)[:3]]
    assert bracket.protected
    assert (bracket.open_quantity, bracket.entry_complete, bracket.executions_missing) == (Decimal("0.1"), True, False)
    trade = bracket.open_trade()
    assert (trade.plan.strategy, trade.plan.sl_price, trade.open_fee_usdt) == (
        Strategy.ADOPTED, resting[0].trigger_price, OURS.commission,
    )  # fmt: skip


def test_a_persons_gets_a_stop_and_no_take_profit() -> None:
    bracket = adopt(state(THEIRS), SETUP, IDS, PARAMS, NOW)
    assert (bracket.stop.state, bracket.take_profit.state) == (LegState.IDLE, LegState.FINAL)
    assert (bracket.plan.sl_price, bracket.plan.tp_price, bracket.naked_since_ms) == (Decimal(58_800), Decimal(0), NOW)
    assert bracket.open_trade().open_fee_usdt == 0


def test_what_a_person_left_of_a_trade_that_we_closed_is_not_ours() -> None:
    added = fill(6, "0.05", client_id="web_1")
    closed = fill(7, "0.1", side=SELL, client_id=OLD[OrderRole.STOP])
    taken_back = fill(8, "0.05", side=SELL, client_id="web_2")
    left = Decimal("0.05")
    assert still_ours((OURS, added, closed), left, IDS) == 0
    assert still_ours((OURS, added, taken_back), Decimal("0.1"), IDS) == Decimal("0.1")
    liquidated = msgspec.structs.replace(taken_back, client_id="autoclose-1")
    assert still_ours((OURS, added, liquidated), Decimal("0.1"), IDS) == left
    assert still_ours((OURS, added), Decimal("0.15"), IDS, after_fill_id=5) == 0
    foreign = adopt(state(OURS, added, closed, amount="0.05"), SETUP, IDS, PARAMS, NOW)
    assert foreign.trade_id != IDS.trade_id(OLD[OrderRole.ENTRY])


@pytest.mark.parametrize("status", [AlgoStatus.TRIGGERING, AlgoStatus.CANCELED])
def test_a_stop_that_does_not_rest_any_more_is_not_taken_over(status: AlgoStatus) -> None:
    found = msgspec.structs.replace(state(OURS), algos=(algo_report(OLD[OrderRole.STOP], status),))
    assert adopt(found, SETUP, IDS, PARAMS, NOW).stop.state is LegState.IDLE


@given(
    side=st.sampled_from(Side),
    mark=st.integers(1_000, 1_000_000),
    room=st.none() | st.integers(1, 90),
    pct=st.floats(0.01, 50),
)
def test_the_stop_is_on_the_right_side_and_before_liquidation(
    side: Side, mark: int, room: int | None, pct: float
) -> None:
    price = Decimal(mark)
    liquidation = None if room is None else price * (1 - side.sign * Decimal(room) / 100)
    position = PositionReport(
        symbol=SYMBOL, amount=Decimal(side.sign), entry_price=price, mark_price=price, liquidation_price=liquidation
    )
    stop = protective_price(position, SETUP, ForeignParams(adopted_stop_pct=pct))
    assert stop % SETUP.rules.tick_size == 0
    tick = SETUP.rules.tick_size
    assert side.sign * (price - stop) > -tick
    if liquidation is not None:
        assert side.sign * (stop - liquidation) >= Decimal("0.3") * abs(price - liquidation)
