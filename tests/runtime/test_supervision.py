"""Order, restarts, escalation and stops of whole trees."""

from __future__ import annotations

import threading

import pytest

from tests.runtime.world import MANY, PATIENCE_S, PATIENT, Boom, Boss, Note, Pause, StartChild, StopChild, Worker, World
from vortex.runtime import ActorSystem, ChildSpec, Crash, RestartLimits
from vortex.runtime.errors import Escalation


def lines(world: World, word: str) -> list[str]:
    return [line for line in world.journal if line.endswith(word)]


def test_children_start_in_order_and_stop_in_reverse(world: World) -> None:
    world.start(world.worker("a"), world.tree("T", world.worker("x"), world.worker("y")), world.worker("b"))
    world.until(lambda: world.state("T/y") == "READY")
    starts = [line for line in world.journal if line.startswith("root hears")]
    assert starts == ["root hears a started", "root hears T started", "root hears b started"]
    assert next(info.path for info in world.system.tree()) == "root"
    assert world.system.stop(PATIENCE_S)
    assert lines(world, "stopping") == ["b stopping", "T/y stopping", "T/x stopping", "a stopping"]
    assert {info.state.value for info in world.system.tree()} == {"STOPPED"}
    assert world.system.states() == {info.path: info.state for info in world.system.tree()}
    assert world.failures == []


def test_stopping_again_is_harmless(world: World) -> None:
    world.start(world.worker("a"))
    assert world.system.stop(PATIENCE_S)
    assert world.system.stop(PATIENCE_S)


def test_an_address_outlives_its_incarnations(world: World) -> None:
    world.start(world.worker("a"))
    address = world.at("a")
    for generation, error in enumerate((ValueError(), KeyError(), OSError()), 2):
        address.tell(Boom(error))
        world.until_ready("a", generation)
        assert address.ask(Note(f"{generation}"), PATIENCE_S) == f"{generation}"
    assert world.at("a") is address
    assert [line for line in world.journal if line == "root hears a started"] == ["root hears a started"] * 4


def test_the_neighbour_of_a_crash_is_not_restarted(world: World) -> None:
    world.start(world.worker("a"), world.worker("b"))
    world.at("a").tell(Boom(ValueError()))
    world.until_ready("a", 2)
    assert (world.info("b").generation, lines(world, "stopping")) == (1, [])


def test_a_crashed_supervisor_stops_its_children_and_comes_back_with_all_of_them(world: World) -> None:
    world.start(world.tree("T", world.worker("x"), world.worker("y")), world.worker("b"))
    world.until(lambda: world.state("T/y") == "READY")
    world.at("T").tell(Boom(ValueError()))
    world.until_ready("T/y", 2)
    assert lines(world, "stopping") == ["T/y stopping", "T/x stopping"]
    assert [world.info(path).generation for path in ("T", "T/x", "T/y", "b")] == [2, 2, 2, 1]
    assert (world.info("T").restarts, world.info("T/x").restarts) == (1, 0)


def test_too_many_crashes_escalate_to_the_parent(world: World) -> None:
    world.start(world.tree("T", world.worker("x"), world.worker("y"), limits=RestartLimits(2, 60.0)))
    world.until(lambda: world.state("T/y") == "READY")
    world.at("T/x").tell(Crash(times=3))
    world.until(lambda: world.info("T").generation == 2 and world.state("T/y") == "READY")
    assert [world.info(path).generation for path in ("root", "T/x", "T/y")] == [1, 4, 2]
    assert "root hears T #1 failed: Escalation" in world.journal
    assert lines(world, "stopping") == ["T/y stopping"]
    assert (world.info("T").last_error or "").startswith("Escalation: T gives up on x: InjectedCrash")


def test_the_roots_escalation_ends_the_system(world: World) -> None:
    world.start(world.worker("a"), world.worker("b"), limits=RestartLimits(1, 60.0))
    world.at("a").tell(Crash(times=2))
    world.until(lambda: bool(world.failures))
    assert isinstance(world.failures[0], Escalation)
    assert len(world.failures) == 1
    assert {info.state.value for info in world.system.tree()} == {"STOPPED"}
    assert lines(world, "stopping") == ["b stopping"]
    assert world.system.stop(PATIENCE_S)


def test_whoever_hears_of_the_roots_failure_may_stop_the_system(world: World) -> None:
    stopped: list[bool] = []
    system = ActorSystem(world.dispatcher, on_root_failure=lambda _: stopped.append(system.stop(PATIENCE_S)))
    world.system = system
    world.start(world.worker("a"), limits=RestartLimits(0, 60.0))
    world.at("a").tell(Crash())
    world.until(lambda: stopped == [True])


def test_a_root_that_cannot_start_is_a_root_failure(world: World) -> None:
    class Stillborn(Boss):
        def started(self) -> None:
            super().started()
            raise OSError("no")

    world.system.start_root(ChildSpec("root", lambda: Stillborn(world=world, first=[world.worker("a")], limits=MANY)))
    world.until(lambda: bool(world.failures))
    assert isinstance(world.failures[0], OSError)
    assert world.state("a") == "STOPPED"


def test_a_failing_hook_is_the_supervisors_crash(world: World) -> None:
    class Touchy(Boss):
        def child_failed(self, name: str, error: BaseException, generation: int) -> None:
            raise LookupError(f"{name} #{generation}") from error

    world.start(ChildSpec("T", lambda: Touchy(world=world, first=[world.worker("x")], limits=MANY)))
    world.until(lambda: world.state("T/x") == "READY")
    world.at("T/x").tell(Boom(ValueError()))
    world.until_ready("T/x", 2)
    assert world.info("T").last_error == "LookupError: x #1"


def test_a_temporary_child_is_not_restarted(world: World) -> None:
    world.start(world.worker("a", restart="temporary"), world.worker("b"))
    world.at("a").tell(Boom(ValueError()))
    world.until(lambda: world.state("a") == "STOPPED")
    assert "root hears a #1 failed: ValueError" in world.journal
    world.at("root").tell(StartChild(world.worker("a")))
    world.until_ready("a", 2)


def test_children_come_and_go_at_run_time(world: World) -> None:
    root = world.start(world.worker("a"))
    root.tell(StartChild(world.worker("b")))
    root.tell(StartChild(world.worker("c")))
    world.until(lambda: world.state("c") == "READY")
    root.tell(StopChild("b"))
    world.until(lambda: "b stopping" in world.journal and world.state("b") == "STOPPED")
    root.tell(StartChild(world.worker("b")))
    world.until_ready("b", 2)
    assert world.at("b").ask(Note("back"), PATIENCE_S) == "back"
    assert world.info("b").restarts == 0
    assert world.system.stop(PATIENCE_S)
    assert lines(world, "stopping") == ["b stopping", "b stopping", "c stopping", "a stopping"]


def test_a_child_that_never_starts_can_be_stopped_during_its_restarts(world: World) -> None:
    class Stillborn(Worker):
        def started(self) -> None:
            raise OSError("never")

    world.system.start_root(
        ChildSpec("root", lambda: world.boss(ChildSpec("a", lambda: Stillborn(world=world)), world.worker("b")))
    )
    world.until(lambda: any("#2 failed" in line for line in world.journal))
    assert world.state("b") == ""
    assert world.system.stop(PATIENCE_S)
    assert world.failures == []


def test_stop_overtakes_a_backlog(threads: World) -> None:
    threads.start(threads.worker("a", **PATIENT))
    pause = Pause(threading.Event(), threading.Event())
    threads.at("a").tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    for _ in range(100):
        threads.at("a").tell(Note("backlog"))
    threads.at("root").tell(StopChild("a"))
    threads.until(lambda: threads.info("a").mailbox == 101)
    pause.leave.set()
    threads.until(lambda: "a stopping" in threads.journal)
    assert "a backlog" not in threads.journal
    threads.until(lambda: threads.at("a").dead_by_type["Note"] == 100)


def test_a_hung_child_is_cut_off_at_its_deadline_and_the_stop_goes_on(threads: World) -> None:
    threads.start(threads.worker("a"), threads.worker("hung", stop_s=0.05, **PATIENT), threads.worker("b"))
    pause = Pause(threading.Event(), threading.Event())
    threads.at("hung").tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    assert threads.system.stop(PATIENCE_S)
    assert lines(threads, "stopping") == ["b stopping", "a stopping"]
    pause.leave.set()


def test_a_hung_start_is_cut_off_and_its_late_end_is_ignored(threads: World) -> None:
    gate, first = threading.Event(), threading.Event()

    class Slow(Worker):
        def started(self) -> None:
            if self.context.generation == 1:
                first.set()
                assert gate.wait(PATIENCE_S)
            super().started()

    threads.start(ChildSpec("a", lambda: Slow(world=threads), ready_s=0.05, run="thread"))
    assert first.is_set()
    assert threads.info("a").generation == 2
    gate.set()
    threads.until(lambda: threads.journal.count("a started") == 2)
    assert threads.at("a").ask(Note("alive"), PATIENCE_S) == "alive"
    assert threads.info("a").generation == 2
    assert [line for line in threads.journal if "failed" in line] == ["root hears a #1 failed: TimeoutError"]


def test_what_an_interrupted_supervisor_leaves_behind_is_cut_off_and_replaced(world: World) -> None:
    world.start(world.tree("T", world.worker("x")))
    world.until(lambda: world.state("T/x") == "READY")
    supervisor, orphan = world.at("T").cell, world.at("T/x").cell
    assert supervisor is not None
    assert orphan is not None
    supervisor.interrupt(MemoryError())
    world.until(lambda: world.failures != [])  # a MemoryError is hopeless at every level
    assert orphan.actor_stopped.is_set()
    assert "T/x stopping" not in world.journal


def test_a_supervisor_that_was_cut_off_starts_nothing_more(threads: World) -> None:
    gate, entered = threading.Event(), threading.Event()

    class Slow(Boss):
        def started(self) -> None:
            if self.context.generation == 1:
                entered.set()
                assert gate.wait(PATIENCE_S)
            super().started()

    threads.start(
        ChildSpec(
            "T", lambda: Slow(world=threads, first=[threads.worker("x")], limits=MANY), ready_s=0.05, run="thread"
        )
    )
    threads.until(lambda: threads.state("T/x") == "READY")
    assert entered.is_set()
    zombie = next(thread for thread in threading.enumerate() if thread.name == "T")
    gate.set()
    zombie.join(PATIENCE_S)
    assert threads.at("T/x").ask(Note("untouched"), PATIENCE_S) == "untouched"
    assert threads.info("T/x").generation == 1


def test_a_stop_that_takes_too_long_says_so(threads: World) -> None:
    threads.start(threads.worker("hung", **PATIENT))
    pause = Pause(threading.Event(), threading.Event())
    threads.at("hung").tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    assert not threads.system.stop(0.05)
    pause.leave.set()


@pytest.mark.parametrize("depth", [3])
def test_escalation_climbs_level_by_level(world: World, depth: int) -> None:
    spec = world.worker("leaf")
    for level in range(depth):
        spec = world.tree(f"L{level}", spec, limits=RestartLimits(0, 60.0))
    world.start(spec)
    path = "L2/L1/L0/leaf"
    world.until(lambda: world.state(path) == "READY")
    world.at(path).tell(Crash())
    world.until_ready(path, 2)
    assert [world.info(each).generation for each in ("root", "L2", "L2/L1", "L2/L1/L0")] == [1, 2, 2, 2]
