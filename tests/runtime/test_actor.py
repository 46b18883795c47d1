"""Behaviours without a runtime, in the test's own thread."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

import pytest

from tests.kit.runtime import ManualContext
from vortex.runtime import Actor, Address, ChildSpec, Crash, RestartLimits, Supervisor
from vortex.runtime.control import ChildExited, ChildReady, Stop
from vortex.runtime.errors import ActorFault, ActorGone, Escalation, InboxOverflow, InjectedCrash


class Echo(Actor):
    def __init__(self) -> None:
        self.built = 0
        self.stopped = False

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        self.built += 1
        return {str: lambda text: text.upper(), int: self._later}

    def stopping(self) -> None:
        self.stopped = True

    def _later(self, delay_ms: int) -> None:
        self.context.after(delay_ms, f"{delay_ms}")


def test_receive_returns_the_handlers_reply_and_builds_the_table_once() -> None:
    actor = Echo()
    ManualContext(actor)
    assert [actor.receive("a"), actor.receive("b")] == ["A", "B"]
    assert actor.built == 1


def test_what_is_not_handled_is_a_dead_letter_with_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    actor = Echo()
    context = ManualContext(actor, path="BTCUSDT/E1")
    for _ in range(3):
        assert isinstance(actor.receive(1.5), ActorFault)
    assert context.address.dead_letters == 3
    assert context.address.dead_by_type == {"float": 3}
    assert [record.message for record in caplog.records] == ["BTCUSDT/E1 does not handle float: a dead letter"]


def test_dispatch_is_by_exact_type() -> None:
    actor = Echo()
    ManualContext(actor)
    assert isinstance(actor.receive(True), ActorFault)


def test_stop_runs_stopping_and_ends() -> None:
    actor = Echo()
    context = ManualContext(actor)
    actor.receive(Stop())
    assert actor.stopped
    assert context.exits == [None]


def test_injected_crashes_are_counted_down_at_the_address() -> None:
    actor = Echo()
    context = ManualContext(actor)
    with pytest.raises(InjectedCrash):
        actor.receive(Crash(times=3))
    assert context.address.crash_to_come == Crash(times=2)


def test_an_address_without_an_actor_counts_tells_and_refuses_asks() -> None:
    address = Address("nowhere")
    address.tell("a")
    address.tell("b")
    assert (address.dead_letters, address.generation) == (2, 0)
    with pytest.raises(ActorGone):
        address.ask("c", 1.0)


def make(*names: str, restarts: int = 5) -> tuple[Supervisor, ManualContext]:
    class Family(Supervisor):
        def children(self) -> list[ChildSpec]:
            return [ChildSpec(name, Echo) for name in names]

    supervisor = Family(limits=RestartLimits(restarts, 60.0), random=Random(3))  # jitter, not a secret
    context = ManualContext(supervisor, path="parent")
    supervisor.started()
    return supervisor, context


def spawned(context: ManualContext) -> list[str]:
    return [spec.name for spec in context.spawned]


def test_each_child_starts_after_the_acknowledgement_of_the_one_before() -> None:
    supervisor, context = make("a", "b", "c")
    assert spawned(context) == ["a"]
    supervisor.receive(ChildReady("a", 1))
    assert spawned(context) == ["a", "b"]
    supervisor.receive(ChildReady("a", 1))
    assert spawned(context) == ["a", "b"]
    supervisor.receive(ChildReady("b", 1))
    assert spawned(context) == ["a", "b", "c"]


def test_a_late_report_does_not_touch_the_successor() -> None:
    supervisor, context = make("a")
    supervisor.receive(ChildReady("a", 1))
    supervisor.receive(ChildExited("a", 1, ValueError()))
    context.advance(0.0)
    supervisor.receive(ChildReady("a", 2))
    for late in (ChildExited("a", 1, ValueError()), ChildReady("a", 1), ChildExited("gone", 1, None)):
        supervisor.receive(late)
    assert spawned(context) == ["a", "a"]
    assert context.child_address("a").state == "READY"


def test_a_start_that_is_not_acknowledged_in_time_is_cut_off_and_tried_again() -> None:
    supervisor, context = make("a", "b")
    context.advance(9_999.0)
    assert context.cut == []
    context.advance(1.0)
    assert set(context.cut) == {"a"}
    supervisor.receive(ChildExited("a", 1, None))  # the cut-off one ends at last
    context.advance(0.0)
    assert spawned(context) == ["a", "a"]
    assert context.child_address("a").last_error == "TimeoutError: parent/a did not start in time"
    supervisor.receive(ChildReady("a", 2))
    assert spawned(context) == ["a", "a", "b"]


def crash_delays_ms(count: int) -> list[float]:
    """Restart delays of a child that crashes again as soon as it runs."""
    supervisor, context = make("a", restarts=count)
    delays = []
    for generation in range(1, count + 1):
        supervisor.receive(ChildReady("a", generation))
        supervisor.receive(ChildExited("a", generation, ValueError()))
        before_ms = context.clock.monotonic_ms()
        while context.child_address("a").generation == generation:
            context.advance(1.0)
        delays.append(context.clock.monotonic_ms() - before_ms)
    return delays


def test_delay_is_nothing_first_then_doubles_from_100_ms_to_5_s_with_jitter() -> None:
    delays = crash_delays_ms(9)
    bounds = [100.0, 200.0, 400.0, 800.0, 1600.0, 3200.0, 5000.0, 5000.0]
    assert delays[0] <= 1.0
    for delay, bound in zip(delays[1:], bounds, strict=True):
        assert 0.8 * bound <= delay <= bound + 1.0
    assert delays[-1] != delays[-2]


def test_crashes_are_forgotten_after_the_period() -> None:
    supervisor, context = make("a", restarts=1)
    for generation in range(1, 6):
        supervisor.receive(ChildReady("a", generation))
        context.advance(60_000.0)
        supervisor.receive(ChildExited("a", generation, ValueError()))
        context.advance(0.0)
    assert context.child_address("a").generation == 6


def test_one_crash_too_many_escalates_with_its_cause() -> None:
    supervisor, context = make("a", "b", restarts=1)
    supervisor.receive(ChildReady("a", 1))
    supervisor.receive(ChildReady("b", 1))
    supervisor.receive(ChildExited("a", 1, KeyError("first")))
    cause = ValueError("second")
    with pytest.raises(Escalation, match=r"parent gives up on b: ValueError\('second'\)") as caught:
        supervisor.receive(ChildExited("b", 1, cause))
    assert caught.value.__cause__ is cause
    assert context.child_address("b").restarts == 0


def test_an_acknowledgement_after_the_stop_keeps_the_deadline() -> None:
    supervisor, context = make("a")
    supervisor.stop_child("a")
    supervisor.receive(ChildReady("a", 1))
    context.advance(5_000.0)
    assert context.cut == ["a"]


def test_an_overflow_escalates_at_once() -> None:
    supervisor, _ = make("a")
    with pytest.raises(Escalation):
        supervisor.receive(ChildExited("a", 1, InboxOverflow()))


def test_names_are_unique_and_unknown_children_raise() -> None:
    supervisor, _ = make("a")
    with pytest.raises(ValueError, match="already has a child a"):
        supervisor.start_child(ChildSpec("a", Echo))
    with pytest.raises(KeyError):
        supervisor.stop_child("x")
    with pytest.raises(KeyError):
        supervisor.child("x")


def test_a_restart_that_waits_does_not_outlive_a_stop() -> None:
    supervisor, context = make("a", "b")
    for name in "ab":
        supervisor.receive(ChildReady(name, 1))
    for generation in (1, 2):
        supervisor.receive(ChildExited("a", generation, ValueError()))
        context.advance(0.0)
    assert context.child_address("a").state == "RESTARTING"
    supervisor.receive(Stop())
    context.advance(1_000.0)
    assert spawned(context) == ["a", "b", "a"]
    supervisor.receive(ChildExited("b", 1, None))
    assert context.exits == [None]


def test_after_a_crash_only_the_runtimes_messages_count() -> None:
    supervisor, context = make("a")
    supervisor.leave(ValueError())
    supervisor.receive("text")
    assert context.address.dead_letters == 1
    supervisor.receive(ChildExited("a", 1, None))
    assert isinstance(context.exits[0], ValueError)
