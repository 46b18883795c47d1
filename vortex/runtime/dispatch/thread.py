"""A daemon thread per actor, for actors that may block, and one thread for all timers."""

from __future__ import annotations

import sched
import threading
from collections.abc import Callable
from typing import Any

import pykka

from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.timers import Clock, Timer

LONGEST_PAUSE_S = 0.25
"""The timers look at the clock at least this often, since its speed may change."""


class ThreadCell(Cell):
    """Runs pykka's whole loop on a thread of its own."""

    def _start_actor_loop(self) -> None:
        threading.Thread(target=self._live, name=self.path, daemon=True).start()

    def _live(self) -> None:
        inside.actor = True
        try:
            self._actor_loop()
        except BaseException as error:  # noqa: BLE001  # LeaveLoop of a closed inbox, or raised into the idle thread
            self.interrupt(error)
        inside.actor = False
        self.finish()


class ThreadDispatcher:
    """Real threads and the given clock."""

    cell: type[Cell] = ThreadCell

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._timers = sched.scheduler(clock.monotonic_ms)
        self._changed = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run_timers, name="timers", daemon=True)
        self._thread.start()

    def after(self, delay_ms: float, fire: Callable[[], object]) -> Timer:
        timer = Timer(fire)
        self._timers.enter(delay_ms, 0, timer)
        self._changed.set()
        return timer

    def wait(self, future: pykka.Future[Any], timeout_s: float) -> Any:
        return future.get(timeout=timeout_s)

    def close(self) -> None:
        self._closed = True
        self._changed.set()
        self._thread.join()

    def _run_timers(self) -> None:
        while not self._closed:
            self._changed.clear()
            next_ms = self._timers.run(blocking=False)
            pause_s = LONGEST_PAUSE_S if next_ms is None else self.clock.real_s(next_ms)
            self._changed.wait(min(pause_s, LONGEST_PAUSE_S))
