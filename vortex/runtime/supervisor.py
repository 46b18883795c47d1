"""one_for_one: a child that crashes is started again, alone, until crashes come too fast.

Nothing here waits. Children start one after another, each after the acknowledgement of the one before, and stop in
reverse order; every step is a message. The supervisor itself is ready as soon as it began to start its children.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from vortex.runtime.actor import Actor, ChildSpec, Handler, RestartLimits
from vortex.runtime.address import ActorState, Address, logger
from vortex.runtime.control import ChildDue, ChildEvent, ChildExited, ChildReady, Control, Stop
from vortex.runtime.errors import ActorGone, Escalation, InboxOverflow
from vortex.runtime.restarts import Cause, Restarts

CHILD_EVENTS: tuple[type, ...] = (ChildReady, ChildExited, ChildDue)
HOPELESS = (InboxOverflow, MemoryError)
"""Errors that restarting the child alone does not heal."""


@dataclass(slots=True)
class _Child:
    """`due` is what its one timer delivers: the end of a restart delay, or of the time to start or to stop."""

    spec: ChildSpec
    address: Address
    restarts: Restarts
    running: bool = False
    acknowledged: bool = False
    stopping: bool = False
    due: ChildDue | None = None


class Supervisor(Actor):
    """Override `children` and the three hooks; when overriding `started`, call super().

    When it stops or crashes it first stops its children; what it is told after a crash is dead letters.
    """

    def __init__(self, *, limits: RestartLimits, random: Random) -> None:
        self._shared, self._random = Restarts(limits), random
        self._children: dict[str, _Child] = {}
        self._leaving = False
        self._cause: BaseException | None = None

    def children(self) -> Sequence[ChildSpec]:
        """The children to start with, in order."""
        return ()

    def child_started(self, name: str, address: Address) -> None:
        """Called after every start and restart of a child, once it is ready."""

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        """Called after every crash and failed start of a child, before it is started again."""

    def child_exhausted(self, name: str, error: BaseException) -> float:
        """Called when a child has used up its restarts: return the seconds until the next try, or raise.

        Raises:
            Escalation: The supervisor gives up, and crashes itself.
        """
        raise Escalation(f"{self.context.path} gives up on {name}: {error!r}") from error

    def child(self, name: str) -> Address:
        """The address of a child. Raises KeyError."""
        return self._children[name].address

    def start_child(self, spec: ChildSpec) -> Address:
        """Start one more child when the others have been started. Raises ValueError when the name is taken."""
        if spec.name in self._children:
            raise ValueError(f"{self.context.path} already has a child {spec.name}")
        restarts = self._shared if spec.limits is None else Restarts(spec.limits)
        child = self._children[spec.name] = _Child(spec, self.context.child_address(spec.name), restarts)
        self._start_next()
        return child.address

    def revive(self, name: str) -> None:
        """Forget a child's crashes; if it waits for its next start, start it now. Raises KeyError."""
        child = self._children[name]
        child.restarts.forget(name)
        if not child.running and child.due is not None and not self._leaving:
            self._spawn(child)

    def stop_child(self, name: str) -> None:
        """Stop a child for good. Raises KeyError."""
        self._stop(self._children[name])
        self._start_next()

    def started(self) -> None:
        for spec in self.children():
            self.start_child(spec)

    def receive(self, message: object) -> object:
        usable = self._cause is None or isinstance(message, Control)
        return super().receive(message) if usable else self.context.address.refuse(message)

    def leave(self, error: BaseException | None) -> None:
        self._leaving, self._cause = True, self._cause or error
        while self._children:
            last = next(reversed(self._children.values()))
            self._stop(last)
            if last.running:
                return
        super().leave(self._cause)

    def _control_handlers(self) -> Mapping[type, Handler]:
        return {**super()._control_handlers(), **dict.fromkeys(CHILD_EVENTS, self._on_child)}

    def _on_child(self, event: ChildEvent) -> None:
        child = self._children.get(event.name)
        if child is None or child.address.generation != event.generation:
            return  # a late report about an incarnation that has been replaced
        if child.due is event:
            self._due(child)
        elif child.running and isinstance(event, ChildExited):
            self._lost(child, event.error or ActorGone("ended without being told to"), event.handling)
        elif child.running and isinstance(event, ChildReady) and not child.stopping:
            self._ready(child)

    def _start_next(self) -> None:
        first = next((child for child in self._children.values() if not child.acknowledged), None)
        if first is not None and not first.running and first.due is None and not self._leaving:
            self._spawn(first)

    def _spawn(self, child: _Child) -> None:
        self.context.spawn(child.spec)
        child.running = True
        self._arm(child, child.spec.ready_s)

    def _ready(self, child: _Child) -> None:
        child.acknowledged, child.due = True, None
        child.address.state = ActorState.READY
        if not self._leaving:
            self.child_started(child.spec.name, child.address)
            self._start_next()

    def _due(self, child: _Child) -> None:
        if child.running:
            error = TimeoutError(f"{child.address.path} did not {'stop' if child.stopping else 'start'} in time")
            logger.error("%s and is cut off", error)
            self._lost(child, error, None)
        elif not self._leaving:
            self._spawn(child)

    def _lost(self, child: _Child, error: BaseException, handling: type | None) -> None:
        """The incarnation is over: go on stopping, or see to the next one."""
        child.running, child.due = False, None
        self.context.cut_off(child.spec.name)  # and those below it that it had no time to stop
        if not (self._leaving or child.stopping):
            child.address.last_error = f"{type(error).__name__}: {error}"
            self.child_failed(child.spec.name, error, child.address.generation)
        if self._leaving:
            self.leave(None)
        elif child.stopping or child.spec.restart == "temporary":
            self._stop(child)
            self._start_next()
        else:
            self._restart(child, error, (type(error).__name__, handling))

    def _restart(self, child: _Child, error: BaseException, cause: Cause) -> None:
        """Count the crash, and wait before the next start; raise Escalation when there were too many."""
        name, address = child.spec.name, child.address
        child.restarts.add(self.context.clock.monotonic_ms(), name, cause)
        poison = child.restarts.poison(name, cause)
        if poison is not None and not issubclass(poison, Control):
            logger.error("%s crashes again and again: it is given no %s any more", address.path, poison.__name__)
            address.quarantined |= {poison}
        hopeless = child.restarts.used_up or isinstance(error, HOPELESS)
        delay_s = self.child_exhausted(name, error) if hopeless else child.restarts.delay_s(name, self._random)
        address.restarts, address.state = address.restarts + 1, ActorState.RESTARTING
        self._arm(child, delay_s)
        child.acknowledged |= child.spec.limits is not None  # nobody waits for a child that is counted by itself
        self._start_next()

    def _stop(self, child: _Child) -> None:
        """Tell a running child to stop, once; forget one that does not run."""
        told, child.stopping = child.stopping, True
        if not child.running:
            self._children.pop(child.spec.name, None)
            child.address.state = ActorState.STOPPED
        elif not told:
            child.address.tell(Stop())
            self._arm(child, child.spec.stop_s)

    def _arm(self, child: _Child, delay_s: float) -> None:
        child.due = ChildDue(child.spec.name, child.address.generation)  # one set before is no longer its own
        self.context.after(delay_s * 1000.0, child.due)
