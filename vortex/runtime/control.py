"""The runtime's own messages. All are urgent: they overtake whatever else waits in an inbox."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar, Literal

from msgspec import Struct
from msgspec.structs import replace


class Control(Struct, frozen=True):
    """Base of the runtime's messages."""

    urgent: ClassVar[bool] = True


class Stop(Control, frozen=True):
    """Stop gracefully, children first."""


class Beat(Control, frozen=True):
    """Watchdog to root, by way of a timer: say that timers, inboxes and workers still move."""

    heard: Callable[[], object]


class Crash(Control, frozen=True, kw_only=True):
    """Fail on purpose, `times` times, each time in the next incarnation.

    An `exception` or a `system_exit` is raised; a `hang` sleeps for `seconds` (real ones), a `spin` is busy for as
    long. A `start_failure` is one crash, after which the next `times` starts fail.
    """

    how: Literal["exception", "system_exit", "start_failure", "hang", "spin"] = "exception"
    times: int = 1
    seconds: float = 20.0

    @property
    def rest(self) -> Crash | None:
        """What is left after one more time."""
        return replace(self, times=self.times - 1) if self.times > 1 else None


class ChildEvent(Control, frozen=True):
    """Something about one incarnation of a child; the generation keeps a late report from its successor."""

    name: str
    generation: int


class ChildReady(ChildEvent, frozen=True):
    """`started()` has returned."""


class ChildExited(ChildEvent, frozen=True):
    """The incarnation is over; without an error it stopped gracefully, with one it was handling that type."""

    error: BaseException | None
    handling: type | None = None


class ChildDue(ChildEvent, frozen=True):
    """The supervisor's timer for this child is up."""
