"""One trade's orders: facts in any order, twice or late, lead to the same trade."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.money_builders import NOW, plan
from tests.kit.builders import SELL, algo_report, bracket, fill, ids, order_report
from vortex.domain.desk import bracket as life
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import Leg, LegState, advance
from vortex.domain.desk.recovery import recovered
from vortex.domain.order import ZERO, AlgoStatus, Done, OrderRole, OrderStatus, Outcome, Refused, Unknown
from vortex.domain.trade import CloseReason

E, S, T, X = (ids()[role] for role in OrderRole)
STARTED = bracket()

Step = Callable[[Bracket], Bracket]


def entered(after: Bracket = STARTED) -> Bracket:
    """The entry was sent and filled."""
    sent = life.mark_sent(after, E, NOW)
    return life.on_order(sent, order_report(E, caused_by=fill(1, client_id=E)), NOW + 100)


def guarded() -> Bracket:
    """A position with its stop and take-profit resting."""
    now = entered()
    for client_id in (S, T):
        now = life.on_outcome(life.mark_sent(now, client_id, NOW), client_id, Done(value=algo_report(client_id)), NOW)
    return now


def exited(after: Bracket, reason: CloseReason = CloseReason.TIME_EXIT) -> Bracket:
    """Our exit was sent and filled."""
    sent = life.mark_sent(life.order_close(after, reason), X, NOW)
    closing = fill(2, side=SELL, client_id=X, order_id=9)
    return life.on_order(sent, order_report(X, side=SELL, order_id=9, caused_by=closing), NOW)


# ------------------------------------------------------------------------------------------------------- a leg's life


def test_a_new_trade_has_three_idle_legs_and_no_quantity() -> None:
    assert [leg.state for leg in STARTED.legs] == [LegState.IDLE] * 3
    assert (STARTED.filled, STARTED.over, STARTED.protected) == (ZERO, False, False)


@pytest.mark.parametrize(
    ("outcome", "state", "refused"),
    [
        (Done(value=order_report(E)), LegState.FINAL, False),
        (Done(value=order_report(E, OrderStatus.NEW, "0")), LegState.WORKING, False),
        (Refused(code=-2019, text="Margin is insufficient."), LegState.FINAL, True),
        (Refused(code=-4116, text="ClientOrderId is duplicated."), LegState.UNKNOWN, False),
        (Unknown(text="timeout"), LegState.UNKNOWN, False),
    ],
)
def test_the_answer_to_an_order_decides_what_is_known(outcome: Outcome, state: LegState, refused: bool) -> None:  # noqa: FBT001  # a parameter of the table
    entry = life.on_outcome(life.mark_sent(STARTED, E, NOW), E, outcome, NOW + 50).entry
    assert (entry.state, entry.refused) == (state, refused)


def test_a_refusal_keeps_the_exchanges_own_words() -> None:
    refused = life.on_outcome(life.mark_sent(STARTED, E, NOW), E, Refused(code=-2019, text="Margin"), NOW)
    assert refused.entry.detail == "-2019 Margin"
    assert refused.failed


def test_that_a_stop_rests_already_is_believed_only_if_one_of_ours_may() -> None:
    sent = life.mark_sent(entered(), S, NOW)
    answered = life.on_outcome(sent, S, Refused(code=life.ALREADY_RESTS, text="existing"), NOW)
    assert (answered.stop.state, answered.stop.refused, answered.protected) == (LegState.FINAL, True, False)
    assert answered.naked_since_ms == sent.naked_since_ms


def test_an_unknown_answer_does_not_unlearn_what_the_stream_said() -> None:
    told = entered()
    assert life.on_outcome(told, E, Unknown(text="timeout"), NOW) == told


def test_an_answer_about_a_foreign_order_changes_nothing() -> None:
    assert life.on_outcome(STARTED, "web_1", Unknown(text="timeout"), NOW) == STARTED
    assert life.on_query(STARTED, "web_1", Unknown(text="timeout"), NOW) == STARTED
    assert life.on_algo(STARTED, algo_report("web_1S"), NOW) == STARTED
    assert life.mark_asked(STARTED, "web_1", NOW) == STARTED
    assert life.on_report(STARTED, None, NOW) == STARTED


@given(st.permutations(list(LegState)), st.sampled_from(LegState))
def test_a_final_leg_stays_final(states: list[LegState], other: LegState) -> None:
    leg = Leg(role=OrderRole.STOP, client_id=S, state=LegState.SENT)
    leg = advance(leg, LegState.FINAL, now_ms=NOW, detail="FINISHED")
    for state in (*states, other):
        leg = advance(leg, state, now_ms=NOW + 1, detail="later", refused=True)
    assert (leg.state, leg.detail, leg.refused) == (LegState.FINAL, "FINISHED", False)


def test_a_late_confirmation_does_not_bring_a_stop_back() -> None:
    gone = life.on_algo(guarded(), algo_report(S, AlgoStatus.CANCELED), NOW)
    assert life.on_algo(gone, algo_report(S, AlgoStatus.NEW), NOW).stop.state is LegState.FINAL
    firing = life.on_algo(guarded(), algo_report(S, AlgoStatus.TRIGGERED, child=5), NOW)
    assert life.on_algo(firing, algo_report(S, AlgoStatus.NEW), NOW).stop.state is LegState.FIRING


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (AlgoStatus.NEW, LegState.WORKING),
        (AlgoStatus.TRIGGERING, LegState.FIRING),
        (AlgoStatus.TRIGGERED, LegState.FIRING),
        (AlgoStatus.FINISHED, LegState.FINAL),
        (AlgoStatus.CANCELED, LegState.FINAL),
        (AlgoStatus.REJECTED, LegState.FINAL),
        (AlgoStatus.EXPIRED, LegState.FINAL),
    ],
)
def test_only_a_new_conditional_order_protects(status: AlgoStatus, state: LegState) -> None:
    sent = life.mark_sent(entered(), S, NOW)
    now = life.on_algo(sent, algo_report(S, status), NOW)
    assert (now.stop.state, now.protected) == (state, status is AlgoStatus.NEW)


# ----------------------------------------------------------------------------------------- what is unknown is found out


def unknown_entry() -> Bracket:
    return life.on_outcome(life.mark_sent(STARTED, E, NOW), E, Unknown(text="timeout"), NOW)


MISSING = Refused(code=-2013, text="Order does not exist.")


def test_an_unknown_order_that_is_found_goes_on() -> None:
    found = life.on_query(unknown_entry(), E, Done(value=order_report(E)), NOW + 500)
    assert found.entry.state is LegState.FINAL
    assert found.executions_missing
    assert not found.over


@pytest.mark.parametrize(
    ("misses", "span_ms", "given_up"),
    [(1, 0, False), (4, 10_000, False), (5, 9_999, False), (5, 10_000, True), (6, 12_000, True)],
)
def test_an_order_never_arrived_after_five_misses_over_ten_seconds(misses: int, span_ms: int, given_up: bool) -> None:  # noqa: FBT001  # a parameter of the table
    now = unknown_entry()
    times_ms = [NOW + 300 + span_ms * number // max(1, misses - 1) for number in range(misses)]
    for at_ms in times_ms:
        assert now.entry.state is LegState.UNKNOWN
        now = life.on_query(now, E, MISSING, at_ms)
    assert now.failed is given_up
    assert now.entry.refused is given_up


def test_only_no_such_order_is_a_miss() -> None:
    now = unknown_entry()
    for number in range(20):
        now = life.on_query(now, E, Unknown(text="timeout"), NOW + number * 1_000)
        now = life.on_query(now, E, Refused(code=-1021, text="outside of the recvWindow"), NOW + number * 1_000)
    assert now.entry.misses == 0
    assert now.entry.state is LegState.UNKNOWN


def test_of_an_order_that_worked_a_miss_is_a_doubt() -> None:
    doubted = life.on_query(guarded(), S, MISSING, NOW)
    assert (doubted.stop.state, doubted.stop.misses, doubted.naked_since_ms) == (LegState.UNKNOWN, 1, NOW)
    assert life.on_query(doubted, S, Done(value=algo_report(S)), NOW + 50).protected


def test_an_exit_is_given_up_at_the_first_miss_because_a_second_one_can_only_reduce() -> None:
    sent = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    lost = life.on_query(life.on_outcome(sent, X, Unknown(text="timeout"), NOW), X, MISSING, NOW + 300)
    assert lost.exit is not None
    assert lost.exit.state is LegState.FINAL


def test_what_was_on_its_way_is_unknown_after_a_restart() -> None:
    sent = life.mark_sent(entered(), S, NOW)
    again = recovered(sent)
    assert (again.entry.state, again.stop.state, again.take_profit.state) == (
        LegState.FINAL,
        LegState.UNKNOWN,
        LegState.IDLE,
    )
    assert again.naked_since_ms is None


# ---------------------------------------------------------------------------------------------------------- quantities


def test_the_order_of_reports_makes_no_difference() -> None:
    steps: tuple[Step, ...] = (
        lambda now: life.on_order(now, order_report(E, OrderStatus.NEW, "0"), NOW),
        lambda now: life.on_order(
            now, order_report(E, OrderStatus.PARTIALLY_FILLED, "0.04", caused_by=fill(1, "0.04")), NOW
        ),
        lambda now: life.on_order(now, order_report(E, caused_by=fill(2, "0.06")), NOW),
        lambda now: life.on_fills(now, (fill(2, "0.06"), fill(1, "0.04")), NOW),
    )
    ends = set()
    for order in permutations(steps):
        now = life.mark_sent(STARTED, E, NOW)
        for step in order:
            now = step(now)
        ends.add((now.filled, now.entry.state, now.entry.executed, now.executions_missing, now.entry_complete))
    assert ends == {(Decimal("0.1"), LegState.FINAL, Decimal("0.1"), False, True)}


def test_an_execution_counts_once_whatever_brings_it() -> None:
    once = entered()
    twice = life.on_fills(life.on_order(once, order_report(E, caused_by=fill(1)), NOW), (fill(1), fill(1)), NOW)
    assert twice.fills == once.fills


def test_executions_of_earlier_trades_are_someone_elses() -> None:
    begun = life.begin(plan(), "trade-2", ids(2), NOW, after_fill_id=10)
    foreign = (fill(10), fill(11, at_ms=NOW - life.CLOCK_SKEW_MS - 1))
    assert life.on_fills(begun, foreign, NOW).filled == 0
    ours = fill(11, client_id=begun.entry.client_id, at_ms=NOW - life.CLOCK_SKEW_MS)
    assert life.on_fills(begun, (ours,), NOW).filled == Decimal("0.1")


def test_an_exit_just_before_is_neither_our_entry_nor_our_exit() -> None:
    begun = life.mark_sent(STARTED, E, NOW)
    same_way, other_way = fill(1, client_id="v7-main-BTCUSDT-0-9X", order_id=7), fill(2, side=SELL, order_id=8)
    with_theirs = life.on_fills(begun, (same_way, other_way), NOW)
    assert (with_theirs.filled, with_theirs.exit_fills, with_theirs.over) == (ZERO, (), False)
    opened = life.on_order(with_theirs, order_report(E, order_id=9, caused_by=fill(3, client_id=E, order_id=9)), NOW)
    assert (opened.filled, opened.open_quantity, opened.exit_fills) == (Decimal("0.1"), Decimal("0.1"), ())


def test_a_final_entry_waits_for_its_executions() -> None:
    reported = life.on_order(life.mark_sent(STARTED, E, NOW), order_report(E), NOW)
    assert (reported.executions_missing, reported.entry_complete, reported.failed) == (True, False, False)
    assert life.on_fills(reported, (fill(1),), NOW).entry_complete


def test_an_entry_that_expired_in_part_is_a_smaller_position() -> None:
    partly = fill(1, "0.03")
    now = life.on_order(
        life.mark_sent(STARTED, E, NOW), order_report(E, OrderStatus.EXPIRED, "0.03", caused_by=partly), NOW
    )
    assert (now.entry_complete, now.over, now.open_trade().quantity) == (True, False, Decimal("0.03"))


def test_an_entry_without_any_execution_failed() -> None:
    now = life.on_order(life.mark_sent(STARTED, E, NOW), order_report(E, OrderStatus.EXPIRED, "0"), NOW)
    assert (now.failed, now.flat, now.over) == (True, False, True)


def test_price_and_fee_of_the_trade_are_those_of_its_fills() -> None:
    fills = (
        fill(1, "0.04", price="60000", fee="1.2", client_id=E),
        fill(2, "0.06", price="60010", fee="1.8", client_id=E, at_ms=NOW + 150),
    )
    trade = life.on_fills(life.mark_sent(STARTED, E, NOW), fills, NOW).open_trade()
    assert (trade.quantity, trade.entry_price, trade.open_fee_usdt) == (Decimal("0.1"), Decimal(60_006), Decimal(3))
    assert trade.opened_ms == NOW + 100


# ---------------------------------------------------------------------------------------------------------- protection


def test_a_quantity_without_a_stop_is_naked_from_its_first_execution() -> None:
    assert STARTED.naked_since_ms is None
    partly = life.on_fills(life.mark_sent(STARTED, E, NOW), (fill(1, "0.04", client_id=E),), NOW + 100)
    more = life.on_fills(partly, (fill(2, "0.06", client_id=E),), NOW + 400)
    assert (partly.naked_since_ms, more.naked_since_ms) == (NOW + 100, NOW + 100)


def test_a_confirmed_stop_ends_it_and_one_that_fires_begins_it_again() -> None:
    assert guarded().naked_since_ms is None
    assert life.on_algo(guarded(), algo_report(S, AlgoStatus.TRIGGERING), NOW + 9_000).naked_since_ms == NOW + 9_000


def test_a_flat_trade_is_not_naked() -> None:
    assert exited(guarded()).naked_since_ms is None
    gone = life.on_algo(exited(guarded()), algo_report(S, AlgoStatus.CANCELED), NOW)
    assert gone.naked_since_ms is None


# ------------------------------------------------------------------------------------------------------------- the end


@pytest.mark.parametrize(
    ("client_id", "reason"), [(S, CloseReason.SL_HIT), (T, CloseReason.TP_HIT)]
)  # fmt: skip
def test_a_conditional_order_that_closes_names_the_reason(client_id: str, reason: CloseReason) -> None:
    fired = life.on_algo(guarded(), algo_report(client_id, AlgoStatus.TRIGGERED, child=77), NOW)
    child = order_report(
        client_id, side=SELL, order_id=77, caused_by=fill(2, side=SELL, order_id=77, client_id=client_id)
    )
    closed = life.on_order(fired, child, NOW)
    assert closed.flat
    assert closed.why_closed() is reason


def test_a_child_order_that_comes_first_is_known_by_our_id() -> None:
    child = order_report(S, side=SELL, order_id=77, caused_by=fill(2, side=SELL, order_id=77))
    closed = life.on_order(guarded(), child, NOW)
    assert (closed.flat, closed.why_closed(), closed.stop.state) == (True, CloseReason.SL_HIT, LegState.FINAL)


@pytest.mark.parametrize("reason", [CloseReason.TIME_EXIT, CloseReason.PROTECTION_FAILED])
def test_our_exit_closes_for_the_reason_it_was_asked_for(reason: CloseReason) -> None:
    assert exited(guarded(), reason).why_closed() is reason


def test_the_first_reason_to_close_stays() -> None:
    asked = life.order_close(life.order_close(guarded(), CloseReason.TP_HIT), CloseReason.TIME_EXIT)
    assert asked.close_reason is CloseReason.TP_HIT


def test_a_trade_that_is_over_is_not_closed_again() -> None:
    assert life.order_close(exited(guarded()), CloseReason.MANUAL) == exited(guarded())
    assert life.on_algo(exited(guarded()), algo_report(S, AlgoStatus.CANCELED), NOW).close_reason is not None


def test_what_is_not_ours_closed_it_externally() -> None:
    closed = life.on_fills(guarded(), (fill(2, side=SELL, client_id="web_1", order_id=50),), NOW)
    assert (closed.flat, closed.why_closed()) == (True, CloseReason.EXTERNAL)


def test_an_exit_known_only_by_its_execution_is_still_ours() -> None:
    sent = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    lost = life.on_outcome(sent, X, Unknown(text="timeout"), NOW)
    closed = life.on_fills(lost, (fill(2, side=SELL, client_id=X, order_id=50),), NOW)
    assert (closed.flat, closed.why_closed()) == (True, CloseReason.TIME_EXIT)


def test_an_exit_that_was_replaced_and_executed_after_all_is_still_ours() -> None:
    sent = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    lost = life.on_query(life.on_outcome(sent, X, Unknown(text="timeout"), NOW), X, MISSING, NOW)
    again = life.mark_sent(lost, ids(2)[OrderRole.EXIT], NOW)
    closed = life.on_fills(again, (fill(2, side=SELL, client_id=X, order_id=50),), NOW)
    assert closed.why_closed() is CloseReason.TIME_EXIT


def test_the_next_exit_takes_the_place_of_the_last_and_knows_its_orders() -> None:
    half = fill(2, "0.04", side=SELL, client_id=X, order_id=9)
    sent = life.mark_sent(life.order_close(guarded(), CloseReason.TIME_EXIT), X, NOW)
    partly = life.on_order(
        sent, order_report(X, OrderStatus.EXPIRED, "0.04", side=SELL, order_id=9, caused_by=half), NOW
    )
    again = ids(2)[OrderRole.EXIT]
    then = life.mark_sent(partly, again, NOW)
    assert then.exit is not None
    assert (then.open_quantity, then.exit.client_id, then.exit.state) == (Decimal("0.06"), again, LegState.SENT)
    rest = fill(3, "0.06", side=SELL, client_id=again, order_id=10)
    closed = life.on_order(then, order_report(again, executed="0.06", side=SELL, order_id=10, caused_by=rest), NOW)
    assert (closed.flat, closed.why_closed()) == (True, CloseReason.TIME_EXIT)
