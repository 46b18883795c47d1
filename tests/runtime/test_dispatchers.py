"""What only one dispatcher promises: determinism and virtual time, flat threads and registry."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

import pykka
import pytest

from tests.kit.threads import hurried
from tests.runtime.world import MANY, PATIENCE_S, Boom, Note, World
from vortex.runtime import Actor, Address, ChildSpec, Crash, PoolDispatcher, RestartLimits, VirtualDispatcher
from vortex.runtime.errors import ActorFault, ActorGone, AskTimeout


class Gossip(Actor):
    """Passes a number on, one lower, to all the others."""

    def __init__(self, *, others: list[Callable[[], Address | None]], world: World) -> None:
        self._others = others
        self._world = world

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {int: self._on_number}

    def started(self) -> None:
        self.context.after(10.0, 3)

    def _on_number(self, number: int) -> None:
        self._world.journal.append(f"{self.context.path} {number}")
        for other in self._others:
            address = other()
            if number and address is not None:
                address.tell(number - 1)


def gossip(seed: int) -> tuple[str, list[str]]:
    dispatcher = VirtualDispatcher(seed=seed, start_ms=1_700_000_000_000)
    world = World(dispatcher)
    names = ("a", "b", "c", "d")
    others: list[Callable[[], Address | None]] = [lambda name=name: world.system.find(name) for name in names]  # type: ignore[misc]  # the default binds the name
    world.start(*(ChildSpec(name, lambda: Gossip(others=others, world=world)) for name in names))
    dispatcher.call_at(1_700_000_000_015, lambda: world.at("b").tell(Crash(times=2)))
    dispatcher.run_for(1_000.0)
    assert world.info("b").generation == 3
    assert world.system.stop(PATIENCE_S)
    return dispatcher.trace_hash, world.journal


def test_the_same_seed_gives_the_same_run_and_another_seed_another() -> None:
    first = gossip(1)
    assert first == gossip(1)
    assert len({gossip(seed)[0] for seed in range(5)}) == 5


def test_virtual_time_only_passes_when_told(virtual: tuple[World, VirtualDispatcher]) -> None:
    world, dispatcher = virtual
    seen: list[float] = []
    for t_ms in (30.0, 10.0, -5.0):
        dispatcher.call_at(t_ms, lambda: seen.append(dispatcher.monotonic_ms()))
    assert seen == []
    dispatcher.run_until(29.0)
    assert (seen, dispatcher.now_ms()) == ([0.0, 10.0], 29)
    dispatcher.run_until(12.0)
    assert dispatcher.now_ms() == 29
    dispatcher.run_for(1.0)
    assert seen == [0.0, 10.0, 30.0]
    world.start(world.worker("a"))


def test_an_ask_in_virtual_time_runs_the_others_and_times_out_there(
    virtual: tuple[World, VirtualDispatcher],
) -> None:
    world, dispatcher = virtual
    world.start(world.worker("a"))
    before_ms = dispatcher.now_ms()
    assert world.at("a").ask(Note("now"), 60.0) == "now"
    assert dispatcher.now_ms() == before_ms
    unresolved = pykka.ThreadingFuture[None]()
    with pytest.raises(pykka.Timeout):
        dispatcher.wait(unresolved, 60.0)
    assert dispatcher.now_ms() == before_ms + 60_000


def test_many_restarts_leave_threads_registry_and_timers_flat(threads: World) -> None:
    threads.start(threads.worker("a"), limits=RestartLimits(1000, 0.000_001))
    before = threading.active_count()
    for generation in range(2, 202):
        threads.at("a").tell(Boom(ValueError()))
        threads.until_ready("a", generation)
    threads.until(lambda: threading.active_count() <= before)
    assert pykka.ActorRegistry.get_all() == []
    assert threads.system.stop(PATIENCE_S)
    own = ("pool",) if isinstance(threads.dispatcher, PoolDispatcher) else ("root", "a")
    threads.until(lambda: threading.active_count() <= before - len(("timers", *own)))


@hurried()
def test_an_ask_racing_with_crashes_always_resolves(threads: World) -> None:
    threads.start(threads.worker("a"), limits=RestartLimits(100_000, 0.000_001))
    address, outcomes = threads.at("a"), list[object]()
    done = threading.Event()

    def ask() -> None:
        while not done.is_set():
            try:
                outcomes.append(address.ask(Note("?"), PATIENCE_S))
            except ActorFault as fault:
                outcomes.append(type(fault))

    askers = [threading.Thread(target=ask, daemon=True) for _ in range(3)]
    try:
        for asker in askers:
            asker.start()
        while threads.info("a").generation < 100:
            address.tell(Boom(ValueError()))
            time.sleep(0.001)
    finally:
        done.set()
    for asker in askers:
        asker.join(PATIENCE_S)
        assert not asker.is_alive()
    assert AskTimeout not in outcomes
    assert {"?", ActorGone} >= set(outcomes)


def test_actors_run_on_named_daemon_threads(threads: World) -> None:
    threads.start(threads.tree("T", threads.worker("x"), threads.worker("y", run="thread"), limits=MANY))
    threads.until(lambda: threads.state("T/y") == "READY")
    daemons = {thread.name for thread in threading.enumerate() if thread.daemon}
    alone = isinstance(threads.dispatcher, PoolDispatcher)
    assert {"timers", *(("pool", "T/y") if alone else ("root", "T", "T/x", "T/y"))} <= daemons
