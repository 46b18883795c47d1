"""Handlers that hang: found, fenced, replaced; what wakes too late has no effect; too many end the process."""

from __future__ import annotations

import ctypes
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Literal

import pykka
import pytest
from pykka._envelope import Envelope

from tests.runtime.world import PATIENCE_S, Boss, Note, Pause, RealClock, Worker, World
from vortex.runtime import ChildSpec, Crash, PoolDispatcher, RestartLimits
from vortex.runtime.cell import Cell
from vortex.runtime.errors import ActorHung, Fenced
from vortex.runtime.watchdog import Watchdog

AT_ONCE = RestartLimits(1_000, 0.000_001)


class Zombie(Worker):
    """Hangs in its first life, and does something about it when it wakes."""

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {**super().handlers(), Pause: self._on_pause_then}

    def _on_pause_then(self, message: Pause) -> None:
        try:
            self._on_pause(message)
        finally:  # also when Fenced is raised here
            self._world.at("b").tell(Note("from a zombie"))
            self.context.after(0.0, Note("timer of a zombie"))


def hang(world: World, path: str) -> Pause:
    """Have an actor hang until `leave` is set."""
    pause = Pause(threading.Event(), threading.Event())
    world.at(path).tell(pause)
    assert pause.entered.wait(PATIENCE_S)
    return pause


@pytest.mark.parametrize("how", ["hang", "spin"])
def test_an_actor_that_hangs_is_fenced_and_replaced(world: World, how: Literal["hang", "spin"]) -> None:
    world.start(world.worker("a"), world.worker("b"))
    world.at("a").tell(Crash(how=how, seconds=10.0))
    world.until_ready("a", 2)
    assert world.at("a").ask(Note("fresh"), PATIENCE_S) == "fresh"
    assert "root hears a #1 failed: ActorHung" in world.journal
    assert world.info("b").generation == 1


def test_others_are_served_while_one_hangs(threads: World) -> None:
    threads.start(threads.worker("a"), threads.worker("b"))
    pause = hang(threads, "a")
    assert threads.at("b").ask(Note("served"), PATIENCE_S) == "served"
    threads.until_ready("a", 2)
    pause.leave.set()


def test_a_zombies_words_reach_nobody(threads: World) -> None:
    threads.start(ChildSpec("a", lambda: Zombie(world=threads)), threads.worker("b"))
    pause = hang(threads, "a")
    threads.until_ready("a", 2)
    assert not pause.leave.is_set()
    pause.leave.set()
    threads.until(lambda: threads.at("a").dead_by_type["Note"] == 1)
    assert threads.at("a").ask(Note("alive"), PATIENCE_S) == "alive"
    assert not [line for line in threads.journal if "zombie" in line]


class Struck(pykka.ThreadingFuture[object]):
    """A reply during which its actor is fenced, so that it is struck when its handler has just returned."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self._cell = cell

    def set(self, value: object | None = None) -> None:  # noqa: ARG002  # pykka's name for it
        self._cell.interrupt(ActorHung("fenced"))
        raise Fenced


def test_one_that_is_struck_outside_its_handler_ends_too(world: World) -> None:
    world.start(world.worker("a"), world.worker("b"))
    cell = world.at("a").cell
    assert cell is not None
    cell.actor_inbox.put(Envelope(Note("late"), reply_to=Struck(cell)))
    world.until_ready("a", 2)
    world.until(lambda: cell.ended)
    assert world.at("b").ask(Note("served"), PATIENCE_S) == "served"


def test_what_hangs_while_it_starts_is_fenced() -> None:
    world, go_on = World(PoolDispatcher(RealClock())), threading.Event()

    class Slow(Worker):
        def started(self) -> None:
            if self.context.generation == 1:
                assert go_on.wait(PATIENCE_S)
            super().started()

    try:
        world.start(world.worker("b"), ChildSpec("a", lambda: Slow(world=world)))
        assert world.info("a").generation == 2
        go_on.set()
    finally:
        assert world.system.stop(PATIENCE_S)


def test_a_supervisor_that_hangs_is_replaced_with_all_below_it(threads: World) -> None:
    class Stuck(Boss):
        def handlers(self) -> Mapping[type, Callable[[Any], object]]:
            return {**super().handlers(), Pause: lambda message: message.leave.wait(PATIENCE_S)}

    spec = ChildSpec("T", lambda: Stuck(world=threads, first=[threads.worker("x")], limits=AT_ONCE))
    threads.start(spec, threads.worker("b"))
    threads.until_ready("T/x", 1)
    pause = Pause(threading.Event(), threading.Event())
    threads.at("T").tell(pause)
    threads.until_ready("T/x", 2)
    pause.leave.set()
    assert threads.at("T/x").ask(Note("anew"), PATIENCE_S) == "anew"


def test_an_actor_with_time_for_it_is_shown_as_hung_until_it_returns(threads: World) -> None:
    threads.start(threads.worker("a", run="thread", budget_s=60.0))
    pause = hang(threads, "a")
    threads.until(lambda: threads.state("a") == "HUNG")
    pause.leave.set()
    threads.until(lambda: threads.state("a") == "READY")
    assert threads.info("a").generation == 1


def test_three_zombies_are_too_many(threads: World) -> None:
    threads.start(*(threads.worker(name) for name in "abc"))
    pauses = [hang(threads, name) for name in "ab"]
    threads.until_ready("b", 2)
    assert not threads.failures
    pauses.append(hang(threads, "c"))
    threads.until(lambda: bool(threads.failures))
    assert isinstance(threads.failures[0], ActorHung)
    for pause in pauses:
        pause.leave.set()


def test_one_thread_that_does_not_return_is_one_zombie_however_long_it_lasts() -> None:
    dispatcher = PoolDispatcher(RealClock())
    world = World(dispatcher)
    world.start(world.worker("a", run="thread", budget_s=0.1))
    pause = hang(world, "a")
    world.until_ready("a", 2)
    watchdog = Watchdog(dispatcher, world.at("root"), lambda: None, world.failures.append)
    watchdog.close()  # from now on it looks when we say
    for _ in range(10):
        watchdog.look(0.1)
    assert not world.failures
    assert world.info("a").generation == 2
    pause.leave.set()
    assert world.system.stop(PATIENCE_S)


def test_nobody_is_blamed_when_the_whole_process_was_held_up() -> None:
    dispatcher = PoolDispatcher(RealClock())
    world = World(dispatcher)
    world.start(world.worker("a", run="thread", budget_s=0.5))
    watchdog = Watchdog(dispatcher, world.at("root"), lambda: None, world.failures.append)
    watchdog.close()  # from now on it looks when we say
    pause = hang(world, "a")
    watchdog.look(0.1)
    watchdog.look(0.1)
    assert world.info("a").generation == 1
    pause.leave.set()
    assert world.system.stop(PATIENCE_S)


def test_the_tree_is_alive_while_its_root_beats(threads: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vortex.runtime.watchdog.BEAT_S", 0.05)
    monkeypatch.setattr("vortex.runtime.watchdog.DEAD_S", 0.5)
    threads.start(threads.worker("a"))
    threads.until(threads.system.alive)
    go_on = threading.Event()
    threads.dispatcher.after(1.0, go_on.wait)  # the timers are stuck
    try:
        threads.until(lambda: not threads.system.alive())
    finally:
        go_on.set()
    threads.until(threads.system.alive)


def test_beats_are_told() -> None:
    beats = threading.Event()
    world = World(PoolDispatcher(RealClock()), on_beat=beats.set)
    world.start(world.worker("a"))
    assert beats.wait(PATIENCE_S)
    assert world.system.stop(PATIENCE_S)
    assert not world.system.alive()


def test_a_hang_in_virtual_time_takes_the_budget_and_no_more(world: World) -> None:
    world.start(world.worker("a", budget_s=PATIENCE_S), world.worker("b"))
    world.at("a").tell(Crash(how="hang", seconds=0.02))
    began_s = time.monotonic()
    assert world.at("a").ask(Note("waits"), PATIENCE_S) == "waits"
    assert time.monotonic() - began_s < PATIENCE_S
    assert world.info("a").generation == 1


def test_an_exception_raised_into_an_idle_thread_is_a_crash(threads: World) -> None:
    threads.start(threads.worker("a", run="thread"))
    cell = threads.at("a").cell
    assert cell is not None
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(cell.thread_id), ctypes.py_object(KeyboardInterrupt))
    threads.at("a").tell(Note("wake"))  # the exception strikes when the thread runs again
    threads.until_ready("a", 2)
    assert threads.at("a").ask(Note("anew"), PATIENCE_S) == "anew"
