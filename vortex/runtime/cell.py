"""The pykka actor around one incarnation of a behaviour. pykka's loop runs it; pykka's failure handling never does.

pykka loses what a supervisor must know (an error under an ask, in on_start, a BaseException, what waits behind a
crash), so no exception of ours reaches it: every way to die ends in `exit`, and then in exactly one ChildExited.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import pykka
from pykka._envelope import Envelope

from vortex.runtime.actor import Actor, ChildSpec
from vortex.runtime.address import Address, logger
from vortex.runtime.clock import Clock
from vortex.runtime.control import ChildEvent, ChildExited, ChildReady, Crash
from vortex.runtime.errors import ActorCrashed, ActorGone, InjectedCrash
from vortex.runtime.inbox import Inbox

if TYPE_CHECKING:
    from vortex.runtime.system import ActorSystem, Dispatcher

Report: TypeAlias = Callable[[ChildEvent], object]


class Cell(pykka.ThreadingActor):
    """One incarnation, and the context in which its behaviour runs.

    A behaviour may use address, path, generation, parent (its supervisor's address, None for the root), clock, over and
    `after`; a supervisor also child_address, spawn, cut_off and exit. The rest is for the runtime.

    Attributes:
        generation: Which incarnation this is, from 1.
        over: It has ended, or was fenced while it hung: whatever it still does must have no effect. What it tells an
            address is refused without asking; a behaviour asks here before an effect of another kind.
        ended: Its loop has returned; one that is over and has not ended is a zombie.
        turns: Odd while it is in a handler; `handling` is then the message.
        culprit: The type of the message whose handler crashed or hung.
        thread_id: Where it runs, or last ran.
    """

    actor_inbox: Inbox

    def __init__(self, system: ActorSystem, spec: ChildSpec, parent: Address | None, report: Report) -> None:
        self._system, self.spec, self.parent, self._report = system, spec, parent, report
        self.dispatcher: Dispatcher = system.dispatcher
        address = self.address = system.address(parent, spec.name)
        self.actor_urn, self.path, self.generation = address.path, address.path, address.generation
        # pykka's __init__ makes a random urn instead, a system call for a name that nobody uses, and an event
        self.actor_stopped = self.actor_inbox = self._create_actor_inbox()  # type: ignore[assignment]  # one of ours
        self._actor_ref = pykka.ActorRef(self)
        self.over = self.ended = False
        self.turns = self.thread_id = 0
        self.handling: object = None
        self.culprit: type | None = None
        self._behaviour: Actor | None = None
        self._error: BaseException | None = None
        self._recorder = system.recorder
        self.clock: Clock = system.recorder or self.dispatcher.clock
        self.actor_inbox.on_dead, self.actor_inbox.on_error = self.address.count_dead, self.interrupt
        self.address.cell = self

    def on_start(self) -> None:
        try:
            if self._recorder is not None:
                self._recorder.handling(self.path, self.generation, None)
            self._start()
        except BaseException as error:  # noqa: BLE001  # SystemExit too: pykka would stop every actor
            self._crash("starting", error)
        else:
            self._report(ChildReady(self.spec.name, self.generation))

    def _start(self) -> None:
        crash, self.address.crash_to_come = self.address.crash_to_come, None
        if crash is not None and crash.how == "start_failure":
            self.address.crash_to_come = crash.rest
            raise InjectedCrash(f"start failure, {crash.times - 1} more to come")
        behaviour = self._behaviour = self.spec.factory()
        behaviour.context = self
        behaviour.started()
        if crash is not None:
            self.actor_inbox.put(Envelope(crash))

    def on_receive(self, message: Any) -> Any:
        self.handling = message
        self.turns += 1
        try:
            if self._recorder is not None:
                self._recorder.handling(self.path, self.generation, message)
            return self._behaviour and self._behaviour.receive(message)
        except BaseException as error:  # noqa: BLE001  # as above
            self.culprit = self.culprit or type(message)
            self._crash(f"handling {type(message).__name__}", error)
            fault = ActorCrashed(f"{self.path}: {error!r}")
            fault.__cause__ = error
            return fault
        finally:
            self.turns += 1
            self.handling = None

    def _crash(self, doing: str, error: BaseException) -> None:
        logger.error("%s crashed while %s", self.path, doing, exc_info=error)
        if self._behaviour is None or self.over:
            self.exit(error)
        else:
            self._behaviour.leave(error)  # a supervisor lives on until its children, still its own, have stopped

    def interrupt(self, error: BaseException) -> None:
        """Crash from outside the behaviour: between two messages, or from another thread."""
        if not self.over:
            logger.error("%s is interrupted", self.path, exc_info=error)
            self.exit(error)

    def exit(self, error: BaseException | None) -> None:
        """End this incarnation after the present message."""
        if not self.over:
            self.over, self._error = True, error
            self.actor_inbox.close()

    def finish(self) -> None:
        """The loop is over, or will not be waited for: tell the supervisor. May be repeated: the first time counts."""
        self.exit(None)
        self._report(ChildExited(self.spec.name, self.generation, self._error, self.culprit))

    def deliver(self, message: object) -> None:
        """Take a message of the runtime or a timer for exactly this incarnation."""
        if not self.over:
            self.actor_inbox.put(Envelope(message))

    def after(self, delay_ms: float, message: object) -> None:
        """Deliver the message to this incarnation after the delay; a dead one's timers reach nobody."""
        self.dispatcher.after(delay_ms, partial(self.deliver, message))

    def child_address(self, name: str) -> Address:
        """The stable address of a child, also before it first runs."""
        return self._system.address(self.address, name)

    def spawn(self, spec: ChildSpec) -> None:
        """Start a child without waiting; ChildReady or ChildExited follows. Raises ActorGone when cut off."""
        if self.over:  # a successor may own these children already
            raise ActorGone(f"{self.path} #{self.generation} is over")
        self._system.spawn(spec, self.address, self.deliver)

    def cut_off(self, name: str) -> None:
        """End a child and all below it without their help: at once when idle, else when the handler returns."""
        self._system.cut_off(self.child_address(name))

    def block(self, crash: Crash) -> None:
        """Hang in the present handler, as the crash says."""
        until_s = time.monotonic() + crash.seconds
        if crash.how == "hang":
            time.sleep(crash.seconds)
        while time.monotonic() < until_s:
            pass
