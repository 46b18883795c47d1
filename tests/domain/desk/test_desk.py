"""A symbol's dealings with the exchange, step by step: what leaves next, and what is said."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.domain.desk_rig import NO_SUCH_ORDER, NOTHING_TO_CANCEL, TIMEOUT, Rig
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.builders import BUY, SELL, SETUP, algo_report, fill, order_report, symbol_state
from vortex.domain.desk.notices import Failed, Foreign, Opened, ProtectionChanged, Reconciled
from vortex.domain.desk.planning import Lane
from vortex.domain.order import (
    CancelOrder,
    Done,
    OrderKind,
    OrderStatus,
    PlaceOrder,
    PrepareSymbol,
    QueryOrder,
    QuerySymbol,
    Refused,
    SetLeverage,
)
from vortex.domain.trade import CloseReason

# ------------------------------------------------------------------------------------------------------- the beginning


def test_rules_and_truth_are_read_before_anything_else() -> None:
    rig = Rig()
    assert not rig.desk.free
    rig.leaves(PrepareSymbol, Lane.RECONCILE)
    rig.answered(Done(value=SETUP))
    assert rig.idle()  # questions keep their distance
    rig.wait(300)
    rig.leaves(QuerySymbol)
    assert not rig.desk.free
    rig.done(symbol_state())
    rig.says(Reconciled)
    assert rig.desk.free


def test_a_question_without_an_answer_is_asked_again() -> None:
    rig = Rig()
    for _ in range(3):
        rig.leaves(PrepareSymbol)
        rig.answered(TIMEOUT)
        rig.wait(300)
    rig.leaves(PrepareSymbol)
    rig.answered(Done(value=SETUP))
    for _ in range(3):
        rig.wait(300)
        rig.leaves(QuerySymbol)
        rig.answered(TIMEOUT)
    assert not rig.desk.reconciled


def test_an_answer_to_a_predecessors_question_does_not_stand_for_the_rules() -> None:
    rig = Rig()
    rig.leaves(PrepareSymbol)
    rig.desk.on_reply(QuerySymbol(symbol=SYMBOL, fills_since_ms=NOW - 5_000), Done(value=symbol_state()), NOW)
    assert not rig.desk.reconciled
    assert rig.notices() == []
    rig.answered(Done(value=SETUP), after_ms=300)
    rig.reads(symbol_state())
    rig.says(Reconciled)


def test_a_trade_on_a_desk_that_is_not_free_is_a_defect_of_the_caller() -> None:
    with pytest.raises(RuntimeError, match="not free"):
        Rig().opens()
    rig = Rig().ready()
    rig.opens()
    with pytest.raises(RuntimeError, match="not free"):
        rig.opens()


def test_a_foreign_position_blocks_until_it_has_gone() -> None:
    rig = Rig().ready(symbol_state("0.5"))
    assert [type(notice) for notice in rig.notices()] == [Reconciled, Foreign]
    assert not rig.desk.free
    rig.wait(30_000)
    rig.reads(symbol_state())
    for _ in range(5):  # an empty answer is no evidence: it may be old
        assert rig.notices() == []
        rig.wait(2_000)
        rig.reads(symbol_state())
    assert rig.says(Foreign).amount == 0
    assert rig.desk.free


def test_a_foreign_position_is_looked_at_again_soon_as_it_may_be_our_own_past() -> None:
    rig = Rig().ready(symbol_state("0.5"))
    rig.wait(300)
    rig.reads(symbol_state("0.5"))
    rig.wait(300)
    assert rig.idle()


def test_listeners_who_join_late_hear_of_a_foreign_position() -> None:
    rig = Rig().ready(symbol_state("0.5"))
    rig.notices()
    rig.desk.rejoin()
    assert [type(notice) for notice in rig.notices()] == [Reconciled, Foreign]


# ------------------------------------------------------------------------------------------------------------ the entry


def test_a_trade_goes_from_entry_to_stop_to_take_profit_to_a_second_look() -> None:
    rig = Rig().ready()
    rig.notices()
    entry = rig.opens()
    request = rig.leaves(PlaceOrder, Lane.ENTRY)
    assert (request.client_id, request.side, request.kind, request.quantity) == (
        entry, BUY, OrderKind.MARKET, Decimal("0.1"),
    )  # fmt: skip
    assert (request.reduce_only, request.close_position) == (False, False)
    rig.done(order_report(entry, caused_by=fill(client_id=entry, at_ms=rig.now_ms)))
    assert rig.says(Opened).trade.protected is False

    stop = rig.leaves(PlaceOrder, Lane.STOP)
    assert (stop.kind, stop.side, stop.trigger_price, stop.close_position, stop.quantity) == (
        OrderKind.STOP_MARKET, SELL, Decimal("59915.4"), True, None,
    )  # fmt: skip
    rig.done(algo_report(stop.client_id))
    assert rig.says(ProtectionChanged).protected is True

    target = rig.leaves(PlaceOrder)
    assert (target.kind, target.trigger_price, target.close_position) == (
        OrderKind.TAKE_PROFIT_MARKET, Decimal("60253.8"), True,
    )  # fmt: skip
    rig.done(algo_report(target.client_id))
    rig.wait(300)
    resting = (algo_report(stop.client_id), algo_report(target.client_id))
    rig.reads(symbol_state("0.1", algos=resting, fills=rig.bracket.fills, liquidation="57300"))
    assert rig.desk.trade is not None
    assert rig.desk.trade.liquidation_price == Decimal(57_300)
    assert rig.says(ProtectionChanged).liquidation_price == Decimal(57_300)
    for _ in range(3):
        assert rig.idle()
        rig.wait(3_000)
        assert rig.leaves(QueryOrder, Lane.RECONCILE).client_id == stop.client_id  # an event may have been lost
        rig.done(algo_report(stop.client_id))
    rig.wait(1_000)
    rig.leaves(QuerySymbol)


def test_the_stop_leaves_at_the_first_execution_while_the_entry_still_fills() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.done(order_report(entry, OrderStatus.NEW, "0"))
    part = fill(1, "0.04", client_id=entry, at_ms=rig.now_ms)
    rig.hears(order_report(entry, OrderStatus.PARTIALLY_FILLED, "0.04", caused_by=part))
    assert rig.leaves(PlaceOrder).kind is OrderKind.STOP_MARKET
    assert rig.notices() == []  # not open before the entry is complete


def test_a_fill_before_the_answer_opens_the_trade_once() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    report = order_report(entry, caused_by=fill(client_id=entry, at_ms=rig.now_ms))
    rig.hears(report)
    rig.says(Opened)
    rig.done(order_report(entry, OrderStatus.NEW, "0"))
    rig.hears(report)
    assert rig.notices() == []
    assert rig.desk.trade is not None
    assert rig.desk.trade.quantity == Decimal("0.1")


def test_leverage_is_set_before_an_entry_only_when_it_differs() -> None:
    rig = Rig().ready(symbol_state(leverage=10))
    entry = rig.opens()
    assert rig.leaves(SetLeverage, Lane.ENTRY).leverage == 20
    rig.done(20)
    assert rig.leaves(PlaceOrder).client_id == entry


def test_a_refused_leverage_ends_the_entry_with_nothing_sent() -> None:
    rig = Rig().ready(symbol_state(leverage=10))
    rig.notices()
    rig.opens()
    rig.leaves(SetLeverage)
    rig.answered(Refused(code=-4028, text="Leverage is not valid"))
    failed = rig.says(Failed)
    assert (failed.reason, failed.detail) == (CloseReason.ORDER_EXPIRED, "leverage 20: -4028 Leverage is not valid")
    assert rig.desk.free


def test_a_leverage_of_unknown_outcome_is_set_again_whatever_an_answer_says() -> None:
    rig = Rig().ready(symbol_state(leverage=10))
    entry = rig.opens()
    rig.leaves(SetLeverage)
    rig.answered(TIMEOUT, after_ms=300)
    rig.reads(symbol_state(leverage=20))
    rig.leaves(SetLeverage)
    rig.done(20)
    assert rig.leaves(PlaceOrder).client_id == entry


@pytest.mark.parametrize(("age_ms", "sent"), [(500, True), (501, False)])
def test_an_entry_on_an_old_book_is_given_up_without_sending(age_ms: int, sent: bool) -> None:  # noqa: FBT001  # a parameter of the table
    rig = Rig().ready()
    rig.notices()
    rig.opens(plan(book_ms=rig.now_ms - age_ms))
    if sent:
        rig.leaves(PlaceOrder)
        return
    assert rig.idle()
    failed = rig.says(Failed)
    assert (failed.reason, failed.detail) == (
        CloseReason.ORDER_EXPIRED, "the book that decided is 501 ms old",
    )  # fmt: skip
    assert rig.desk.free


def test_a_refused_entry_fails_in_the_exchanges_words_and_frees_the_symbol() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.answered(Refused(code=-2019, text="Margin is insufficient."))
    failed = rig.says(Failed)
    assert (failed.reason, failed.detail) == (CloseReason.ORDER_REJECTED, "-2019 Margin is insufficient.")
    assert rig.desk.free


def test_a_refusal_does_not_settle_a_doubt() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.desk.distrust()
    rig.answered(Refused(code=-2019, text="Margin is insufficient."), after_ms=300)
    rig.leaves(QuerySymbol)


def test_an_expired_entry_without_execution_fails() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.done(order_report(entry, OrderStatus.EXPIRED, "0"))
    assert rig.says(Failed).reason is CloseReason.ORDER_EXPIRED
    assert rig.desk.free


def test_an_unknown_entry_that_is_found_goes_on_to_its_stop() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    assert rig.desk.unresolved
    rig.reads(symbol_state())  # not executed yet, as far as one can see
    assert rig.idle()  # questions keep their distance
    rig.wait(300)
    query = rig.leaves(QueryOrder)
    assert (query.client_id, query.conditional) == (entry, False)
    rig.answered(NO_SUCH_ORDER)  # not listed yet
    rig.wait(300)
    rig.leaves(QueryOrder)
    rig.done(order_report(entry))
    assert rig.notices() == []  # executed, but its executions are not known
    rig.leaves(QuerySymbol)
    rig.done(symbol_state("0.1", fills=(fill(client_id=entry, at_ms=rig.now_ms),)))
    rig.says(Opened)
    assert rig.leaves(PlaceOrder).kind is OrderKind.STOP_MARKET


def test_an_unknown_entry_found_by_its_executions_goes_on_too() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    rig.desk.distrust()
    rig.reads(symbol_state("0.1", fills=(fill(client_id=entry, at_ms=rig.now_ms),)))
    rig.says(Opened)
    assert rig.leaves(PlaceOrder).kind is OrderKind.STOP_MARKET


def test_an_unknown_entry_never_arrived_after_five_misses_over_ten_seconds() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    lost_ms, asked = rig.now_ms, 0
    while not rig.notices():
        rig.wait(100)
        if (request := rig.any_leaves()) is not None:
            asked += isinstance(request, QueryOrder)
            rig.done(symbol_state()) if isinstance(request, QuerySymbol) else rig.answered(NO_SUCH_ORDER)
        assert rig.now_ms < lost_ms + 15_000
    assert asked >= 5
    assert rig.now_ms - lost_ms >= 10_000
    assert rig.desk.free


def test_nothing_new_is_sent_while_the_entry_is_unknown() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    for _ in range(60):
        if (request := rig.any_leaves()) is not None:
            assert isinstance(request, QueryOrder | QuerySymbol)
            rig.answered(TIMEOUT)
        rig.wait(300)
    assert not rig.desk.free


def test_an_entry_that_worked_and_was_not_heard_of_again_is_asked_for() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.done(order_report(entry, OrderStatus.NEW, "0"))
    rig.wait(30_000)
    assert rig.leaves(CancelOrder).client_id == entry
    rig.answered(NOTHING_TO_CANCEL)  # so it may have executed
    rig.reads(symbol_state("0.1", fills=(fill(client_id=entry, at_ms=rig.now_ms),)))
    rig.says(Opened)


def test_what_an_entry_does_not_execute_soon_is_cancelled() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    part = fill(quantity="0.04", client_id=entry, at_ms=rig.now_ms)
    rig.done(order_report(entry, OrderStatus.PARTIALLY_FILLED, "0.04", caused_by=part))
    for _ in range(2):  # what is open already is protected meanwhile
        rig.done(algo_report(rig.leaves(PlaceOrder, Lane.STOP).client_id))
    assert rig.idle()
    rig.wait(1_500)
    assert rig.leaves(CancelOrder).client_id == entry
    rig.done(order_report(entry, OrderStatus.CANCELED, "0.04"))
    opened = rig.says(Opened)
    assert (opened.trade.quantity, opened.trade.protected) == (Decimal("0.04"), True)
