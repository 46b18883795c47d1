"""The one thing actors hold of each other: stable while incarnations come and go."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

import pykka
from msgspec import Struct
from pykka._envelope import Envelope

from vortex.runtime.errors import ActorFault, ActorGone, AskInsideActor, AskTimeout
from vortex.runtime.inbox import Inbox

if TYPE_CHECKING:
    from vortex.runtime.cell import Cell
    from vortex.runtime.control import Crash
    from vortex.runtime.system import Dispatcher

logger = logging.getLogger("vortex.runtime")


class _Inside(threading.local):
    """`cell`: the incarnation that this thread is running now."""

    cell: Cell | None = None


inside = _Inside()


class ActorState(StrEnum):
    """Life of an actor as its supervisor sees it."""

    STARTING = "STARTING"
    READY = "READY"
    RESTARTING = "RESTARTING"
    HUNG = "HUNG"
    QUARANTINED = "QUARANTINED"
    STOPPED = "STOPPED"


class ActorInfo(Struct, frozen=True):
    """An actor at one moment.

    Attributes:
        restarts: Those after its own crashes.
        mailbox: Messages that wait; `backlog_s` is for how long there have been some without a break.
        superseded: Snapshots whose place a newer one took, in this incarnation.
    """

    path: str
    state: ActorState
    generation: int
    restarts: int
    mailbox: int
    backlog_s: float
    superseded: int
    dead_letters: int
    last_error: str | None


class Address:
    """Where to reach an actor. Others use path, generation, dead_letters, tell, ask, request; the rest is ours.

    Attributes:
        generation: Starts tried so far.
        dead_letters: Messages that no incarnation handled; `dead_by_type` counts them by type name.
        quarantined: Types of messages that crashed it again and again, and are dead letters from then on.
        crash_to_come: An injected crash that waits for the next incarnation.
        below: The addresses of its children by name.
    """

    def __init__(self, path: str) -> None:
        self.path = path
        self.generation = self.restarts = self.dead_letters = 0
        self.dead_by_type: Counter[str] = Counter()
        self.quarantined: frozenset[type] = frozenset()
        self.crash_to_come: Crash | None = None
        self.below: dict[str, Address] = {}
        self.state = ActorState.STOPPED
        self.last_error: str | None = None
        self.cell: Cell | None = None
        self._lock = threading.Lock()

    def tell(self, message: object) -> None:
        """Deliver to the present incarnation; without one it is a dead letter. Never raises, never waits.

        What an incarnation sends that is over, a zombie, is its own dead letter.
        """
        sender = inside.cell
        if sender is not None and sender.over:
            sender.address.count_dead(message)
        elif self.cell is None:
            self.count_dead(message)
        else:
            self.cell.actor_inbox.put(Envelope(message))

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
        state = ActorState.QUARANTINED if self.state is ActorState.READY and self.quarantined else self.state
        inbox = Inbox() if self.cell is None else self.cell.actor_inbox
        backlog_s = round(time.monotonic() - inbox.backlog_since_s, 3) if len(inbox) else 0.0
        counts = (self.generation, self.restarts, len(inbox), backlog_s, inbox.superseded, self.dead_letters)
        return ActorInfo(self.path, state, *counts, self.last_error)


def outside_only() -> None:
    """Raise AskInsideActor on a thread that runs an actor."""
    if inside.cell is not None:
        raise AskInsideActor("an actor must not wait for another one")
