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

from vortex.runtime.actor import ChildSpec
from vortex.runtime.cell import Cell
from vortex.runtime.clock import Clock
from vortex.runtime.control import Crash
from vortex.runtime.dispatch.turns import TurnCell
from vortex.runtime.errors import ActorHung


class VirtualCell(TurnCell):
    """Says which messages it handles, and hangs in virtual time: it gets no turn until that is over."""

    dispatcher: VirtualDispatcher

    def on_receive(self, message: Any) -> Any:
        self.dispatcher.record(self.path, message)
        return super().on_receive(message)

    def block(self, crash: Crash) -> None:
        self.dispatcher.hanging.add(self)
        hung = crash.seconds >= self.spec.budget_s
        end = self._hung if hung else self._returned
        self.dispatcher.after(min(crash.seconds, self.spec.budget_s) * 1000.0, end)

    def _returned(self) -> None:
        self.dispatcher.hanging.discard(self)
        self.actor_inbox.idle = False
        self.dispatcher.schedule(self)

    def _hung(self) -> None:
        self.culprit = Crash
        self.exit(ActorHung(f"{self.path} takes longer than {self.spec.budget_s} s"))
        self._returned()


class VirtualDispatcher:
    """Scheduler and clock in one: the same seed and the same inputs give the same run. Time is in whole us."""

    batch = 1

    def __init__(self, seed: int, start_ms: int) -> None:
        self.clock: Clock = self
        self.runnable: list[TurnCell] = []
        self.hanging: set[TurnCell] = set()
        self._now_ms = float(start_ms)
        self._random = Random(seed)  # noqa: S311  # chooses an interleaving, keeps no secret
        self._timers = sched.scheduler(self.monotonic_ms, lambda _: None)
        self._trace = blake2b(digest_size=16)

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        return VirtualCell

    def schedule(self, cell: TurnCell) -> None:
        if cell not in self.hanging:
            self.runnable.append(cell)

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

    def call_at(self, t_ms: float, fire: Callable[[], object]) -> None:
        """Let something outside the actors happen at a time; what lies in the past happens now."""
        self._timers.enterabs(round(t_ms, 3), 0, fire)

    def after(self, delay_ms: float, fire: Callable[[], object]) -> None:
        self.call_at(self._now_ms + delay_ms, fire)

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
