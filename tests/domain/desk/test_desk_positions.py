"""An open position on a desk: it is protected or closed, and cleaned up behind."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.domain.desk_rig import NO_SUCH_ORDER, NOTHING_TO_CANCEL, NOTHING_TO_REDUCE, TIMEOUT, Rig
from tests.domain.money_builders import NOW
from tests.kit.builders import SELL, algo_report, fill, order_report, symbol_state
from vortex.domain.desk.bracket import NOT_NOW_CODES
from vortex.domain.desk.notices import Closed, ProtectionChanged
from vortex.domain.desk.planning import Lane
from vortex.domain.order import (
    AlgoStatus,
    CancelOrder,
    Done,
    OrderKind,
    OrderRole,
    OrderStatus,
    PlaceOrder,
    QueryOrder,
    QuerySymbol,
    Refused,
)
from vortex.domain.trade import CloseReason

# ---------------------------------------------------------------------------------------------------------- protection


def test_a_refused_stop_closes_the_position_at_once() -> None:
    rig = Rig().filled()
    rig.notices()
    rig.leaves(PlaceOrder)
    rig.answered(Refused(code=-2021, text="Order would immediately trigger."))
    leaving = rig.leaves(PlaceOrder, Lane.CLOSE)
    assert (leaving.kind, leaving.side, leaving.reduce_only, leaving.quantity) == (
        OrderKind.MARKET, SELL, True, Decimal("0.1"),
    )  # fmt: skip
    rig.done(rig.exit_filled(leaving.client_id))
    assert rig.says(Closed).reason is CloseReason.PROTECTION_FAILED


def test_a_stop_that_is_not_confirmed_within_three_seconds_closes_the_position() -> None:
    rig = Rig().filled()
    rig.leaves(PlaceOrder)
    rig.answered(TIMEOUT, after_ms=2_000)
    rig.leaves(QuerySymbol, Lane.STOP)  # nothing may hold up the close that may follow
    rig.wait(999)
    assert rig.bracket.close_reason is None
    rig.wait(1)
    assert rig.bracket.close_reason is CloseReason.PROTECTION_FAILED
    rig.answered(TIMEOUT, after_ms=0)
    assert rig.leaves(PlaceOrder).reduce_only


def test_a_lost_answer_to_the_stop_is_found_again() -> None:
    rig = Rig().filled()
    rig.notices()
    stop = rig.leaves(PlaceOrder)
    rig.answered(TIMEOUT, after_ms=2_000)
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills))  # not listed yet
    rig.wait(300)
    query = rig.leaves(QueryOrder, Lane.STOP)
    assert (query.client_id, query.conditional) == (stop.client_id, True)
    rig.done(algo_report(stop.client_id))
    assert rig.says(ProtectionChanged).protected
    assert rig.leaves(PlaceOrder).kind is OrderKind.TAKE_PROFIT_MARKET


def test_a_liquidation_price_is_told_when_it_becomes_known_and_when_it_changes() -> None:
    rig = Rig().guarded()
    algos = tuple(algo_report(leg.client_id) for leg in (rig.bracket.stop, rig.bracket.take_profit))
    for price in ("57000", "58000"):
        state = symbol_state("0.1", algos=algos, fills=rig.bracket.fills)
        position = msgspec.structs.replace(state.position, liquidation_price=Decimal(price))
        for _ in range(2):
            rig.desk.distrust()
            rig.wait(300)
            rig.reads(msgspec.structs.replace(state, position=position))
        assert rig.says(ProtectionChanged).liquidation_price == Decimal(price)


def test_a_stop_that_stays_triggering_for_three_seconds_is_no_protection() -> None:
    rig = Rig().guarded()
    rig.hears(algo_report(rig.bracket.stop.client_id, AlgoStatus.TRIGGERING))
    assert rig.says(ProtectionChanged).protected is False
    rig.wait(2_999)
    assert rig.idle()
    rig.wait(1)
    leaving = rig.leaves(PlaceOrder)
    assert leaving.reduce_only
    rig.done(rig.exit_filled(leaving.client_id))
    assert rig.says(Closed).reason is CloseReason.PROTECTION_FAILED


def test_a_refused_take_profit_leaves_the_position_open_behind_its_stop() -> None:
    rig = Rig().filled()
    stop = algo_report(rig.leaves(PlaceOrder).client_id)
    rig.done(stop)
    rig.leaves(PlaceOrder)
    rig.answered(Refused(code=-2021, text="Order would immediately trigger."), after_ms=300)
    rig.reads(symbol_state("0.1", algos=(stop,), fills=rig.bracket.fills))
    assert rig.bracket.protected
    assert rig.bracket.close_reason is None
    rig.wait(2_500)
    assert rig.idle()


def cancelled(rig: Rig) -> PlaceOrder:
    """Somebody cancels the stop; returns the one that takes its place."""
    rig.hears(algo_report(rig.bracket.stop.client_id, AlgoStatus.CANCELED))
    assert rig.says(ProtectionChanged).protected is False
    rig.wait(300)
    target = algo_report(rig.bracket.take_profit.client_id)
    rig.reads(symbol_state("0.1", algos=(target,), fills=rig.bracket.fills))
    return rig.leaves(PlaceOrder, Lane.STOP)


def test_a_stop_that_a_person_cancelled_is_replaced_under_a_new_id() -> None:
    rig = Rig().guarded()
    first = rig.bracket.stop.client_id
    second = cancelled(rig)
    assert (second.kind, second.close_position) == (OrderKind.STOP_MARKET, True)
    assert second.client_id != first
    rig.done(algo_report(second.client_id))
    assert rig.says(ProtectionChanged).protected is True


def test_a_stop_that_is_taken_away_again_and_again_closes_the_position() -> None:
    rig = Rig().guarded()
    for _ in range(5):
        rig.done(algo_report(cancelled(rig).client_id))
        assert rig.says(ProtectionChanged).protected is True
    rig.hears(algo_report(rig.bracket.stop.client_id, AlgoStatus.CANCELED))
    rig.wait(300)
    rig.reads(symbol_state("0.1", algos=(algo_report(rig.bracket.take_profit.client_id),), fills=rig.bracket.fills))
    assert rig.leaves(PlaceOrder, Lane.CLOSE).reduce_only
    assert rig.bracket.close_reason is CloseReason.PROTECTION_FAILED


def test_a_cancelled_stop_of_a_position_that_was_closed_is_not_replaced() -> None:
    rig = Rig().guarded()
    rig.hears(algo_report(rig.bracket.stop.client_id, AlgoStatus.EXPIRED))
    rig.wait(300)
    target = algo_report(rig.bracket.take_profit.client_id)
    rig.reads(symbol_state("0", algos=(target,), fills=rig.bracket.fills))  # what closed it is not listed yet
    rig.wait(300)
    assert rig.idle()
    rig.wait(1_700)
    rig.leaves(QuerySymbol)


def test_a_stop_that_vanished_is_replaced() -> None:
    rig = Rig().guarded()
    rig.wait(3_000)
    assert rig.leaves(QueryOrder).client_id == rig.bracket.stop.client_id
    rig.answered(NO_SUCH_ORDER)
    assert rig.says(ProtectionChanged).protected is False
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills))
    rig.wait(300)
    assert rig.leaves(PlaceOrder, Lane.STOP).kind is OrderKind.STOP_MARKET


def test_a_stop_that_only_seemed_to_have_vanished_is_known_again_by_the_refusal_of_another() -> None:
    rig = Rig().guarded()
    first = rig.bracket.stop.client_id
    rig.wait(3_000)
    rig.leaves(QueryOrder)
    rig.answered(NO_SUCH_ORDER)  # what answers lags behind
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills))
    rig.wait(300)
    rig.notices()
    rig.leaves(PlaceOrder, Lane.STOP)
    rig.answered(Refused(code=-4130, text="An open stop order with closePosition is existing."))
    assert rig.bracket.stop.client_id == first
    assert rig.says(ProtectionChanged).protected is True


@pytest.mark.parametrize("code", sorted(NOT_NOW_CODES))
def test_a_stop_that_is_refused_for_the_moment_is_tried_again_until_its_time_is_up(code: int) -> None:
    rig = Rig().filled()
    ids = set()
    while rig.bracket.close_reason is None:
        request = rig.any_leaves()
        if isinstance(request, PlaceOrder):
            ids.add(request.client_id)
            rig.answered(Refused(code=code, text="not now"))
        elif request is not None:
            rig.done(symbol_state("0.1", fills=rig.bracket.fills))
        else:
            rig.wait(100)
    assert rig.bracket.close_reason is CloseReason.PROTECTION_FAILED
    assert len(ids) > 3


# ------------------------------------------------------------------------------------------------------------- the exit


def closing(rig: Rig, reason: CloseReason = CloseReason.TIME_EXIT) -> PlaceOrder:
    rig.desk.close(rig.bracket.trade_id, reason)
    return rig.leaves(PlaceOrder, Lane.CLOSE)


def cleaned(rig: Rig) -> list[str]:
    """Cancel what rests; returns the roles, in order."""
    roles = []
    while not rig.idle():
        cancel = rig.any_leaves()
        if isinstance(cancel, QuerySymbol):  # before the next trade it is seen that nothing is left
            rig.done(symbol_state())
            break
        assert isinstance(cancel, CancelOrder)
        assert cancel.conditional
        roles.append(cancel.client_id[-1])
        rig.answered(NOTHING_TO_CANCEL if roles[1:] else Done(), after_ms=50)
        rig.wait(300)
    return roles


def test_an_exit_closes_tells_and_cleans_up() -> None:
    rig = Rig().guarded()
    leaving = closing(rig)
    rig.done(rig.exit_filled(leaving.client_id))
    assert rig.says(Closed).reason is CloseReason.TIME_EXIT
    assert not rig.desk.free  # what rests could hurt the next trade
    assert cleaned(rig) == [OrderRole.STOP, OrderRole.TAKE_PROFIT]
    assert rig.desk.free
    assert rig.notices() == []


def test_closing_another_trade_or_twice_changes_nothing() -> None:
    rig = Rig().guarded()
    rig.desk.close("trade-0", CloseReason.MANUAL)
    assert rig.bracket.close_reason is None
    closing(rig)
    rig.desk.close(rig.bracket.trade_id, CloseReason.MANUAL)
    assert rig.bracket.close_reason is CloseReason.TIME_EXIT
    free = Rig().ready()
    free.desk.close("trade-0", CloseReason.MANUAL)
    assert free.desk.free


@pytest.mark.parametrize(
    ("leg", "reason"), [(OrderRole.STOP, CloseReason.SL_HIT), (OrderRole.TAKE_PROFIT, CloseReason.TP_HIT)]
)
def test_a_conditional_order_closes_and_the_other_is_cancelled(leg: OrderRole, reason: CloseReason) -> None:
    rig = Rig().guarded()
    hit, other = rig.bracket.stop.client_id, rig.bracket.take_profit.client_id
    if leg is OrderRole.TAKE_PROFIT:
        hit, other = other, hit
    rig.hears(algo_report(hit, AlgoStatus.TRIGGERED, child=9))
    rig.hears(rig.exit_filled(hit))
    rig.hears(algo_report(hit, AlgoStatus.FINISHED, child=9))
    (closed,) = (notice for notice in rig.notices() if isinstance(notice, Closed))
    assert closed.reason is reason
    assert rig.leaves(CancelOrder).client_id == other
    rig.answered(Done())
    assert rig.desk.free


def test_a_position_that_a_person_closed_was_closed_externally() -> None:
    rig = Rig().guarded()
    rig.desk.distrust()
    rig.wait(300)
    theirs = fill(5, side=SELL, client_id="web_1", order_id=50, at_ms=rig.now_ms)
    rig.reads(symbol_state(fills=(*rig.bracket.fills, theirs)))
    notices = rig.notices()
    assert isinstance(notices[0], Closed)
    assert notices[0].reason is CloseReason.EXTERNAL
    assert cleaned(rig) == [OrderRole.STOP, OrderRole.TAKE_PROFIT]


def test_an_exit_refused_for_having_nothing_to_reduce_reads_the_truth() -> None:
    rig = Rig().guarded()
    closing(rig)
    rig.answered(NOTHING_TO_REDUCE, after_ms=300)
    stopped = fill(5, side=SELL, client_id=rig.bracket.stop.client_id, order_id=50, at_ms=rig.now_ms)
    rig.reads(symbol_state(fills=(*rig.bracket.fills, stopped)))
    notices = rig.notices()
    assert isinstance(notices[-1], Closed)
    assert notices[-1].reason is CloseReason.SL_HIT


def test_an_exit_executed_in_part_is_followed_by_one_for_the_rest_under_a_new_id() -> None:
    rig = Rig().guarded()
    first = closing(rig)
    half = fill(2, "0.04", side=SELL, client_id=first.client_id, order_id=9, at_ms=rig.now_ms)
    rig.done(order_report(first.client_id, OrderStatus.EXPIRED, "0.04", side=SELL, order_id=9, caused_by=half))
    assert rig.idle()
    rig.wait(1_000)
    second = rig.leaves(PlaceOrder)
    assert (second.quantity, second.reduce_only) == (Decimal("0.06"), True)
    assert second.client_id != first.client_id
    rig.done(rig.exit_filled(second.client_id, "0.06", 3))
    closed = rig.says(Closed)
    assert (closed.reason, len(closed.bracket.exit_fills)) == (CloseReason.TIME_EXIT, 2)


def test_a_lost_exit_is_asked_for_and_replaced_when_it_did_not_arrive() -> None:
    rig = Rig().guarded()
    first = closing(rig)
    rig.answered(TIMEOUT, after_ms=2_000)
    rig.wait(300)
    assert rig.leaves(QueryOrder, Lane.CLOSE).client_id == first.client_id
    rig.answered(NO_SUCH_ORDER)
    rig.wait(1_000)
    assert rig.leaves(PlaceOrder).client_id != first.client_id


def test_a_lost_exit_of_a_position_that_closed_otherwise_is_resolved_before_the_next_trade() -> None:
    rig = Rig().guarded()
    first = closing(rig)
    stop = rig.bracket.stop.client_id
    rig.hears(rig.exit_filled(stop))
    rig.answered(TIMEOUT, after_ms=2_000)
    rig.notices()
    asked = []
    while not rig.desk.free:
        rig.wait(100)
        if (request := rig.any_leaves()) is not None:
            assert isinstance(request, QueryOrder | CancelOrder)
            asked.append(request.client_id)
            rig.answered(NO_SUCH_ORDER)
        assert rig.now_ms < NOW + 10_000
    assert first.client_id in asked


def test_an_exit_that_worked_and_was_not_heard_of_again_does_not_block_the_symbol() -> None:
    rig = Rig().guarded()
    leaving = closing(rig)
    rig.done(order_report(leaving.client_id, OrderStatus.NEW, "0", side=SELL, order_id=9))
    rig.wait(10_000)
    closed = fill(2, side=SELL, client_id=leaving.client_id, order_id=9, at_ms=rig.now_ms)
    rig.reads(symbol_state(fills=(*rig.bracket.fills, closed)))
    assert any(isinstance(notice, Closed) for notice in rig.notices())
    report = Done(value=order_report(leaving.client_id, side=SELL, order_id=9))
    while not rig.desk.free:
        rig.wait(100)
        if (request := rig.any_leaves()) is not None:
            rig.answered(report if isinstance(request, QueryOrder) else NOTHING_TO_CANCEL)
        assert rig.now_ms < NOW + 60_000


def test_a_refused_cancel_for_another_reason_is_tried_again() -> None:
    rig = Rig().guarded()
    rig.done(rig.exit_filled(closing(rig).client_id))
    first = rig.leaves(CancelOrder)
    rig.answered(TIMEOUT)
    assert rig.leaves(CancelOrder) != first  # the take-profit meanwhile
    rig.answered(Done())
    assert rig.idle()
    rig.wait(300)
    assert rig.leaves(CancelOrder) == first
