"""A behaviour: what an actor does, without a thread, an inbox or pykka."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Literal, NoReturn, Protocol, TypeAlias

from msgspec import Struct

from vortex.runtime.address import Address
from vortex.runtime.control import Crash, Stop
from vortex.runtime.errors import InjectedCrash
from vortex.runtime.timers import Clock, Timer

Handler: TypeAlias = Callable[[Any], object]


class ActorContext(Protocol):
    """What an actor may use of its host; the last four methods are for supervisors.

    Attributes:
        address: The actor's own address.
        parent: Its supervisor's; None for the root.
        generation: Which incarnation this is, from 1.
    """

    address: Address
    parent: Address | None
    path: str
    generation: int
    clock: Clock

    def after(self, delay_ms: float, message: object) -> Timer:
        """Deliver the message to this incarnation after the delay; a dead one's timers reach nobody."""

    def child_address(self, name: str) -> Address:
        """The stable address of a child, also before it first runs."""

    def spawn(self, spec: ChildSpec) -> None:
        """Start a child without waiting; ChildReady or ChildExited follows. Raises ActorGone when cut off."""

    def cut_off(self, name: str) -> None:
        """End a child and all below it without their help: at once when idle, else when the handler returns."""

    def exit(self, error: BaseException | None) -> None:
        """End this incarnation after the present message."""


class Actor:
    """Override `handlers`, and `started` and `stopping` where needed; keep dependencies as plain attributes.

    A handler runs alone: no other handler of this actor runs meanwhile. Its return value answers an ask. Whatever it
    raises crashes the actor, and its supervisor starts a fresh one; what is invalid but expected is a reply.
    """

    context: ActorContext

    def handlers(self) -> Mapping[type, Handler]:
        """The actor's protocol: handler by exact type of message."""
        return {}

    def started(self) -> None:
        """Run on the actor's own thread before the first message; raising is a failed start."""

    def stopping(self) -> None:
        """Run last in a graceful stop, never after a crash."""

    def receive(self, message: object) -> object:
        """Handle one message in the caller's thread."""
        handler = self._table.get(type(message), self.context.address.refuse)
        return handler(message)

    def leave(self, error: BaseException | None) -> None:
        """End: as a crash with its error, or gracefully without one."""
        if error is None:
            self.stopping()
        self.context.exit(error)

    @cached_property
    def _table(self) -> Mapping[type, Handler]:
        return {**self.handlers(), **self._control_handlers()}

    def _control_handlers(self) -> Mapping[type, Handler]:
        return {Stop: lambda _: self.leave(None), Crash: self._on_crash}

    def _on_crash(self, message: Crash) -> NoReturn:
        self.context.address.crashes_to_come = message.times - 1
        raise InjectedCrash(f"{message.times - 1} more to come")


class ChildSpec(Struct, frozen=True):
    """How to run one child.

    Attributes:
        name: Last part of its path, unique among its siblings.
        factory: Builds a fresh behaviour for every start, on the child's own thread.
        restart: A permanent child is started again after a crash, a temporary one is not.
        ready_s: Within this time `started()` must have returned, or the start has failed.
        stop_s: Within this time a stop must be complete, or the child and all below it are cut off. Give a
            supervisor more than its children need together.
    """

    name: str
    factory: Callable[[], Actor]
    restart: Literal["permanent", "temporary"] = "permanent"
    ready_s: float = 10.0
    stop_s: float = 5.0
