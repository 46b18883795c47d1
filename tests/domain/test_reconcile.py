"""The exchange's whole truth corrects what we believe, and never takes absence for proof."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.domain.money_builders import NOW
from tests.kit.builders import SELL, algo_report, bracket, fill, ids, order_report, symbol_state
from vortex.domain import bracket as life
from vortex.domain.bracket import Bracket
from vortex.domain.leg import LegState
from vortex.domain.order import AlgoReport, AlgoStatus, Done, OrderRole, OrderStatus, Unknown
from vortex.domain.reconcile import with_state
from vortex.domain.trade import CloseReason

E, S, T, X = (ids()[role] for role in OrderRole)
FILLS = (fill(1, client_id=E),)
STOP, TARGET = algo_report(S), algo_report(T)


def guarded() -> Bracket:
    now = life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, caused_by=FILLS[0]), NOW)
    for client_id in (S, T):
        now = life.on_outcome(life.mark_sent(now, client_id, NOW), client_id, Done(value=algo_report(client_id)), NOW)
    return now


def unknown(now: Bracket, client_id: str) -> Bracket:
    return life.on_outcome(life.mark_sent(now, client_id, NOW), client_id, Unknown(text="timeout"), NOW)


def test_agreement_changes_only_the_liquidation_price() -> None:
    state = symbol_state("0.1", algos=(STOP, TARGET), fills=FILLS, liquidation="57300")
    now = with_state(guarded(), state, NOW)
    assert now.liquidation_price == Decimal(57_300)
    assert now.legs == guarded().legs


def test_what_the_exchange_lists_is_found() -> None:
    lost = unknown(unknown(guarded(), S), T)
    now = with_state(lost, symbol_state("0.1", algos=(STOP, TARGET), fills=FILLS), NOW)
    assert (now.stop.state, now.take_profit.state) == (LegState.WORKING, LegState.WORKING)


@pytest.mark.parametrize("listed", [(), (TARGET,)])
def test_a_stop_that_is_not_listed_protects_no_more_and_is_asked_for(listed: tuple[AlgoReport, ...]) -> None:
    now = with_state(guarded(), symbol_state("0.1", algos=listed, fills=FILLS), NOW + 500)
    assert (now.stop.state, now.protected, now.naked_since_ms) == (LegState.UNKNOWN, False, NOW + 500)
    assert now.close_reason is None


def test_an_order_that_worked_and_is_not_listed_is_asked_for() -> None:
    working = life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, OrderStatus.NEW, "0"), NOW)
    assert with_state(working, symbol_state(), NOW).entry.state is LegState.UNKNOWN
    listed = symbol_state(orders=(order_report(E, OrderStatus.NEW, "0"),))
    assert with_state(working, listed, NOW).entry.state is LegState.WORKING


def test_an_unknown_entry_with_executions_is_final() -> None:
    now = with_state(unknown(bracket(), E), symbol_state("0.1", fills=FILLS), NOW)
    assert (now.entry.state, now.entry_complete, now.naked_since_ms) == (LegState.FINAL, True, NOW)


def test_an_unknown_entry_without_executions_stays_unknown_whatever_the_position_says() -> None:
    for amount in ("0", "0.1"):
        assert with_state(unknown(bracket(), E), symbol_state(amount), NOW).entry.state is LegState.UNKNOWN


def test_flat_needs_executions_not_an_empty_position() -> None:
    now = with_state(guarded(), symbol_state("0"), NOW)
    assert (now.over, now.open_quantity) == (False, Decimal("0.1"))


def test_closing_executions_close_whoever_ordered_them() -> None:
    closing = fill(2, side=SELL, client_id="web_1", order_id=9)
    now = with_state(guarded(), symbol_state("0", fills=(*FILLS, closing)), NOW)
    assert (now.flat, now.why_closed()) == (True, CloseReason.EXTERNAL)


def ended() -> Bracket:
    return life.on_algo(guarded(), algo_report(S, AlgoStatus.FINISHED), NOW)


def test_a_stop_that_ended_with_the_position_open_closes_it() -> None:
    now = with_state(ended(), symbol_state("0.1", algos=(TARGET,), fills=FILLS), NOW)
    assert now.close_reason is CloseReason.PROTECTION_FAILED


def test_a_stop_that_ended_closes_nothing_while_its_executions_are_on_their_way() -> None:
    flat = with_state(ended(), symbol_state("0", fills=FILLS), NOW)
    assert flat.close_reason is None
    child = life.on_order(ended(), order_report(S, side=SELL, order_id=9), NOW)
    assert child.executions_missing
    assert with_state(child, symbol_state("0.1", fills=FILLS), NOW).close_reason is None


def test_an_exit_is_not_believed_lost_because_it_is_not_listed() -> None:
    leaving = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    now = with_state(leaving, symbol_state("0.1", algos=(STOP, TARGET), fills=FILLS), NOW)
    assert now.exit is not None
    assert now.exit.state is LegState.SENT
