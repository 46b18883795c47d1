"""All actors on the caller's thread in virtual time: handlers take none, and a seed decides who runs next."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from random import Random
from typing import Any

import pykka

from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.inbox import Inbox, LeaveLoop, Parcel
from vortex.runtime.timers import Timer, TimerQueue


class TurnInbox(Inbox):
    """Hands out one message a turn and never waits."""

    on_wake: Callable[[], None]
    served = False

    def get(self) -> Parcel:
        parcel = None if self.served else self._take()
        if parcel is None:
            raise LeaveLoop
        self.served = True
        return parcel

    def _wake(self) -> None:
        self.on_wake()


class VirtualCell(Cell):
    """Runs pykka's loop one message at a time."""

    actor_inbox: TurnInbox
    dispatcher: VirtualDispatcher
    _queued = False

    @staticmethod
    def _create_actor_inbox() -> TurnInbox:
        return TurnInbox()

    def _start_actor_loop(self) -> None:
        self._next = self._actor_loop_setup
        self.actor_inbox.on_wake = self._queue
        self._queue()

    def _queue(self) -> None:
        if not self._queued:
            self._queued = True
            self.dispatcher.runnable.append(self)

    def on_receive(self, message: Any) -> Any:
        self.dispatcher.record(self.path, message)
        return super().on_receive(message)

    def turn(self) -> None:
        """Start, or handle one message; then queue again, rest, or end."""
        self.actor_inbox.served = False
        step, self._next = self._next, self._actor_loop_running
        inside.actor = True
        with suppress(LeaveLoop):
            step()
        inside.actor = False
        if self.actor_stopped.is_set():
            self.finish()  # and stays marked as queued: never again
            return
        self._queued = False
        if len(self.actor_inbox):
            self._queue()


class VirtualDispatcher:
    """Scheduler and clock in one: the same seed and the same inputs give the same run."""

    cell: type[Cell] = VirtualCell

    def __init__(self, seed: int, start_ms: int) -> None:
        self.clock = self
        self.runnable: list[VirtualCell] = []
        self._random = Random(seed)  # noqa: S311  # chooses an interleaving, keeps no secret
        self._timers = TimerQueue()
        self._now_ms = float(start_ms)
        self._trace = blake2b(digest_size=16)

    def now_ms(self) -> int:
        return int(self._now_ms)

    def monotonic_ms(self) -> float:
        return self._now_ms

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1000.0

    @property
    def trace_hash(self) -> str:
        """Digest of every message handled so far: whose, of which type, when."""
        return self._trace.hexdigest()

    def record(self, path: str, message: object) -> None:
        self._trace.update(f"{path} {type(message).__name__} {self._now_ms}\n".encode())

    def call_at(self, t_ms: float, fire: Callable[[], object]) -> Timer:
        """Let something outside the actors happen at a time; what lies in the past happens now."""
        return self._timers.push(max(t_ms, self._now_ms), fire)

    def after(self, delay_ms: float, fire: Callable[[], object]) -> Timer:
        return self.call_at(self._now_ms + delay_ms, fire)

    def run_until(self, t_ms: float) -> None:
        """Run everything that happens up to and including this time."""
        while self._step(t_ms):
            pass

    def run_for(self, duration_ms: float) -> None:
        self.run_until(self._now_ms + duration_ms)

    def wait(self, future: pykka.Future[Any], timeout_s: float) -> Any:
        until_ms = self._now_ms + timeout_s * 1000.0
        while True:
            with suppress(pykka.Timeout):
                return future.get(timeout=0.0)
            if not self._step(until_ms):
                raise pykka.Timeout

    def close(self) -> None:
        """Nothing to release."""

    def _step(self, until_ms: float) -> bool:
        """Run one actor, or else go to the next moment at which something is due; False when that is too late."""
        if self.runnable:
            self.runnable.pop(self._random.randrange(len(self.runnable))).turn()
            return True
        due_ms = self._timers.next_due_ms()
        self._now_ms = max(self._now_ms, min(due_ms, until_ms))
        for timer in self._timers.pop_due(self._now_ms):
            timer.fire()
        return due_ms <= until_ms
