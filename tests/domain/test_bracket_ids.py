"""Which orders and executions belong to a trade, by what is known of them."""

from __future__ import annotations

import msgspec

from tests.domain.money_builders import NOW, plan
from tests.kit.builders import SELL, algo_report, bracket, fill, ids, order_report
from vortex.domain import bracket as life
from vortex.domain.leg import LegState
from vortex.domain.order import AlgoStatus, OrderRole, Refused
from vortex.domain.recovery import recovered
from vortex.domain.trade import CloseReason

E, S = ids()[OrderRole.ENTRY], ids()[OrderRole.STOP]
BORN = 77
"""What the exchange calls the order that a triggered stop became."""


def triggered() -> life.Bracket:
    """A position whose stop has become an order."""
    entered = life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, caused_by=fill(1, client_id=E)), NOW)
    return life.on_algo(entered, algo_report(S, AlgoStatus.TRIGGERED, child=BORN), NOW)


def test_an_execution_of_what_the_stop_became_is_the_stops() -> None:
    closed = life.on_fills(triggered(), (fill(2, side=SELL, order_id=BORN),), NOW)
    assert closed.flat
    assert closed.why_closed() is CloseReason.SL_HIT


def test_a_report_is_known_by_the_exchanges_id_alone() -> None:
    ended = life.on_order(triggered(), order_report("x", side=SELL, order_id=BORN), NOW)
    assert ended.stop.state is LegState.FINAL
    assert life.leg_of(triggered(), "x") is None


def test_the_refusal_of_an_order_of_nobody_changes_nothing() -> None:
    before = triggered()
    assert life.on_outcome(before, "x", Refused(code=-2019, text="Margin"), NOW) == before


def test_executions_up_to_the_last_trades_last_are_not_ours() -> None:
    begun = life.begin(plan(), "trade-2", ids(2), NOW, after_fill_id=7)
    assert [one.fill_id for one in life.on_fills(begun, (fill(6), fill(7), fill(8)), NOW).fills] == [8]


def test_executions_are_asked_for_from_a_second_before_the_start() -> None:
    assert bracket().started_ms == NOW - 1_000


def test_sending_and_asking_are_remembered_by_time() -> None:
    sent = life.mark_sent(bracket(), E, NOW + 5)
    assert sent.entry.touched_ms == NOW + 5
    assert life.mark_asked(sent, E, NOW + 9).entry.touched_ms == NOW + 9


def test_misses_before_a_restart_do_not_count_after_it() -> None:
    sent = life.mark_sent(bracket(), E, NOW)
    doubted = life.put_leg(sent, msgspec.structs.replace(sent.entry, misses=4, missed_ms=NOW - 20_000))
    assert recovered(doubted).entry.misses == 0
