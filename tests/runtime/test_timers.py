"""Timers are messages to one incarnation."""

from __future__ import annotations

import threading

from tests.runtime.world import PATIENCE_S, Boom, Note, RealClock, SetTimer, Worker, World
from vortex.runtime import ChildSpec, ThreadDispatcher, VirtualDispatcher


def test_a_timer_delivers_its_message(world: World) -> None:
    world.start(world.worker("a"))
    world.at("a").tell(SetTimer(20.0, Note("later")))
    world.until(lambda: "a later" in world.journal)


def test_a_dead_incarnations_timers_reach_nobody(world: World) -> None:
    class Dying(Worker):
        """Sets a timer with its last breath: in two messages it could be due before the second."""

        def _on_boom(self, message: Boom) -> None:
            self.context.after(50.0, Note("old"))
            super()._on_boom(message)

    world.start(ChildSpec("a", lambda: Dying(world=world)))
    world.at("a").tell(Boom(ValueError()))
    world.until_ready("a", 2)
    world.at("a").tell(SetTimer(60.0, Note("new")))
    world.until(lambda: "a new" in world.journal)
    assert "a old" not in world.journal
    assert world.at("a").dead_letters == 0


def test_virtual_timers_fire_in_order_and_on_time(virtual: tuple[World, VirtualDispatcher]) -> None:
    world, dispatcher = virtual
    world.start(world.worker("a"))
    start_ms = dispatcher.now_ms()
    for delay_ms in (30.0, 10.0, 20.0):
        world.at("a").tell(SetTimer(delay_ms, Note(f"{delay_ms}")))
    dispatcher.run_for(19.999)
    assert world.journal[-1] == "a 10.0"
    dispatcher.run_until(start_ms + 30.0)
    assert world.journal[-2:] == ["a 20.0", "a 30.0"]
    assert dispatcher.now_ms() == start_ms + 30


def test_the_clock_decides_how_long_a_timer_takes() -> None:
    dispatcher, fired = ThreadDispatcher(RealClock(speed=1000.0)), threading.Event()
    dispatcher.after(20_000.0, fired.set)
    assert fired.wait(PATIENCE_S)
    dispatcher.close()


def test_a_timer_follows_a_clock_that_changes_its_speed() -> None:
    class Shifted(RealClock):
        shift_ms = 0.0

        def monotonic_ms(self) -> float:
            return super().monotonic_ms() + self.shift_ms

    clock = Shifted()
    dispatcher, fired = ThreadDispatcher(clock), threading.Event()
    dispatcher.after(3_600_000.0, fired.set)
    clock.shift_ms = 3_600_000.0
    assert fired.wait(PATIENCE_S)
    dispatcher.close()
