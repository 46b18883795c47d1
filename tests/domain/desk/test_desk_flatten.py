"""A symbol that is ordered flat, at every moment of a trade."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.domain.desk_rig import NO_SUCH_ORDER, NOTHING_TO_REDUCE, TIMEOUT, Rig, closed, flattened
from tests.kit.builders import algo_report, fill, order_report, symbol_state
from vortex.domain.desk.leg import LegState
from vortex.domain.desk.notices import Closed, Failed, Notice
from vortex.domain.desk.planning import Lane
from vortex.domain.order import (
    CancelOrder,
    Done,
    OrderKind,
    OrderStatus,
    PlaceOrder,
    QueryOrder,
    QuerySymbol,
    SetLeverage,
)
from vortex.domain.trade import CloseReason


def proven(rig: Rig) -> None:
    """The exchange says twice that nothing is there."""
    for _ in range(2):
        assert rig.desk.flattening
        rig.wait(1_000)
        rig.reads(symbol_state())
    assert not rig.desk.flattening


# ------------------------------------------------------------------------------------------------- before the entry


def test_a_flat_symbol_is_looked_at_twice() -> None:
    rig = flattened(Rig().ready())
    rig.wait(300)
    rig.reads(symbol_state())
    rig.wait(900)
    assert rig.idle()
    assert not rig.desk.free
    rig.wait(100)
    rig.reads(symbol_state())
    assert not rig.desk.flattening
    assert rig.desk.free
    rig.wait(5_000)
    assert rig.idle()


def test_an_answer_that_does_not_come_proves_nothing() -> None:
    rig = flattened(Rig().ready())
    for _ in range(3):
        rig.wait(1_000)
        rig.leaves(QuerySymbol)
        rig.answered(TIMEOUT)
    proven(rig)


@pytest.mark.parametrize("leverage", [20, 10])
def test_an_entry_that_has_not_left_never_does(leverage: int) -> None:
    rig = Rig().ready(symbol_state(leverage=leverage))
    rig.notices()
    rig.opens()
    if leverage == 10:
        rig.leaves(SetLeverage)
    flattened(rig)
    failed = rig.says(Failed)
    assert (failed.reason, failed.detail) == (CloseReason.ORDER_EXPIRED, "HALT")
    if leverage == 10:
        rig.done(20)
    proven(rig)
    assert rig.desk.free


def test_giving_up_an_entry_touches_nothing_that_has_left() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.desk.give_up_entry("paused", rig.now_ms)
    assert rig.bracket.entry.state is LegState.SENT
    guarded = Rig().guarded()
    before = guarded.bracket
    guarded.desk.give_up_entry("paused", guarded.now_ms)
    assert guarded.bracket == before


# -------------------------------------------------------------------------------------------------- during the entry


def test_an_entry_in_flight_is_closed_as_soon_as_it_has_a_quantity() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    flattened(rig)
    part = fill(1, "0.04", client_id=entry, at_ms=rig.now_ms)
    rig.hears(order_report(entry, OrderStatus.PARTIALLY_FILLED, "0.04", caused_by=part))
    assert rig.idle()  # its answer is still to come
    rest = fill(2, "0.06", client_id=entry, at_ms=rig.now_ms)
    rig.done(order_report(entry, caused_by=rest))
    leaving = rig.leaves(PlaceOrder, Lane.CLOSE)
    assert (leaving.kind, leaving.reduce_only, leaving.quantity) == (OrderKind.MARKET, True, Decimal("0.1"))
    rig.done(rig.exit_filled(leaving.client_id, number=3))
    assert closed(rig.notices()).reason is CloseReason.HALT
    proven(rig)


def test_an_unknown_entry_is_found_out_about_and_closed() -> None:
    rig = Rig()
    entry = rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    flattened(rig)
    rig.reads(symbol_state())
    rig.wait(300)
    rig.leaves(QueryOrder)
    rig.done(order_report(entry))
    rig.wait(300)
    rig.reads(symbol_state("0.1", fills=(fill(client_id=entry, at_ms=rig.now_ms),)))
    assert rig.leaves(PlaceOrder, Lane.CLOSE).reduce_only


def test_an_unknown_entry_that_never_arrived_fails_as_ever() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    flattened(rig)
    failed: list[Notice] = []
    while not failed:
        rig.wait(100)
        if (request := rig.any_leaves()) is not None:
            rig.done(symbol_state()) if isinstance(request, QuerySymbol) else rig.answered(NO_SUCH_ORDER)
        failed = rig.notices()
    assert [type(notice) for notice in failed] == [Failed]
    proven(rig)


# ----------------------------------------------------------------------------------------------- an open position


def test_a_naked_quantity_is_closed_instead_of_protected() -> None:
    rig = flattened(Rig().filled(), CloseReason.MANUAL)
    leaving = rig.leaves(PlaceOrder, Lane.CLOSE)
    rig.done(rig.exit_filled(leaving.client_id))
    assert closed(rig.notices()).reason is CloseReason.MANUAL


def test_a_protected_position_keeps_its_stop_until_it_is_closed_and_cleaned_behind() -> None:
    rig = flattened(Rig().guarded())
    leaving = rig.leaves(PlaceOrder, Lane.CLOSE)
    assert leaving.reduce_only
    assert rig.bracket.protected
    rig.done(rig.exit_filled(leaving.client_id))
    assert rig.says(Closed).reason is CloseReason.HALT
    for _ in range(2):
        assert rig.leaves(CancelOrder).conditional
        rig.answered(Done())
    proven(rig)


def test_a_trade_that_is_closing_keeps_its_first_reason() -> None:
    rig = Rig().guarded()
    rig.desk.close(rig.bracket.trade_id, CloseReason.TIME_EXIT)
    leaving = rig.leaves(PlaceOrder)
    flattened(rig)
    rig.done(rig.exit_filled(leaving.client_id))
    assert rig.says(Closed).reason is CloseReason.TIME_EXIT


def test_an_empty_position_alone_closes_nothing() -> None:
    rig = flattened(Rig().guarded())
    rig.leaves(PlaceOrder)
    rig.answered(NOTHING_TO_REDUCE, after_ms=300)
    for _ in range(3):
        request = rig.any_leaves()
        if isinstance(request, QuerySymbol):
            rig.done(symbol_state(fills=rig.bracket.fills))
        elif request is not None:
            rig.answered(NOTHING_TO_REDUCE)
        rig.wait(1_000)
    assert rig.desk.flattening
    assert not any(isinstance(notice, Closed) for notice in rig.notices())


def test_a_position_that_is_not_ours_is_left_alone() -> None:
    rig = flattened(Rig().ready(symbol_state("0.5")))
    for _ in range(4):
        rig.wait(1_000)
        request = rig.any_leaves()
        assert isinstance(request, QuerySymbol | None)
        if request is not None:
            rig.done(symbol_state("0.5"))
    assert not rig.desk.flattening
    assert not rig.desk.free


# --------------------------------------------------------------------------------------------------- after a restart


def test_a_trade_that_was_ordered_flat_goes_on_after_a_restart() -> None:
    before = flattened(Rig().guarded(), CloseReason.MANUAL)
    rig = Rig(before.bracket)
    assert rig.desk.flattening
    rig.now_ms = before.now_ms + 5_000
    resting = tuple(algo_report(leg.client_id) for leg in (before.bracket.stop, before.bracket.take_profit))
    rig.ready(symbol_state("0.1", algos=resting, fills=before.bracket.fills))
    assert rig.leaves(PlaceOrder, Lane.CLOSE).reduce_only


def test_a_trade_that_closes_by_itself_is_not_ordered_flat_after_a_restart() -> None:
    before = Rig().guarded()
    before.desk.close(before.bracket.trade_id, CloseReason.TIME_EXIT)
    assert not Rig(before.bracket).desk.flattening


def test_a_trade_found_again_while_its_symbol_is_ordered_flat_is_closed() -> None:
    lost = Rig().filled()
    rig = Rig()
    state = symbol_state("0.1", fills=lost.bracket.fills)
    rig.ready(state)
    flattened(rig, CloseReason.MANUAL)
    rig.wait(1_000)
    rig.reads(state)
    assert rig.bracket.close_reason is CloseReason.MANUAL
    leaving = rig.leaves(PlaceOrder, Lane.CLOSE)
    assert (leaving.reduce_only, leaving.quantity) == (True, Decimal("0.1"))
