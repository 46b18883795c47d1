"""A small tree to break, on either dispatcher."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from msgspec import Struct

from vortex.runtime import (
    Actor,
    ActorInfo,
    ActorSystem,
    Address,
    ChildSpec,
    RestartLimits,
    Supervisor,
    ThreadDispatcher,
    VirtualDispatcher,
)

PATIENCE_S = 30.0
"""For what takes milliseconds: a busy machine may run somebody else for seconds."""
PATIENT: Mapping[str, Any] = {"run": "thread", "budget_s": 600.0}
"""Of an actor that is blocked on purpose, and not to be found hanging: it holds up nobody and nobody fences it."""
MANY = RestartLimits(1000, 60.0)


class Note(Struct, frozen=True):
    """Ordered; written down, and echoed to an asker."""

    text: str


class Boom(Struct, frozen=True):
    """Raises its error in the handler."""

    error: BaseException


class Pause(Struct, frozen=True):
    """Blocks its handler: `entered` is set, then it waits for `leave`."""

    entered: threading.Event
    leave: threading.Event


class SetTimer(Struct, frozen=True):
    """Sets a timer that delivers the note."""

    delay_ms: float
    note: Note


class AskFor(Struct, frozen=True):
    """Makes the actor ask another one, which it must not."""

    address: Address


class Unknown(Struct, frozen=True):
    """Nobody handles this."""


class RealClock:
    """The machine's clock, `speed` times as fast."""

    def __init__(self, speed: float = 1.0) -> None:
        self.speed = speed

    def now_ms(self) -> int:
        return int(self.monotonic_ms())

    def monotonic_ms(self) -> float:
        return time.monotonic() * 1000.0 * self.speed

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1000.0 / self.speed


class World:
    """One actor system, what happened in it, and how to wait for it."""

    def __init__(
        self, dispatcher: ThreadDispatcher | VirtualDispatcher, on_beat: Callable[[], object] = lambda: None
    ) -> None:
        self.dispatcher = dispatcher
        self.journal: list[str] = []
        self.failures: list[BaseException] = []
        self.system = ActorSystem(dispatcher, on_root_failure=self.failures.append, on_beat=on_beat)

    def start(self, *children: ChildSpec, limits: RestartLimits = MANY) -> Address:
        """Start a root with these children and wait until they are ready."""
        address = self.system.start_root(ChildSpec("root", lambda: self.boss(*children, limits=limits)))
        self.until(lambda: all(self.state(child.name) == "READY" for child in children))
        return address

    def boss(self, *children: ChildSpec, limits: RestartLimits = MANY) -> Boss:
        return Boss(world=self, first=children, limits=limits)

    def worker(self, name: str, **changes: Any) -> ChildSpec:
        return ChildSpec(name, lambda: Worker(world=self), **changes)

    def tree(self, name: str, *children: ChildSpec, limits: RestartLimits = MANY, **changes: Any) -> ChildSpec:
        return ChildSpec(name, lambda: self.boss(*children, limits=limits), **changes)

    def at(self, path: str) -> Address:
        address = self.system.find(path)
        assert address is not None, path
        return address

    def info(self, path: str) -> ActorInfo:
        return next(info for info in self.system.tree() if info.path == path)

    def state(self, path: str) -> str:
        return next((info.state.value for info in self.system.tree() if info.path == path), "")

    def until(self, condition: Callable[[], bool], patience_s: float = PATIENCE_S) -> None:
        """Let time pass until the condition holds; fail when it does not within so many (virtual or real) seconds."""
        now_ms, pause = self.dispatcher.clock.monotonic_ms, self._pause()
        deadline_ms = now_ms() + patience_s * 1000.0
        pause(0.0)
        while not condition():
            assert now_ms() < deadline_ms, self.journal[-20:]
            pause(1.0)

    def _pause(self) -> Callable[[float], None]:
        if isinstance(self.dispatcher, VirtualDispatcher):
            return self.dispatcher.run_for
        return lambda duration_ms: time.sleep(duration_ms / 1000.0)

    def until_ready(self, path: str, generation: int) -> None:
        self.until(lambda: self.state(path) == "READY" and self.info(path).generation == generation)


class Worker(Actor):
    """Does what it is told and writes it down."""

    def __init__(self, *, world: World) -> None:
        self._world = world

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            Note: self._on_note,
            Boom: self._on_boom,
            Pause: self._on_pause,
            SetTimer: lambda message: self.context.after(message.delay_ms, message.note),
            AskFor: lambda message: message.address.ask(Note("inner"), 1.0),
        }

    def started(self) -> None:
        self._write("started")

    def stopping(self) -> None:
        self._write("stopping")

    def _on_note(self, message: Note) -> str:
        self._write(message.text)
        return message.text

    def _on_boom(self, message: Boom) -> None:
        raise message.error

    def _on_pause(self, message: Pause) -> None:
        message.entered.set()
        assert message.leave.wait(PATIENCE_S)

    def _write(self, text: str) -> None:
        self._world.journal.append(f"{self.context.path} {text}")


class StartChild(Struct, frozen=True):
    """Tells a boss to start one more child."""

    spec: ChildSpec


class StopChild(Struct, frozen=True):
    """Tells a boss to stop a child for good."""

    name: str


class Boss(Supervisor):
    """A supervisor that writes down what its hooks are told."""

    def __init__(self, *, world: World, first: Sequence[ChildSpec], limits: RestartLimits) -> None:
        super().__init__(limits=limits, random=Random(7))  # jitter, not a secret
        self._world = world
        self._first = first

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            StartChild: lambda message: self.start_child(message.spec),
            StopChild: lambda message: self.stop_child(message.name),
            Boom: self._on_boom,
        }

    def children(self) -> Sequence[ChildSpec]:
        return self._first

    def child_started(self, name: str, address: Address) -> None:
        assert self.child(name) is address
        self._world.journal.append(f"{self.context.path} hears {name} started")

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        self._world.journal.append(f"{self.context.path} hears {name} #{generation} failed: {type(error).__name__}")

    def _on_boom(self, message: Boom) -> None:
        raise message.error
