"""Which test covers which row of OTP's supervisor suite, and which trap of pykka; the rest is left out with a reason.

The rows are the groups of cases in OTP 25's `supervisor_SUITE`. A row without a test must be named in
docs/explanation/supervision.md, in the table of what is left out.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping
from pathlib import Path

import pytest

import tests.runtime

EXPLANATION = Path(__file__).parents[2] / "docs/explanation/supervision.md"

ROWS: Mapping[str, tuple[str, ...]] = {
    "start: normal, failing, reported to the caller": (
        "test_children_start_in_order_and_stop_in_reverse",
        "test_a_root_that_cannot_start_is_a_root_failure",
    ),
    "start: a child's error leaves no ghost": (
        "test_a_failed_start_is_reported_and_tried_again",
        "test_a_failing_factory_is_a_failed_start",
        "test_a_hung_start_is_cut_off_and_its_late_end_is_ignored",
    ),
    "specs: names are unique, unknown children raise": ("test_names_are_unique_and_unknown_children_raise",),
    "stop: graceful, timed out, cut off, while dying": (
        "test_stop_overtakes_a_backlog",
        "test_a_hung_child_is_cut_off_at_its_deadline_and_the_stop_goes_on",
        "test_a_stop_that_takes_too_long_says_so",
        "test_stopping_again_is_harmless",
    ),
    "order of children": (
        "test_each_child_starts_after_the_acknowledgement_of_the_one_before",
        "test_children_start_in_order_and_stop_in_reverse",
    ),
    "restart matrix: permanent and temporary": (
        "test_the_neighbour_of_a_crash_is_not_restarted",
        "test_a_temporary_child_is_not_restarted",
    ),
    "multiple restarts under the limit": (
        "test_an_address_outlives_its_incarnations",
        "test_crashes_are_forgotten_after_the_period",
    ),
    "one_for_one and its escalation": (
        "test_one_crash_too_many_escalates_with_its_cause",
        "test_too_many_crashes_escalate_to_the_parent",
        "test_escalation_climbs_level_by_level",
        "test_the_roots_escalation_ends_the_system",
    ),
    "another child fails to start during a restart": (
        "test_a_child_with_limits_of_its_own_that_never_starts_holds_nobody_up",
    ),
    "a restart loop can be stopped": (
        "test_a_child_that_never_starts_can_be_stopped_during_its_restarts",
        "test_a_restart_that_waits_does_not_outlive_a_stop",
        "test_a_stop_that_races_with_crashes_and_senders_ends_everything",
    ),
    "a child that stops cooperating": (
        "test_an_actor_that_hangs_is_fenced_and_replaced",
        "test_one_that_hangs_while_it_is_to_stop_leaves_no_child_behind",
    ),
    "introspection": (
        "test_an_actor_answers",
        "test_an_actor_with_time_for_it_is_shown_as_hung_until_it_returns",
        "test_a_supervisor_may_rest_a_child_and_revive_it",
    ),
    "children come and go at run time": ("test_children_come_and_go_at_run_time",),
    "nothing is left of many children": (
        "test_ten_thousand_restarts_leave_nothing_behind",
        "test_many_restarts_leave_threads_registry_and_timers_flat",
    ),
    "a stable name for each incarnation": ("test_an_address_outlives_its_incarnations",),
    "the crash report": ("test_whatever_a_handler_raises_is_one_crash_of_one_actor",),
    "one_for_all": (),
    "rest_for_one": (),
    "simple_one_for_one": (),
    "transient": (),
    "auto_shutdown": (),
    "brutal_kill": (),
    "code_change": (),
    "ignore": (),
}

TRAPS: Mapping[str, tuple[str, ...]] = {
    "P1 an exception under a tell": ("test_whatever_a_handler_raises_is_one_crash_of_one_actor",),
    "P2 an exception under an ask": ("test_a_crash_under_an_ask_answers_with_its_cause_and_is_a_crash",),
    "P3 an exception in on_start": ("test_a_failed_start_is_reported_and_tried_again",),
    "P4 tells behind a crash": ("test_what_waits_behind_a_crash_is_counted",),
    "P5 an ask that races with a crash": (
        "test_an_ask_racing_with_crashes_always_resolves",
        "test_what_races_with_crashes_is_handled_or_counted_and_every_ask_resolves",
    ),
    "P6 a stop behind a backlog": ("test_stop_overtakes_a_backlog",),
    "P7 SystemExit in a handler": (
        "test_whatever_a_handler_raises_is_one_crash_of_one_actor",
        "test_a_crash_is_repeated_in_each_next_incarnation",
    ),
    "P8 an exception raised into an idle thread": ("test_an_exception_raised_into_an_idle_thread_is_a_crash",),
    "P9 busy loops end, blocking calls do not": (
        "test_an_actor_that_hangs_is_fenced_and_replaced",
        "test_a_zombies_words_reach_nobody",
    ),
    "P10 no proxies": ("test_nobody_uses_proxies",),
    "P11 no thread keeps the process": ("test_actors_run_on_named_daemon_threads",),
    "P12 hooks are overridable": (
        "test_cells_override_only_the_backend_hooks_and_the_public_ones",
        "test_hooks_and_loop_exist",
    ),
    "P13 many actors on few threads": ("test_actors_run_on_named_daemon_threads",),
}


def _every_test() -> set[str]:
    modules = (
        importlib.import_module(f"tests.runtime.{each.name}")
        for each in pkgutil.iter_modules(tests.runtime.__path__)
        if each.name.startswith("test_")
    )
    return {name for module in modules for name in vars(module) if name.startswith("test_")}


@pytest.mark.parametrize("row", [*ROWS, *TRAPS])
def test_each_row_has_its_tests_or_a_reason(row: str) -> None:
    named = {**ROWS, **TRAPS}[row]
    assert set(named) <= _every_test()
    if not named:
        left_out = EXPLANATION.read_text(encoding="utf-8").split("## Left out", 1)[1].split("\n## ", 1)[0]
        assert f"`{row}`" in left_out


def test_nobody_uses_proxies() -> None:
    sources = (Path(__file__).parents[2] / "vortex").rglob("*.py")
    assert not [path for path in sources if ".proxy(" in path.read_text(encoding="utf-8")]
