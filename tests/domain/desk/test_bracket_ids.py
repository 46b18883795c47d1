"""Which orders and executions belong to a trade, by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest

from tests.domain.money_builders import NOW, plan
from tests.kit.builders import SELL, algo_report, bracket, fill, ids, order_report
from vortex.domain.desk import bracket as life
from vortex.domain.desk.leg import GONE, LegState
from vortex.domain.desk.recovery import recovered
from vortex.domain.order import AlgoStatus, Done, OrderRole, Refused
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


# ------------------------------------------------------------------------------------------ in place of another order


def guarded() -> life.Bracket:
    """A position with a stop that rests."""
    entered = life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, caused_by=fill(1, client_id=E)), NOW)
    return life.on_outcome(life.mark_sent(entered, S, NOW), S, Done(value=algo_report(S)), NOW)


def lost_and_replaced() -> tuple[life.Bracket, str]:
    """The exchange did not find the resting stop, and another was sent; returns the trade and its client id."""
    lost = life.put_leg(guarded(), msgspec.structs.replace(guarded().stop, state=LegState.FINAL, detail=GONE))
    assert lost.replaceable(lost.stop)
    again = ids(3)[OrderRole.STOP]
    return life.mark_sent(lost, again, NOW), again


def test_a_stop_that_rests_already_is_the_one_that_was_taken_for_gone() -> None:
    replaced, again = lost_and_replaced()
    assert (replaced.stop.former, replaced.stop.lost, replaced.stop.tries) == ((S,), (S,), 1)
    taken = Refused(code=life.ALREADY_RESTS, text="existing")
    stop = life.on_outcome(replaced, again, taken, NOW).stop
    assert (stop.client_id, stop.state, stop.former, stop.lost, stop.tries) == (S, LegState.WORKING, (), (), 0)


def test_a_lost_order_that_is_known_to_have_ended_is_lost_no_more() -> None:
    replaced, _ = lost_and_replaced()
    assert life.on_algo(replaced, algo_report(S), NOW).stop.lost == (S,)
    assert life.on_algo(replaced, algo_report(S, AlgoStatus.CANCELED), NOW).stop.lost == ()
    assert life.on_algo(replaced, algo_report("other", AlgoStatus.CANCELED), NOW).stop.lost == (S,)


@pytest.mark.parametrize(
    ("stop", "replaceable"),
    [
        ({"state": LegState.WORKING, "detail": "CANCELED"}, False),
        ({"detail": "CANCELED"}, True),
        ({"detail": "EXPIRED"}, True),
        ({"detail": GONE}, True),
        ({"detail": "FINISHED"}, False),
        ({"detail": "CANCELED", "tries": life.MAX_REPLACEMENTS - 1}, True),
        ({"detail": "CANCELED", "tries": life.MAX_REPLACEMENTS}, False),
        ({"detail": "CANCELED", "refused": True, "code": -2021}, False),
        *(({"refused": True, "code": code}, True) for code in (-1003, -1008, -1015, -1021, 418, 429)),
        ({"refused": True, "code": -1102}, False),
    ],
)
def test_which_stop_another_may_take_the_place_of(stop: Mapping[str, Any], replaceable: bool) -> None:  # noqa: FBT001  # a parameter of the table
    leg = msgspec.structs.replace(guarded().stop, **{"state": LegState.FINAL, **stop})
    assert guarded().replaceable(leg) is replaceable


# ------------------------------------------------------------------------------------------------- what is still open


def test_an_outcome_is_open_while_any_orders_is() -> None:
    sent = life.mark_sent(guarded(), E, NOW)
    doubted = life.put_leg(sent, msgspec.structs.replace(sent.stop, state=LegState.UNKNOWN))
    assert (sent.unresolved, doubted.unresolved) == (False, True)


def test_an_order_that_stayed_here_is_over_and_one_of_nobody_changes_nothing() -> None:
    sent = life.mark_sent(bracket(), E, NOW)
    ended = life.on_never_left(sent, E, "the gate closed", NOW + 7).entry
    assert (ended.state, ended.detail, ended.touched_ms) == (LegState.FINAL, "the gate closed", NOW + 7)
    assert life.on_never_left(sent, "web_1", "the gate closed", NOW) == sent


def test_an_execution_is_missing_while_the_exchange_reports_more_than_we_have() -> None:
    sent = life.mark_sent(bracket(), E, NOW)
    told = life.on_order(sent, order_report(E), NOW)
    assert told.entry.executed > 0
    assert (sent.executions_missing, told.executions_missing) == (False, True)
    assert not life.on_fills(told, (fill(1, client_id=E),), NOW).executions_missing
