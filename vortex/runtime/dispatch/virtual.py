"""All actors on the caller's thread in virtual time: handlers take none, and a seed decides who runs next."""

from __future__ import annotations

import math
import sched
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from random import Random
from typing import Any

import pykka

from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.inbox import Inbox, LeaveLoop, Parcel
from vortex.runtime.timers import Clock, Timer


class TurnInbox(Inbox):
    """Hands out one message a turn and never waits."""

    served = False

    def get(self) -> Parcel:
        if self.served or (parcel := self._take()) is None:
            raise LeaveLoop
        self.served = True
        return parcel


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
        self.actor_inbox.wake = self._queue
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
        step, self._next = self._next, self._actor_loop_running
        self.actor_inbox.served = False
        inside.actor = True
        with suppress(LeaveLoop):
            step()
        inside.actor = False
        self._queued = self.actor_stopped.is_set()  # which marks it as queued for ever: never again
        if self._queued:
            self.finish()
        elif len(self.actor_inbox):
            self._queue()


class VirtualDispatcher:
    """Scheduler and clock in one: the same seed and the same inputs give the same run. Time is in whole us."""

    cell: type[Cell] = VirtualCell

    def __init__(self, seed: int, start_ms: int) -> None:
        self.clock: Clock = self
        self.runnable: list[VirtualCell] = []
        self._now_ms = float(start_ms)
        self._random = Random(seed)  # noqa: S311  # chooses an interleaving, keeps no secret
        self._timers = sched.scheduler(self.monotonic_ms, lambda _: None)
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
        timer = Timer(fire)
        self._timers.enterabs(round(t_ms, 3), 0, timer)
        return timer

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
        """Run one actor, or else what is due, or else go to the next moment; False when that is too late."""
        if self.runnable:
            self.runnable.pop(self._random.randrange(len(self.runnable))).turn()
            return True
        pause_ms = self._timers.run(blocking=False)
        if self.runnable:
            return True
        next_ms = math.inf if pause_ms is None else round(self._now_ms + pause_ms, 3)
        self._now_ms = max(self._now_ms, min(next_ms, until_ms))
        return next_ms <= until_ms
