"""The runtime's own messages. All are urgent: they overtake whatever else waits in an inbox."""

from __future__ import annotations

from typing import ClassVar, Literal

from msgspec import Struct


class Control(Struct, frozen=True):
    """Base of the runtime's messages."""

    urgent: ClassVar[bool] = True


class Stop(Control, frozen=True):
    """Stop gracefully, children first."""


class Crash(Control, frozen=True, kw_only=True):
    """Crash on purpose, `times` times: here, and once in each of the following incarnations."""

    how: Literal["exception"] = "exception"
    times: int = 1


class ChildEvent(Control, frozen=True):
    """Something about one incarnation of a child; the generation keeps a late report from its successor."""

    name: str
    generation: int


class ChildReady(ChildEvent, frozen=True):
    """`started()` has returned."""


class ChildExited(ChildEvent, frozen=True):
    """The incarnation is over; without an error it stopped gracefully."""

    error: BaseException | None


class ChildDue(ChildEvent, frozen=True):
    """The supervisor's timer for this child is up."""
