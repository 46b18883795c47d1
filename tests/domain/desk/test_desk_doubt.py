"""What a desk does when events may be lost, when a listener is replaced, and after a restart."""

from __future__ import annotations

from tests.domain.desk_rig import Rig
from tests.kit.builders import fill, order_report, symbol_state
from vortex.domain.desk.leg import LegState
from vortex.domain.desk.notices import Opened, Reconciled
from vortex.domain.order import (
    Done,
    OrderKind,
    PlaceOrder,
    QueryOrder,
)
from vortex.domain.trade import CloseReason


def test_doubt_is_settled_before_an_entry() -> None:
    rig = Rig().ready()
    rig.wait(1_000)
    rig.desk.distrust()
    rig.opens()
    rig.reads(symbol_state())
    rig.leaves(PlaceOrder)


def test_a_new_listener_is_told_what_is_true_now() -> None:
    rig = Rig().guarded()
    rig.desk.rejoin()
    first, second = rig.notices()
    assert isinstance(first, Reconciled)
    assert isinstance(second, Opened)
    assert second.trade.protected
    Rig().desk.rejoin()
    assert Rig().notices() == []  # nothing is true before the truth was read


def test_a_trade_found_in_the_journal_is_asked_for_before_anything_else() -> None:
    before = Rig()
    entry = before.entry_sent()
    rig = Rig(before.bracket)
    assert rig.bracket.entry.state is LegState.UNKNOWN
    rig.now_ms = before.now_ms + 5_000
    rig.ready()
    rig.notices()
    rig.wait(300)
    assert rig.leaves(QueryOrder).client_id == entry
    rig.answered(Done(value=order_report(entry)))
    rig.wait(300)
    rig.reads(symbol_state("0.1", fills=(fill(client_id=entry, at_ms=before.now_ms),)))
    rig.says(Opened)
    assert rig.leaves(PlaceOrder).kind is OrderKind.STOP_MARKET


def test_a_naked_position_found_in_the_journal_has_a_second_from_when_it_is_seen() -> None:
    before = Rig().filled()
    rig = Rig(before.bracket)
    rig.now_ms = before.now_ms + 60_000
    rig.desk.on_time(rig.now_ms)
    assert rig.bracket.close_reason is None
    rig.ready(symbol_state("0.1", fills=before.bracket.fills))
    assert rig.leaves(PlaceOrder).kind is OrderKind.STOP_MARKET
    rig.wait(900)
    assert rig.bracket.close_reason is None
    rig.wait(100)
    assert rig.bracket.close_reason is CloseReason.PROTECTION_FAILED


def test_a_restart_does_not_prolong_the_time_without_a_stop() -> None:
    before = Rig().filled()
    naked_ms = before.bracket.naked_since_ms
    assert naked_ms is not None
    rig = Rig(before.bracket)
    rig.now_ms = naked_ms + 500
    rig.ready(symbol_state("0.1", fills=before.bracket.fills))
    rig.wait(naked_ms + 2_999 - rig.now_ms)
    assert rig.bracket.close_reason is None
    rig.wait(1)
    assert rig.bracket.close_reason is CloseReason.PROTECTION_FAILED


def test_a_process_is_unsettled_between_orders_only() -> None:
    rig = Rig().ready()
    assert not rig.desk.unsettled
    rig.opens()
    assert rig.desk.unsettled
    guarded = Rig().guarded()
    assert not guarded.desk.unsettled
    guarded.desk.close(guarded.bracket.trade_id, CloseReason.MANUAL)
    assert guarded.desk.unsettled
