"""The pool under a thread switch every 10 us: nothing is lost, nothing runs twice, nobody waits for ever."""

from __future__ import annotations

import gc
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from random import Random
from typing import Any

import pykka
import pytest
from msgspec import Struct

from tests.kit.threads import hurried
from tests.runtime.world import PATIENCE_S, RealClock, World
from vortex.runtime import Actor, Address, ChildSpec, Crash, PoolDispatcher, RestartLimits, VirtualDispatcher
from vortex.runtime.errors import ActorFault, ActorGone

AT_ONCE = RestartLimits(1_000_000, 0.000_001)
SENDERS, EACH = 4, 1_500


class Numbered(Struct, frozen=True):
    sender: int
    number: int


class Counting(Actor):
    """Notes what it handles, and that it is alone while it does."""

    def __init__(self, handled: list[Numbered], inside: list[int]) -> None:
        self._handled, self._inside = handled, inside

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {Numbered: self._on_numbered}

    def _on_numbered(self, message: Numbered) -> int:
        self._inside[0] += 1
        assert self._inside[0] == 1
        self._handled.append(message)
        self._inside[0] -= 1
        return message.number


def counting(name: str, handled: list[Numbered]) -> ChildSpec:
    inside = [0]
    return ChildSpec(name, lambda: Counting(handled, inside), budget_s=PATIENCE_S)  # hurried: its thread may starve


@hurried()
def test_everything_told_is_handled_once_and_in_order() -> None:
    world, names = World(PoolDispatcher(RealClock())), [f"a{number}" for number in range(8)]
    handled: dict[str, list[Numbered]] = {name: [] for name in names}
    world.start(*(counting(name, handled[name]) for name in names))

    def send(sender: int) -> None:
        random = Random(sender)
        for number in range(EACH):
            world.at(random.choice(names)).tell(Numbered(sender, number))

    _together([partial(send, sender) for sender in range(SENDERS)])
    world.until(lambda: sum(map(len, handled.values())) == SENDERS * EACH)
    for of_one in handled.values():
        order: defaultdict[int, list[int]] = defaultdict(list)
        for message in of_one:
            order[message.sender].append(message.number)
        assert all(numbers == sorted(numbers) for numbers in order.values())
    assert world.system.stop(PATIENCE_S)


@hurried()
def test_what_races_with_crashes_is_handled_or_counted_and_every_ask_resolves() -> None:
    world, handled = World(PoolDispatcher(RealClock())), list[Numbered]()
    world.start(counting("a", handled), world.worker("b"), limits=AT_ONCE)
    address, outcomes = world.at("a"), Counter[str]()

    def tell(sender: int) -> None:
        for number in range(EACH):
            address.tell(Numbered(sender, number))

    def ask() -> None:
        for number in range(300):
            outcomes[_outcome(address, number)] += 1

    def crash() -> None:
        while address.generation < 60:  # what is told between two incarnations is lost: tell again
            address.tell(Crash())
            time.sleep(0.001)

    _together([lambda: tell(1), lambda: tell(2), ask, crash])
    world.until(lambda: world.info("a").mailbox == 0)
    told = Counter(message.sender for message in handled)
    assert sum(outcomes.values()) == 300
    assert set(outcomes) <= {"reply", "ActorGone"}
    assert told[1] + told[2] + told[-1] + address.dead_by_type["Numbered"] == 2 * EACH + outcomes["reply"]
    assert world.info("b").generation == 1
    assert world.system.stop(PATIENCE_S)


@hurried()
def test_a_stop_that_races_with_crashes_and_senders_ends_everything() -> None:
    for _ in range(10):
        world, handled = World(PoolDispatcher(RealClock())), list[Numbered]()
        world.start(counting("a", handled), world.tree("T", world.worker("x"), limits=AT_ONCE), limits=AT_ONCE)
        stopped = threading.Event()

        def disturb(world: World = world, stopped: threading.Event = stopped) -> None:
            while not stopped.is_set():
                world.at("T").tell(Crash())
                world.at("a").tell(Numbered(0, 0))
                time.sleep(0.000_5)  # a flood of what overtakes everything would keep a stop waiting

        thread = threading.Thread(target=disturb, daemon=True)
        thread.start()
        try:
            assert world.system.stop(PATIENCE_S)
        finally:
            stopped.set()
            thread.join(PATIENCE_S)
        assert {info.state for info in world.system.tree()} == {"STOPPED"}


@pytest.fixture
def unlogged() -> Iterator[None]:
    """The test runner keeps every record with its traceback."""
    logging.disable()
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("unlogged")
@pytest.mark.parametrize("kind", ["pool", "virtual"])
def test_ten_thousand_restarts_leave_nothing_behind(kind: str) -> None:
    world = World(PoolDispatcher(RealClock()) if kind == "pool" else VirtualDispatcher(seed=1, start_ms=0))
    world.start(world.worker("a", ready_s=2.0), limits=AT_ONCE)
    _restart(world, 1_000)
    before = _left_behind()
    for _ in range(10):
        _restart(world, 1_000)
    threads, registered, _ = _left_behind()
    assert threads <= before[0]  # fewer when one of an earlier test has ended meanwhile
    assert registered <= before[1]
    # one object kept of each restart would be 10,000; the timers of their starts are kept until they are due
    world.until(lambda: _left_behind()[2] - before[2] < 2_000, patience_s=15.0)
    assert world.system.stop(PATIENCE_S)


def _restart(world: World, times: int) -> None:
    first = world.info("a").generation
    world.at("a").tell(Crash(times=times))
    done_in_s = 6_000.0  # where time stands still while actors run, crashes come too fast not to be delayed
    world.until(lambda: world.info("a").generation == first + times and world.state("a") == "READY", done_in_s)
    world.journal.clear()


def _left_behind() -> tuple[int, int, int]:
    gc.collect()
    return threading.active_count(), len(pykka.ActorRegistry.get_all()), len(gc.get_objects())


def _outcome(address: Address, number: int) -> str:
    try:
        address.ask(Numbered(-1, number), PATIENCE_S)
    except ActorGone:
        return "ActorGone"
    except ActorFault as fault:
        return type(fault).__name__
    return "reply"


def _together(tasks: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=task, daemon=True) for task in tasks]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60.0)
        assert not thread.is_alive()
