"""The pykka actor around one incarnation of a behaviour. pykka's loop runs it; pykka's failure handling never does.

pykka loses what a supervisor must know (an error under an ask, in on_start, a BaseException, what waits behind a
crash), so no exception of ours reaches it: every way to die ends in `exit`, and then in exactly one ChildExited.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

import pykka

from vortex.runtime.actor import Actor, ChildSpec
from vortex.runtime.address import Address, deliver, logger
from vortex.runtime.control import ChildEvent, ChildExited, ChildReady, Crash
from vortex.runtime.errors import ActorCrashed, ActorGone
from vortex.runtime.inbox import Inbox
from vortex.runtime.timers import Clock, Timer

if TYPE_CHECKING:
    from vortex.runtime.system import ActorSystem

Report: TypeAlias = Callable[[ChildEvent], object]


class Dispatcher(Protocol):
    """Decides on which thread and when actors run, and when time passes."""

    clock: Clock
    cell: type[Cell]

    def after(self, delay_ms: float, fire: Callable[[], object]) -> Timer:
        """Call `fire`, which must not raise, after the delay."""

    def wait(self, future: pykka.Future[Any], timeout_s: float) -> Any:
        """Return the future's value or raise pykka.Timeout; never called by an actor."""

    def close(self) -> None:
        """Let time stand still and release threads."""


class Cell(pykka.ThreadingActor):
    """One incarnation; it is also the behaviour's ActorContext."""

    actor_inbox: Inbox

    def __init__(self, system: ActorSystem, spec: ChildSpec, parent: Address | None, report: Report) -> None:
        super().__init__()
        self._system, self._spec, self.parent, self._report = system, spec, parent, report
        self.dispatcher, self.clock = system.dispatcher, system.dispatcher.clock
        self.address = system.address(parent, spec.name)
        self.path, self.generation = self.address.path, self.address.generation
        self._behaviour: Actor | None = None
        self._error: BaseException | None = None
        self.actor_inbox.on_dead, self.actor_inbox.on_error = self.address.count_dead, self.interrupt
        self.address.cell = self

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return Inbox()

    def on_start(self) -> None:
        try:
            behaviour = self._behaviour = self._spec.factory()
            behaviour.context = self
            behaviour.started()
        except BaseException as error:  # noqa: BLE001  # SystemExit too: pykka would stop every actor
            self._crash("starting", error)
        else:
            self._report(ChildReady(self._spec.name, self.generation))
            if self.address.crashes_to_come:
                self.address.tell(Crash(times=self.address.crashes_to_come))

    def on_receive(self, message: Any) -> Any:
        try:
            return self._behaviour and self._behaviour.receive(message)
        except BaseException as error:  # noqa: BLE001  # as above
            self._crash(f"handling {type(message).__name__}", error)
            fault = ActorCrashed(f"{self.path}: {error!r}")
            fault.__cause__ = error
            return fault

    def _crash(self, doing: str, error: BaseException) -> None:
        logger.error("%s crashed while %s", self.path, doing, exc_info=error)
        if self._behaviour is None or self.actor_stopped.is_set():
            self.exit(error)
        else:
            self._behaviour.leave(error)  # a supervisor lives on until its children, still its own, have stopped

    def interrupt(self, error: BaseException) -> None:
        """Crash from outside the behaviour: between two messages, or from another thread."""
        if not self.actor_stopped.is_set():
            logger.error("%s is interrupted", self.path, exc_info=error)
            self.exit(error)

    def exit(self, error: BaseException | None) -> None:
        if not self.actor_stopped.is_set():
            self._error = error
            self.actor_stopped.set()
            self.actor_inbox.close()

    def finish(self) -> None:
        """The loop is over: tell the supervisor."""
        self.exit(None)
        self._report(ChildExited(self._spec.name, self.generation, self._error))

    def after(self, delay_ms: float, message: object) -> Timer:
        return self.dispatcher.after(delay_ms, partial(deliver, self.actor_ref, message))

    def child_address(self, name: str) -> Address:
        return self._system.address(self.address, name)

    def spawn(self, spec: ChildSpec) -> None:
        if self.actor_stopped.is_set():  # a successor may own these children already
            raise ActorGone(f"{self.path} #{self.generation} is over")
        self._system.spawn(spec, self.address, partial(deliver, self.actor_ref))

    def cut_off(self, name: str) -> None:
        self._system.cut_off(self.child_address(name).path)
