"""A behaviour: what an actor does, without a thread, an inbox or pykka."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from msgspec import Struct

from vortex.runtime.control import Beat, Crash, Stop
from vortex.runtime.errors import InjectedCrash

if TYPE_CHECKING:
    from vortex.runtime.cell import Cell

Handler: TypeAlias = Callable[[Any], object]


class Actor:
    """Override `handlers`, and `started` and `stopping` where needed; keep dependencies as plain attributes.

    A handler runs alone: no other handler of this actor runs meanwhile. Its return value answers an ask. Whatever it
    raises crashes the actor, and its supervisor starts a fresh one; what is invalid but expected is a reply.

    Attributes:
        context: What runs it: its address, clock and generation, timers, and for a supervisor its children.
    """

    context: Cell

    def handlers(self) -> Mapping[type, Handler]:
        """The actor's protocol: handler by exact type of message."""
        return {}

    def started(self) -> None:
        """Run before the first message; raising is a failed start."""

    def stopping(self) -> None:
        """Run last in a graceful stop, never after a crash."""

    def receive(self, message: object) -> object:
        """Handle one message in the caller's thread."""
        handler = self._table.get(type(message)) or self.context.address.refuse
        return handler(message)

    def leave(self, error: BaseException | None) -> None:
        """End: as a crash with its error, or gracefully without one."""
        if error is None:
            self.stopping()
        self.context.exit(error)

    @cached_property
    def _table(self) -> Mapping[type, Handler]:
        quarantined = dict.fromkeys(self.context.address.quarantined, self.context.address.refuse)
        return {**self.handlers(), **self._control_handlers(), **quarantined}

    def _control_handlers(self) -> Mapping[type, Handler]:
        return {Stop: lambda _: self.leave(None), Crash: self._on_crash, Beat: lambda beat: beat.heard()}

    def _on_crash(self, crash: Crash) -> None:
        self.context.address.crash_to_come = crash if crash.how == "start_failure" else crash.rest
        if crash.how in ("hang", "spin"):
            self.context.block(crash)
        elif crash.how == "system_exit":
            raise SystemExit
        else:
            raise InjectedCrash(f"{crash.how}, {crash.times - 1} more to come")


class RestartLimits(Struct, frozen=True):
    """At most `restarts` restarts within `period_s`; one more, and the supervisor gives up on the child."""

    restarts: int
    period_s: float


class ChildSpec(Struct, frozen=True):
    """How to run one child.

    Attributes:
        name: Last part of its path, unique among its siblings.
        factory: Builds a fresh behaviour for every start, where the child itself runs.
        restart: A permanent child is started again after a crash, a temporary one is not.
        ready_s: Within this time `started()` must have returned, or the start has failed.
        stop_s: Within this time a stop must be complete, or the child and all below it are cut off. Give a
            supervisor more than its children need together.
        run: Where the pool runs it: before others, after them, or, as it must when it may block, on its own thread.
        budget_s: A handler that takes longer (real seconds) hangs: the child is fenced, and started anew.
        limits: Its own restart limits; without them it shares those of its supervisor with its siblings.
    """

    name: str
    factory: Callable[[], Actor]
    restart: Literal["permanent", "temporary"] = "permanent"
    ready_s: float = 10.0
    stop_s: float = 5.0
    run: Literal["first", "normal", "thread"] = "normal"
    budget_s: float = 0.25
    limits: RestartLimits | None = None
