"""The one thing actors hold of each other: stable while incarnations come and go."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import pykka
from msgspec import Struct

from vortex.runtime.errors import ActorFault, ActorGone, AskInsideActor, AskTimeout

if TYPE_CHECKING:
    from vortex.runtime.cell import Cell, Dispatcher

logger = logging.getLogger("vortex.runtime")

inside = threading.local()
"""`inside.actor` is true on a thread while it runs an actor."""


class ActorState(StrEnum):
    """Life of an actor as its supervisor sees it."""

    STARTING = "STARTING"
    READY = "READY"
    RESTARTING = "RESTARTING"
    STOPPED = "STOPPED"


class ActorInfo(Struct, frozen=True):
    """An actor at one moment; `mailbox` counts waiting messages, `restarts` those after its own crashes."""

    path: str
    state: ActorState
    generation: int
    restarts: int
    mailbox: int
    dead_letters: int
    last_error: str | None


class Address:
    """Where to reach an actor. Others use path, generation, dead_letters, tell, ask, request; the rest is ours.

    Attributes:
        generation: Starts tried so far.
        dead_letters: Messages that no incarnation handled; `dead_by_type` counts them by type name.
        crashes_to_come: Injected crashes left for the following incarnations.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.generation = self.restarts = self.dead_letters = self.crashes_to_come = 0
        self.dead_by_type: Counter[str] = Counter()
        self.state = ActorState.STOPPED
        self.last_error: str | None = None
        self.cell: Cell | None = None
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"<{self.path} #{self.generation}>"

    def tell(self, message: object) -> None:
        """Deliver to the present incarnation; without one it is a dead letter. Never raises, never waits."""
        if self.cell is None or not deliver(self.cell.actor_ref, message):
            self.count_dead(message)

    def ask(self, message: object, timeout_s: float) -> Any:
        """Deliver and wait for the handler's return value.

        Raises:
            AskTimeout: No reply within `timeout_s` (of virtual time on the virtual dispatcher).
            ActorGone: The actor is not running, or stopped before it came to the message.
            ActorCrashed: The handler raised, which also crashed the actor.
            ActorFault: The actor does not know the message.
            AskInsideActor: An actor asked; only the world outside may wait.
        """
        return self.request(message)(timeout_s)

    def request(self, message: object) -> Callable[[float], Any]:
        """Deliver at once and return what waits for the reply as `ask` does: so one thread asks many actors together.

        Raises:
            ActorGone, AskInsideActor: As `ask` does.
        """
        outside_only()
        if self.cell is None:
            raise ActorGone(f"{self.path} was never started")
        future = self.cell.actor_ref.ask(message, block=False)
        return partial(self._reply, self.cell.dispatcher, future, type(message).__name__)

    def _reply(self, dispatcher: Dispatcher, future: pykka.Future[Any], asked: str, timeout_s: float) -> Any:
        try:
            reply = dispatcher.wait(future, timeout_s)
        except pykka.Timeout as error:
            raise AskTimeout(f"{self.path}: no reply to {asked} in {timeout_s} s") from error
        except pykka.ActorDeadError as error:
            raise ActorGone(f"{self.path} is not running") from error
        if isinstance(reply, ActorFault):  # a fault as reply is one to raise
            raise reply
        return reply

    def count_dead(self, message: object) -> None:
        with self._lock:
            self.dead_letters += 1
            self.dead_by_type[type(message).__name__] += 1

    def refuse(self, message: object) -> ActorFault:
        """Count a message that the running actor does not handle, with one warning per type; return the reply."""
        fault = ActorFault(f"{self.path} does not handle {type(message).__name__}")
        if type(message).__name__ not in self.dead_by_type:
            logger.warning("%s: a dead letter", fault)
        self.count_dead(message)
        return fault

    def info(self) -> ActorInfo:
        mailbox = 0 if self.cell is None else len(self.cell.actor_inbox)
        counts = (self.generation, self.restarts, mailbox, self.dead_letters)
        return ActorInfo(self.path, self.state, *counts, self.last_error)


def outside_only() -> None:
    """Raise AskInsideActor on a thread that runs an actor."""
    if getattr(inside, "actor", False):
        raise AskInsideActor("an actor must not wait for another one")


def deliver(ref: pykka.ActorRef[Any], message: object) -> bool:
    """Tell exactly this incarnation; False when it is dead."""
    try:
        ref.tell(message)
    except pykka.ActorDeadError:
        return False
    return True
