"""The inbox of one incarnation: three lanes behind pykka's put, get and empty; and its stop flag.

Control messages (`urgent = True`) come first. Ordered messages are never dropped. Snapshots, which have
`conflation_key()` and `absorb(older)`, wait once per type and key: a newer one takes the older one's place. A closed
inbox accepts nothing more, and what it held or is offered becomes a dead letter, or for an ask `ActorGone`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Hashable
from functools import cache
from typing import Any, Literal, TypeAlias

from pykka._envelope import Envelope

from vortex.runtime.errors import ActorGone, InboxOverflow

Parcel: TypeAlias = Envelope[Any]
ORDERED_LIMIT = 10_000
ORDERED_RUN = 64
"""Ordered messages in a row after which one waiting snapshot is served."""


class LeaveLoop(BaseException):
    """Raised by `get`, which stands outside pykka's try: leaves its loop without stopping the actor."""


@cache
def lane_of(message_type: object) -> Literal["control", "ordered", "conflated"]:
    """Where messages of a type wait."""
    if getattr(message_type, "urgent", False) is True:
        return "control"
    return "conflated" if hasattr(message_type, "conflation_key") and hasattr(message_type, "absorb") else "ordered"


class Inbox:
    """Takes from any thread; how to wait for a message is for those to say who override `get`.

    Attributes:
        lock: Held while the lanes change. A bare lock: an exception raised into a thread never leaves it held.
        idle: Nobody sees to what waits; `wake` is called then, with the lock held, when there is something to do.
        on_dead: Told every message that becomes a dead letter.
        on_error: Told what the actor must not survive: an overflow, a message that cannot absorb another. Also told
            ActorGone when the inbox is closed, which is no news to the actor.
        held: How many wait; never too few, also when an exception strikes in between: `take` counts anew.
        superseded: Snapshots whose place a newer one took.
        backlog_since_s: When something last came in while nothing waited, by `time.monotonic`.
    """

    on_dead: Callable[[object], object]
    on_error: Callable[[BaseException], object]

    def __init__(self) -> None:
        self.superseded, self.backlog_since_s, self.closed, self.idle = 0, 0.0, False, False
        self.lock = threading.Lock()
        self.wake: Callable[[], object] = lambda: None
        self._control: deque[Parcel] = deque()
        self._ordered: deque[Parcel] = deque()
        self._conflated: dict[Hashable, Parcel] = {}
        self._run, self.held = 0, 0

    def put(self, parcel: Parcel, /) -> None:
        try:
            with self.lock:
                self._accept(parcel)
                if self.idle:
                    self.idle = False
                    self.wake()
        except Exception as error:  # noqa: BLE001  # the receiver answers for its lanes, not the sender
            self._refuse(parcel)
            self.on_error(error)

    def get(self) -> Parcel:
        """Return the next message, or raise LeaveLoop."""
        raise LeaveLoop

    def empty(self) -> bool:
        return not len(self)

    def __len__(self) -> int:
        return self.held

    def close(self) -> None:
        """Accept nothing from now on and refuse what waits. May be repeated."""
        with self.lock:
            self.closed = True
            waiting = list(iter(self.take, None))
            idle, self.idle = self.idle, False
            if idle:
                self.wake()
        for parcel in waiting:
            self._refuse(parcel)

    set = close
    """With `is_set` what pykka wants of an actor's stop flag: it is stopped when its inbox is closed."""

    def is_set(self) -> bool:
        return self.closed

    def take(self) -> Parcel | None:
        """Remove and return the next message; the caller holds the lock."""
        parcel: Parcel | None
        if self._control:
            parcel = self._control.popleft()
        elif self._ordered and (self._run < ORDERED_RUN or not self._conflated):
            self._run += 1
            parcel = self._ordered.popleft()
        else:
            self._run = 0
            parcel = self._conflated.pop(next(iter(self._conflated), None), None)
        self.held = 0 if parcel is None else self.held - 1
        return parcel

    def _accept(self, parcel: Parcel) -> None:
        if self.closed:
            raise ActorGone
        if not self.held:
            self.backlog_since_s = time.monotonic()
        message = parcel.message
        lane = lane_of(message.__class__)
        if lane == "control":
            self.held += 1
            self._control.append(parcel)
        elif lane == "ordered" or parcel.reply_to is not None:  # an ask must not be superseded
            if len(self._ordered) >= ORDERED_LIMIT:
                raise InboxOverflow(f"{ORDERED_LIMIT} messages wait, the next is a {type(message).__name__}")
            self.held += 1
            self._ordered.append(parcel)
        else:
            self._supersede(parcel, (message.__class__, message.conflation_key()))

    def _supersede(self, parcel: Parcel, key: Hashable) -> None:
        older = self._conflated.get(key)
        if older is None:
            self.held += 1
        else:
            parcel.message = parcel.message.absorb(older.message)
            self.superseded += 1
        self._conflated[key] = parcel

    def _refuse(self, parcel: Parcel) -> None:
        if parcel.reply_to is None:
            self.on_dead(parcel.message)
        else:
            parcel.reply_to.set_exception((ActorGone, ActorGone("stopped before it came to the message"), None))
