"""A daemon thread per actor, for actors that may block, and one thread for all timers and for the watchdog's looks."""

from __future__ import annotations

import heapq
import threading
from collections.abc import Callable, Iterable
from itertools import count
from typing import Any

import pykka

from vortex.runtime.actor import ChildSpec
from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.clock import Clock
from vortex.runtime.inbox import Inbox, LeaveLoop, Parcel

LONGEST_PAUSE_S = 0.05
"""The timers look at the clock at least this often, since its speed may change, and the watchdog at the cells."""


class WaitingInbox(Inbox):
    """`get` waits for a message."""

    def __init__(self) -> None:
        super().__init__()
        self._filled = threading.Condition(self.lock)
        self.wake = self._filled.notify

    def get(self) -> Parcel:
        with self.lock:
            while (parcel := self.take()) is None:
                if self.closed:
                    raise LeaveLoop
                self.idle = True
                self._filled.wait()
            return parcel


class ThreadCell(Cell):
    """Runs pykka's whole loop on a thread of its own."""

    dispatcher: ThreadDispatcher

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return WaitingInbox()

    def _start_actor_loop(self) -> None:
        threading.Thread(target=self._live, name=self.path, daemon=True).start()

    def _live(self) -> None:
        self.thread_id, inside.cell = threading.get_ident(), self
        self.dispatcher.threads.add(self)
        try:
            self._actor_loop()
        except BaseException as error:  # noqa: BLE001  # LeaveLoop of a closed inbox, or raised into the idle thread
            self.interrupt(error)
        self.dispatcher.threads.discard(self)
        inside.cell, self.ended = None, True
        self.finish()


class ThreadDispatcher:
    """Real threads and the given clock.

    Attributes:
        threads: The cells that have a thread of their own.
        look: Called again and again on the thread of the timers, of which it must not cost much; it must not raise.
    """

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.threads: set[Cell] = set()
        self._timers: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()
        self._lock = threading.Lock()
        self._sooner = threading.Event()
        self._closed = False
        self.look: Callable[[], object] = bool
        self._thread = threading.Thread(target=self._run_timers, name="timers", daemon=True)
        self._thread.start()

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        """The kind of cell that runs such a child."""
        return ThreadCell

    def running(self) -> Iterable[Cell]:
        """Cells that may be in a handler now."""
        return self.threads.copy()

    def replace(self, cell: Cell) -> bool:
        """Let nobody else run on the thread on which this cell hangs; False when it does not run any more."""
        return cell in self.threads

    def after(self, delay_ms: float, fire: Callable[[], object]) -> None:
        """Call `fire`, which must not raise, after the delay; without one, at once."""
        if delay_ms <= 0.0:  # a restart must not wait until the timers' thread gets its turn
            fire()
            return
        entry = (self.clock.monotonic_ms() + delay_ms, next(self._order), fire)
        with self._lock:
            heapq.heappush(self._timers, entry)
            if self._timers[0] is entry:
                self._sooner.set()

    def wait(self, future: pykka.Future[Any], timeout_s: float) -> Any:
        """Return the future's value or raise pykka.Timeout; never called by an actor."""
        return future.get(timeout=timeout_s)

    def close(self) -> None:
        """Let time stand still and release threads."""
        self._closed = True
        self._sooner.set()
        self._thread.join()

    def _run_timers(self) -> None:
        while not self._closed:
            self._sooner.clear()
            self.look()
            while callable(due := self._due()):
                due()
            self._sooner.wait(due)

    def _due(self) -> Callable[[], object] | float:
        """Take out what is due first, if its time has come; else return the seconds to wait for it."""
        with self._lock:
            if not self._timers:
                return LONGEST_PAUSE_S
            left_ms = self._timers[0][0] - self.clock.monotonic_ms()
            if left_ms > 0.0:
                return min(self.clock.real_s(left_ms), LONGEST_PAUSE_S)
            return heapq.heappop(self._timers)[-1]
