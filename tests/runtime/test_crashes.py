"""Every way in which pykka loses a failure ends as one reported crash, or as a counted dead letter."""

from __future__ import annotations

import logging
import threading

import pykka
import pytest

from tests.runtime.world import PATIENCE_S, PATIENT, AskFor, Boom, Note, Pause, Unknown, Worker, World
from vortex.runtime import ActorInfo, ChildSpec, Crash, VirtualDispatcher
from vortex.runtime.errors import ActorCrashed, ActorFault, ActorGone, AskInsideActor, AskTimeout
from vortex.runtime.inbox import ORDERED_LIMIT


def crashes(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.message for record in caplog.records if record.exc_info and record.name == "vortex.runtime"]


def test_an_actor_answers(world: World) -> None:
    world.start(world.worker("a"))
    assert world.at("a").ask(Note("hello"), PATIENCE_S) == "hello"
    assert world.info("a") == ActorInfo("a", world.at("a").state, 1, 0, 0, 0.0, 0, 0, None)


@pytest.mark.parametrize("error", [ValueError("v"), SystemExit(3), KeyboardInterrupt(), pykka.ActorDeadError("x")])
def test_whatever_a_handler_raises_is_one_crash_of_one_actor(
    world: World, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    world.start(world.worker("a"), world.worker("bystander"))
    world.at("a").tell(Boom(error))
    world.until_ready("a", 2)
    assert world.at("a").ask(Note("again"), PATIENCE_S) == "again"
    assert world.info("a").last_error == f"{type(error).__name__}: {error}"
    assert (world.info("a").restarts, world.info("bystander").generation) == (1, 1)
    assert crashes(caplog) == ["a crashed while handling Boom"]
    assert f"root hears a #1 failed: {type(error).__name__}" in world.journal
    assert "a stopping" not in world.journal
    assert not [record for record in caplog.records if record.name == "pykka" and record.levelno > logging.DEBUG]


def test_a_crash_under_an_ask_answers_with_its_cause_and_is_a_crash(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.start(world.worker("a"))
    cause = ValueError("half-changed")
    with pytest.raises(ActorCrashed, match="half-changed") as caught:
        world.at("a").ask(Boom(cause), PATIENCE_S)
    assert caught.value.__cause__ is cause
    world.until_ready("a", 2)
    assert crashes(caplog) == ["a crashed while handling Boom"]


def test_the_ask_of_an_unknown_message_is_an_error_but_no_crash(world: World) -> None:
    world.start(world.worker("a"))
    with pytest.raises(ActorFault, match="a does not handle Unknown"):
        world.at("a").ask(Unknown(), PATIENCE_S)
    assert (world.info("a").generation, world.at("a").dead_letters) == (1, 1)


def test_a_failed_start_is_reported_and_tried_again(world: World, caplog: pytest.LogCaptureFixture) -> None:
    class Reluctant(Worker):
        def started(self) -> None:
            if self.context.generation < 3:
                raise OSError("not yet")
            super().started()

    world.start(ChildSpec("a", lambda: Reluctant(world=world)))
    assert world.info("a").generation == 3
    assert crashes(caplog) == ["a crashed while starting"] * 2
    assert [line for line in world.journal if "root" in line] == [
        "root hears a #1 failed: OSError", "root hears a #2 failed: OSError", "root hears a started",
    ]  # fmt: skip


def test_a_failing_factory_is_a_failed_start(world: World) -> None:
    attempts = []

    def factory() -> Worker:
        attempts.append(1)
        if len(attempts) == 1:
            raise SystemExit(1)
        return Worker(world=world)

    world.start(ChildSpec("a", factory))
    assert world.info("a").generation == 2


def test_what_waits_behind_a_crash_is_counted(threads: World) -> None:
    threads.start(threads.worker("a", **PATIENT))
    address, pause = threads.at("a"), Pause(threading.Event(), threading.Event())
    address.tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    for message in (Boom(ValueError()), Note("lost"), Note("lost too")):
        address.tell(message)
    assert threads.info("a").mailbox == 3
    answers: list[object] = []
    asker = threading.Thread(target=lambda: answers.append(_fault_of(threads)), daemon=True)
    asker.start()
    threads.until(lambda: threads.info("a").mailbox == 4)
    pause.leave.set()
    asker.join(PATIENCE_S)
    threads.until_ready("a", 2)
    assert answers == [ActorGone]
    assert address.dead_by_type == {"Note": 2}


def _fault_of(world: World) -> object:
    try:
        return world.at("a").ask(Note("unanswered"), PATIENCE_S)
    except ActorFault as fault:
        return type(fault)


def test_what_waits_behind_a_crash_is_counted_in_virtual_time(virtual: tuple[World, VirtualDispatcher]) -> None:
    world, _ = virtual
    world.start(world.worker("a"))
    for message in (Boom(ValueError()), Note("lost"), Note("lost too")):
        world.at("a").tell(message)
    world.until_ready("a", 2)
    assert world.at("a").dead_by_type == {"Note": 2}


def test_telling_a_stopped_actor_never_raises(world: World) -> None:
    world.start(world.worker("a"))
    address = world.at("a")
    assert world.system.stop(PATIENCE_S)
    address.tell(Note("late"))
    assert (address.dead_letters, world.state("a")) == (1, "STOPPED")
    with pytest.raises(ActorGone):
        address.ask(Note("late"), PATIENCE_S)


def test_an_actor_must_not_ask(world: World) -> None:
    world.start(world.worker("a"), world.worker("b"))
    with pytest.raises(ActorCrashed) as caught:
        world.at("a").ask(AskFor(world.at("b")), PATIENCE_S)
    assert isinstance(caught.value.__cause__, AskInsideActor)
    assert "b inner" not in world.journal


def test_no_reply_in_time(threads: World) -> None:
    threads.start(threads.worker("a", **PATIENT))
    pause = Pause(threading.Event(), threading.Event())
    threads.at("a").tell(pause)
    with pytest.raises(AskTimeout):
        threads.at("a").ask(Note("late"), 0.01)
    pause.leave.set()
    threads.until(lambda: "a late" in threads.journal)


@pytest.mark.parametrize("times", [1, 3])
def test_injected_crashes_hit_that_many_incarnations(world: World, times: int) -> None:
    world.start(world.worker("a"), world.worker("b"))
    world.at("a").tell(Crash(times=times))
    world.until_ready("a", times + 1)
    assert world.at("a").ask(Note("alive"), PATIENCE_S) == "alive"
    assert world.info("a").generation == times + 1
    assert world.info("b").generation == 1


def test_an_overflow_ends_the_actor_and_escalates(threads: World, caplog: pytest.LogCaptureFixture) -> None:
    threads.start(threads.tree("T", threads.worker("a", **PATIENT)))
    threads.until(lambda: threads.state("T/a") == "READY")
    address, pause = threads.at("T/a"), Pause(threading.Event(), threading.Event())
    address.tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    for _ in range(ORDERED_LIMIT + 1):
        address.tell(Note("flood"))
    pause.leave.set()
    threads.until_ready("T/a", 2)
    assert address.dead_by_type["Note"] == ORDERED_LIMIT + 1
    assert threads.info("T").generation == 2
    assert (threads.info("T").last_error or "").startswith("Escalation: T gives up on a: InboxOverflow")
    assert "T/a is interrupted" in crashes(caplog)
    assert (threads.info("T/a").last_error or "").startswith("InboxOverflow: ")
