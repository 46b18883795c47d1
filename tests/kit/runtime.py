"""Run a behaviour unstarted: its handlers in the test's thread, its timers when the test lets time pass."""

from __future__ import annotations

import heapq
from itertools import count
from typing import cast

from vortex.runtime import Actor, Address, ChildSpec, Crash
from vortex.runtime.cell import Cell
from vortex.runtime.clock import Clock


class ManualClock:
    """Stands still until a test moves it."""

    def __init__(self, now_ms: float = 0.0) -> None:
        self.time_ms = now_ms

    def now_ms(self) -> int:
        return int(self.time_ms)

    def monotonic_ms(self) -> float:
        return self.time_ms

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1000.0


class ManualContext:
    """An actor's context without a runtime; `spawned`, `cut` and `exits` keep what the actor asked for."""

    def __init__(self, actor: Actor, *, path: str = "actor", now_ms: float = 0.0) -> None:
        self.address = Address(path)
        self.path = path
        self.generation = 1
        self.parent: Address | None = None
        self._now = ManualClock(now_ms)
        self.clock: Clock = self._now
        self.spawned: list[ChildSpec] = []
        self.cut: list[str] = []
        self.blocked: Crash | None = None
        self.exits: list[BaseException | None] = []
        self.over = False
        self._children: dict[str, Address] = {}
        self._timers: list[tuple[float, int, object]] = []
        self._order = count()
        self._actor = actor
        actor.context = cast("Cell", self)

    def after(self, delay_ms: float, message: object) -> None:
        heapq.heappush(self._timers, (self._now.time_ms + delay_ms, next(self._order), message))

    def child_address(self, name: str) -> Address:
        return self._children.setdefault(name, Address(f"{self.path}/{name}"))

    def spawn(self, spec: ChildSpec) -> None:
        self.child_address(spec.name).generation += 1
        self.spawned.append(spec)

    def cut_off(self, name: str) -> None:
        self.cut.append(name)

    def exit(self, error: BaseException | None) -> None:
        self.over = True
        self.exits.append(error)

    def block(self, crash: Crash) -> None:
        self.blocked = crash

    def advance(self, duration_ms: float) -> None:
        """Let time pass; what becomes due is received at its own time, in order."""
        end_ms = self._now.time_ms + duration_ms
        while self._timers and self._timers[0][0] <= end_ms:
            due_ms, _, message = heapq.heappop(self._timers)
            self._now.time_ms = max(self._now.time_ms, due_ms)
            self._actor.receive(message)
        self._now.time_ms = end_ms
