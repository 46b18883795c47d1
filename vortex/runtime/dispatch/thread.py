"""A daemon thread per actor, for actors that may block, and one thread for all timers."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pykka

from vortex.runtime.address import inside, logger
from vortex.runtime.cell import Cell
from vortex.runtime.inbox import LeaveLoop
from vortex.runtime.timers import Clock, Timer, TimerQueue

LONGEST_PAUSE_S = 0.25
"""The timers look at the clock at least this often, since its speed may change."""


class ThreadCell(Cell):
    """Runs pykka's whole loop on a thread of its own."""

    def _start_actor_loop(self) -> None:
        threading.Thread(target=self._live, name=self.path, daemon=True).start()

    def _live(self) -> None:
        inside.actor = True
        try:
            with suppress(LeaveLoop):  # cut off while it waited for a message
                self._actor_loop()
        except BaseException as error:  # noqa: BLE001  # raised into the thread from outside, between two messages
            logger.error("%s was interrupted", self.path, exc_info=error)
            self.exit(error)
            self._system.cut_off(self.path)
        self.finish()


class ThreadDispatcher:
    """Real threads and the given clock."""

    cell: type[Cell] = ThreadCell

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._timers = TimerQueue()
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None
        self._closed = False

    def after(self, delay_ms: float, fire: Callable[[], object]) -> Timer:
        with self._changed:
            timer = self._timers.push(self.clock.monotonic_ms() + delay_ms, fire)
            if self._thread is None:
                self._thread = threading.Thread(target=self._run_timers, name="timers", daemon=True)
                self._thread.start()
            self._changed.notify()
        return timer

    def wait(self, future: pykka.Future[Any], timeout_s: float) -> Any:
        return future.get(timeout=timeout_s)

    def close(self) -> None:
        with self._changed:
            self._closed = True
            self._changed.notify()
        if self._thread is not None:
            self._thread.join()

    def _run_timers(self) -> None:
        while not self._closed:
            with self._changed:
                now_ms = self.clock.monotonic_ms()
                due = self._timers.pop_due(now_ms)
                if not due and not self._closed:
                    pause_s = self.clock.real_s(self._timers.next_due_ms() - now_ms)
                    self._changed.wait(min(pause_s, LONGEST_PAUSE_S))
            for timer in due:
                timer.fire()
