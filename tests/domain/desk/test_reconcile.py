"""The exchange's whole truth corrects what we believe, and never takes absence for proof."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.domain.money_builders import NOW, SYMBOL
from tests.kit.builders import SELL, algo_report, bracket, fill, ids, order_report, symbol_state
from vortex.domain.client_id import OrderIds
from vortex.domain.desk import bracket as life
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import LegState, successor
from vortex.domain.desk.reconcile import with_funding, with_state
from vortex.domain.order import AlgoReport, AlgoStatus, Done, FundingState, OrderRole, OrderSide, OrderStatus, Unknown
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


def test_an_unknown_entry_is_found_with_all_that_it_executed() -> None:
    entry = with_state(unknown(bracket(), E), symbol_state("0.1", fills=FILLS), NOW).entry
    assert (entry.executed, entry.detail) == (Decimal("0.1"), "found by fills")


def test_an_entry_that_rests_is_not_over_for_its_executions() -> None:
    working = life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, OrderStatus.NEW, "0"), NOW)
    listed = symbol_state("0.1", orders=(order_report(E, OrderStatus.NEW, "0"),), fills=FILLS)
    assert with_state(working, listed, NOW).entry.state is LegState.WORKING


@pytest.mark.parametrize(("amount", "misses"), [("0.1", 0), ("0", 3), ("-0.1", 3)])
def test_a_position_speaks_for_an_entry_that_was_not_found(amount: str, misses: int) -> None:
    entry = msgspec.structs.replace(unknown(bracket(), E).entry, misses=3)
    doubted = life.put_leg(unknown(bracket(), E), entry)
    assert with_state(doubted, symbol_state(amount), NOW).entry.misses == misses


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
    closed = symbol_state("0.1", fills=(*FILLS, fill(2, side=SELL, client_id=S, order_id=9)))
    assert with_state(ended(), closed, NOW).close_reason is None, "the position lags behind its executions"
    child = life.on_order(ended(), order_report(S, side=SELL, order_id=9), NOW)
    assert child.executions_missing
    assert with_state(child, symbol_state("0.1", fills=FILLS), NOW).close_reason is None


def test_an_exit_is_not_believed_lost_because_it_is_not_listed() -> None:
    leaving = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    now = with_state(leaving, symbol_state("0.1", algos=(STOP, TARGET), fills=FILLS), NOW)
    assert now.exit is not None
    assert now.exit.state is LegState.SENT


@pytest.mark.parametrize(("waited_ms", "booked"), [(30_000, None), (30_001, Decimal(0))])
def test_funding_that_was_heard_of_and_is_not_listed_is_waited_for_half_a_minute(
    waited_ms: int, booked: Decimal | None
) -> None:
    closing = fill(2, side=SELL, client_id="web_1", order_id=9)
    flat = with_state(life.hear_funding(guarded()), symbol_state("0", fills=(*FILLS, closing)), NOW)
    none = FundingState(symbol=SYMBOL, payments=0, amount_usdt=Decimal(0))
    assert with_funding(flat, none, closing.ts_ms + waited_ms).funding_usdt == booked


# ------------------------------------------------------------------------------ what rests of a process before this one

THIS_PROCESS = OrderIds("main", SYMBOL, epoch=2)
FORMER = {role: f"v7-main-{SYMBOL}-1-7{role.value}" for role in OrderRole}


def filled() -> Bracket:
    return life.on_order(life.mark_sent(bracket(), E, NOW), order_report(E, caused_by=FILLS[0]), NOW)


def test_what_a_former_process_left_resting_protects_the_trade() -> None:
    stop, target = algo_report(FORMER[OrderRole.STOP]), algo_report(FORMER[OrderRole.TAKE_PROFIT])
    state = symbol_state("0.1", algos=(target, stop), fills=FILLS)
    now = with_state(filled(), state, NOW, THIS_PROCESS)
    assert (now.stop.client_id, now.stop.state, now.protected) == (stop.client_id, LegState.WORKING, True)
    assert (now.take_profit.client_id, now.take_profit.state) == (target.client_id, LegState.WORKING)
    assert (now.stop.former, now.stop.tries) == ((S,), filled().stop.tries + 1)
    assert with_state(filled(), state, NOW).stop.client_id == S, "nothing is known again without the ids"


@pytest.mark.parametrize(
    "stray",
    [
        algo_report(f"v7-main-{SYMBOL}-2-7S"),
        algo_report(f"v7-main-{SYMBOL}-3-7S"),
        algo_report(f"v7-other-{SYMBOL}-1-7S"),
        algo_report("web_1S"),
        algo_report(FORMER[OrderRole.STOP], side=OrderSide.BUY),
        msgspec.structs.replace(algo_report(FORMER[OrderRole.STOP]), close_position=False),
    ],
    ids=("of this process", "of a later one", "of another account", "a person's", "of the other side", "of a quantity"),
)
def test_a_stray_order_is_not_taken_for_the_stop(stray: AlgoReport) -> None:
    state = symbol_state("0.1", algos=(stray,), fills=FILLS)
    assert with_state(filled(), state, NOW, THIS_PROCESS) == with_state(filled(), state, NOW)


@pytest.mark.parametrize("of_before", [THIS_PROCESS, None])
def test_a_stop_that_rests_is_not_replaced_by_a_former_one(of_before: OrderIds | None) -> None:
    state = symbol_state("0.1", algos=(algo_report(FORMER[OrderRole.STOP]), STOP, TARGET), fills=FILLS)
    assert with_state(guarded(), state, NOW, of_before).stop == guarded().stop


def test_a_former_stop_that_is_known_takes_no_place_again() -> None:
    again = successor(guarded().stop, OrderRole.STOP, f"v7-main-{SYMBOL}-1-2S")
    replaced = unknown(life.put_leg(guarded(), again), again.client_id)
    for listed in (STOP, algo_report(again.client_id)):
        state = symbol_state("0.1", algos=(listed, TARGET), fills=FILLS)
        assert with_state(replaced, state, NOW, THIS_PROCESS) == with_state(replaced, state, NOW)
