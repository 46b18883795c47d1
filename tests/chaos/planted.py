"""Defects of order safety, planted on purpose, each with the part of the suite that finds it.

The hostile world finds most. What it cannot see, because a second line of defence hides it or because it happens in an
actor, is found by named tests.
"""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any, TypeAlias

import pytest
from msgspec.structs import replace

from tests.chaos.mutants import Mutation, exit_may_open_a_position
from tests.chaos.progress import say
from tests.domain.hostile_hands import HANDS, Hand, trigger, trigger_and_stick
from tests.domain.hostile_judge import violations_of
from tests.kit.processes import REPOSITORY
from vortex.actors import gates
from vortex.actors.holds import Holds
from vortex.actors.order_journal import OrderJournal
from vortex.domain.client_id import OrderIds
from vortex.domain.desk import bracket as life
from vortex.domain.desk import flatness, leg, planning, recovery
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.desk import Desk
from vortex.domain.desk.leg import Leg, LegState
from vortex.domain.desk.planning import Lane, Planned, Planner
from vortex.domain.desk.reconcile import with_state
from vortex.domain.order import CancelOrder, Fill, OrderReport, OrderRole, Outcome, PlaceOrder, SymbolState, Unknown

Finder: TypeAlias = Callable[[], str | None]
"""Says what it found, or None."""

# ----------------------------------------------------------------------------------------- an outcome that is not known


def unknown_order_is_sent_again(patch: pytest.MonkeyPatch) -> None:
    on_outcome = life.on_outcome

    def hasty(bracket: Bracket, client_id: str, outcome: Outcome, now_ms: int) -> Bracket:
        found = life.leg_of(bracket, client_id)
        if isinstance(outcome, Unknown) and found is not None and found.state is LegState.SENT:
            return life.put_leg(bracket, replace(found, state=LegState.IDLE))
        return on_outcome(bracket, client_id, outcome, now_ms)

    patch.setattr(life, "on_outcome", hasty)


def unknown_order_is_given_up_at_the_first_miss(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(life, "MISSES_TO_GIVE_UP", 1)
    patch.setattr(life, "MISSES_SPAN_MS", 0)


def sent_is_taken_for_unsent_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    def forgetful(bracket: Bracket) -> Bracket:
        for each in bracket.legs:
            if each.state is LegState.SENT:
                bracket = life.put_leg(bracket, replace(each, state=LegState.IDLE))
        return bracket

    patch.setattr(recovery, "recovered", forgetful)


def exits_share_one_id(patch: pytest.MonkeyPatch) -> None:
    make = planning._exit

    def same(bracket: Bracket, quantity: Decimal, client_id: str) -> PlaceOrder:
        del client_id
        return make(bracket, quantity, bracket.entry.client_id[:-1] + OrderRole.EXIT)

    patch.setattr(planning, "_exit", same)


def two_requests_are_in_flight(patch: pytest.MonkeyPatch) -> None:
    plan = Desk.plan

    def eager(desk: Desk, now_ms: int) -> Planned | None:
        under_way, desk.in_flight = desk.in_flight, None
        planned = plan(desk, now_ms)
        desk.in_flight = under_way
        return planned

    patch.setattr(Desk, "plan", eager)


# --------------------------------------------------------------------------------------------------- protection


def no_stop_after_a_partial_fill(patch: pytest.MonkeyPatch) -> None:
    guard = Planner.guard

    def picky(planner: Planner, bracket: Bracket, now_ms: int, **sure: bool) -> Planned | None:
        whole = bracket.filled >= bracket.plan.quantity or bracket.close_reason is not None
        return guard(planner, bracket, now_ms, **sure) if whole else None

    patch.setattr(Planner, "guard", picky)


def stop_is_of_the_wrong_side(patch: pytest.MonkeyPatch) -> None:
    make = planning._conditional
    patch.setattr(
        planning, "_conditional",
        lambda bracket, each, client_id: replace(make(bracket, each, client_id), side=bracket.plan.side.opening),
    )  # fmt: skip


def stop_and_take_profit_change_places(patch: pytest.MonkeyPatch) -> None:
    make = planning._conditional

    def crossed(bracket: Bracket, each: Leg, client_id: str) -> PlaceOrder:
        plan = replace(bracket.plan, sl_price=bracket.plan.tp_price, tp_price=bracket.plan.sl_price)
        return make(replace(bracket, plan=plan), each, client_id)

    patch.setattr(planning, "_conditional", crossed)


def stop_is_cancelled_before_the_exit(patch: pytest.MonkeyPatch) -> None:
    guard = Planner.guard

    def tidy(planner: Planner, bracket: Bracket, now_ms: int, **sure: bool) -> Planned | None:
        stop = bracket.stop
        if (
            bracket.close_reason is not None
            and stop.state is LegState.WORKING
            and planner.may_ask(stop.touched_ms, now_ms)
        ):
            return Lane.CLOSE, CancelOrder(symbol=bracket.plan.symbol, client_id=stop.client_id, conditional=True)
        return guard(planner, bracket, now_ms, **sure)

    patch.setattr(Planner, "guard", tidy)


def nobody_counts_how_long_a_position_is_naked(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(life, "watch", lambda bracket, _now_ms: bracket)


def naked_position_is_left_open(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Desk, "on_time", lambda *_: None)


def triggering_stop_counts_as_working(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        Bracket, "protected", property(lambda bracket: bracket.stop.state in (LegState.WORKING, LegState.FIRING))
    )


def refused_stop_is_waited_for(patch: pytest.MonkeyPatch) -> None:
    after_place = Desk._after_place

    def patient(desk: Desk, request: PlaceOrder, outcome: Outcome, now_ms: int) -> None:
        before = None if desk.bracket is None else desk.bracket.close_reason
        after_place(desk, request, outcome, now_ms)
        if desk.bracket is not None and before is None:
            desk.bracket = replace(desk.bracket, close_reason=None)

    patch.setattr(Desk, "_after_place", patient)


# --------------------------------------------------------------------------------------------------- what is believed


def empty_list_means_cancelled(patch: pytest.MonkeyPatch) -> None:
    def trusting(bracket: Bracket, state: SymbolState, now_ms: int, ids: OrderIds) -> Bracket:
        seen = with_state(bracket, state, now_ms, ids)
        for each in seen.legs:
            if each.state is LegState.UNKNOWN:
                seen = life.put_leg(seen, replace(each, state=LegState.FINAL))
        return seen

    patch.setattr("vortex.domain.desk.desk.with_state", trusting)


def no_position_means_closed(patch: pytest.MonkeyPatch) -> None:
    on_state = Desk._on_state

    def trusting(desk: Desk, state: SymbolState, now_ms: int) -> None:
        if not state.position.amount and desk.bracket is not None and desk.bracket.entry_complete:
            desk.bracket = None
        on_state(desk, state, now_ms)

    patch.setattr(Desk, "_on_state", trusting)


def final_order_lives_again(patch: pytest.MonkeyPatch) -> None:
    def lively(found: Leg, state: LegState, *, now_ms: int, detail: str = "", refused: bool = False) -> Leg:
        return replace(found, state=state, touched_ms=now_ms, misses=0, detail=detail, refused=refused)

    patch.setattr(life, "advance", lively)


def one_look_proves_flat(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(flatness, "APART_MS", 0)


# ------------------------------------------------------------------------------------------------------- executions


def fill_counts_twice(patch: pytest.MonkeyPatch) -> None:
    def greedy(bracket: Bracket, fills: tuple[Fill, ...], now_ms: int) -> Bracket:
        known = Counter(fill.fill_id for fill in bracket.fills)
        new = [fill for fill in fills if known[fill.fill_id] < 2 and fill.fill_id > bracket.after_fill_id]
        merged = tuple(sorted((*bracket.fills, *new), key=lambda fill: (fill.ts_ms, fill.fill_id)))
        return life.watch(replace(bracket, fills=merged), now_ms)

    patch.setattr(life, "on_fills", greedy)


def missing_executions_are_not_missed(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Bracket, "executions_missing", property(lambda _: False))


def first_fill_completes_the_entry(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Bracket, "entry_complete", property(lambda bracket: bracket.entry.state is LegState.FINAL))


def replaced_exit_is_forgotten(patch: pytest.MonkeyPatch) -> None:
    def fresh(last: Leg | None, role: OrderRole, client_id: str) -> Leg:
        return Leg(role=role, client_id=client_id, tries=0 if last is None else last.tries + 1)

    patch.setattr(life, "successor", fresh)
    patch.setattr(leg, "successor", fresh)


def executed_quantity_goes_back(patch: pytest.MonkeyPatch) -> None:
    on_order = life.on_order

    def newest(bracket: Bracket, report: OrderReport, now_ms: int) -> Bracket:
        after = on_order(bracket, report, now_ms)
        found = life.leg_of(after, report.client_id, report.order_id)
        return after if found is None else life.put_leg(after, replace(found, executed=report.executed_quantity))

    patch.setattr(life, "on_order", newest)


# ------------------------------------------------------------------------------------------------ entering and leaving


def old_book_enters(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Planner, "objection", lambda *_: None)


def leverage_is_not_set(patch: pytest.MonkeyPatch) -> None:
    enter = Planner.enter
    patch.setattr(
        Planner, "enter",
        lambda planner, bracket, _leverage, now_ms: enter(planner, bracket, bracket.plan.leverage, now_ms),
    )  # fmt: skip


def exit_is_tried_once(patch: pytest.MonkeyPatch) -> None:
    close = Planner._close

    def once(planner: Planner, bracket: Bracket, now_ms: int) -> Planned | None:
        tried = bracket.exit is not None and bracket.exit.state is LegState.FINAL
        return None if tried else close(planner, bracket, now_ms)

    patch.setattr(Planner, "_close", once)


def what_is_left_is_not_cancelled(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Planner, "clean", lambda *_: None)
    patch.setattr(Leg, "resting", property(lambda _: False))


# ------------------------------------------------------------------------------------------------------- in the actors


def held_entry_leaves(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(Holds, "refusal", lambda *_: None)


def closed_gate_is_ignored(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(gates.Gates, "close", lambda *_: None)


def intent_is_not_journaled_before_it_leaves(patch: pytest.MonkeyPatch) -> None:
    keep = OrderJournal.keep

    def late(journal: OrderJournal, symbol: str, bracket: Bracket | None) -> None:
        if bracket is None or all(each.state is not LegState.SENT for each in bracket.legs):
            keep(journal, symbol, bracket)

    patch.setattr(OrderJournal, "keep", late)


# ------------------------------------------------------------------------------------------------------------ finders


def world(seeds: Sequence[int] = range(300), hands: Sequence[Hand] = HANDS) -> Finder:
    """Hostile worlds, one after another."""

    def find() -> str | None:
        for seed in seeds:
            try:
                violations = violations_of(seed, hands)
            except RuntimeError as error:  # the desk's own objection; anything else is a defect of what was planted
                violations = [repr(error)]
            if violations:
                return f"hostile world {seed}: {violations[0]}"
        return None

    return find


def tests(*paths: str) -> Finder:
    """Tests by path, in a fork that has the defect; the first that fails."""

    def find() -> str | None:
        pid = os.fork()
        if not pid:
            silence = os.open(os.devnull, os.O_WRONLY)
            os.dup2(silence, 1)
            os.dup2(silence, 2)
            quiet: list[Any] = ["-x", "-q", "--assert=plain", "-p", "no:cacheprovider", "-p", "no:randomly"]
            os._exit(int(pytest.main([*quiet, *(str(REPOSITORY / path) for path in paths)])))
        _, status = os.waitpid(pid, 0)
        return f"{' or '.join(paths)}" if os.waitstatus_to_exitcode(status) == 1 else None

    return find


PLANTED: Mapping[Mutation, Finder] = {
    unknown_order_is_sent_again: world(range(1_000)),
    unknown_order_is_given_up_at_the_first_miss: world(),
    sent_is_taken_for_unsent_after_a_restart: world(range(1_000)),
    exits_share_one_id: world(),
    two_requests_are_in_flight: world(),
    no_stop_after_a_partial_fill: world(range(1_000)),
    stop_is_of_the_wrong_side: world(),
    stop_and_take_profit_change_places: tests("tests/domain/desk/test_desk.py"),
    stop_is_cancelled_before_the_exit: world(),
    nobody_counts_how_long_a_position_is_naked: world(),
    naked_position_is_left_open: world(),
    triggering_stop_counts_as_working: world(hands=(trigger_and_stick,)),
    refused_stop_is_waited_for: tests("tests/domain/desk/test_desk_positions.py"),
    empty_list_means_cancelled: world(),
    no_position_means_closed: world(),
    final_order_lives_again: world(range(1_000)),
    one_look_proves_flat: tests("tests/domain/desk/test_flatness.py", "tests/domain/desk/test_desk_flatten.py"),
    fill_counts_twice: world(),
    missing_executions_are_not_missed: tests("tests/domain/desk/test_bracket.py", "tests/domain/desk/test_desk.py"),
    first_fill_completes_the_entry: tests(
        "tests/domain/desk/test_bracket.py"
    ),  # few worlds meet the moment that it needs
    replaced_exit_is_forgotten: world(range(1_000)),
    executed_quantity_goes_back: world(range(1_000)),
    old_book_enters: world(range(1_000)),
    leverage_is_not_set: world(),
    exit_is_tried_once: world(),
    what_is_left_is_not_cancelled: world(hands=(trigger,)),
    exit_may_open_a_position: world(range(1_000)),
    held_entry_leaves: tests("tests/actors/test_exchange_operate.py", "tests/actors/test_exchange_halting.py"),
    closed_gate_is_ignored: tests("tests/actors/test_gates.py", "tests/actors/test_tree_gates.py"),
    intent_is_not_journaled_before_it_leaves: tests("tests/actors/test_exchange_recovery.py"),
}


def found(mutation: Mutation) -> str | None:
    """Plant the defect and let its part of the suite look for it: what was found."""
    with pytest.MonkeyPatch.context() as patch:
        mutation(patch)
        return PLANTED[mutation]()


def main() -> int:
    """Plant every defect; 1 when one is not found."""
    missed = 0
    for mutation in PLANTED:
        what = found(mutation)
        missed += what is None
        say(f"{mutation.__name__}: {'NOT FOUND' if what is None else f'found by {what}'}")
    return min(missed, 1)


if __name__ == "__main__":
    sys.exit(main())
