"""The virtual dispatcher driven by a record: nothing is delivered by itself, time is what the record says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from vortex.app.replay.entries import Handled
from vortex.app.replay.mail import DifferenceError, Mail
from vortex.runtime import ChildSpec, Crash, VirtualDispatcher
from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.dispatch.turns import TurnCell, TurnInbox

if TYPE_CHECKING:
    from vortex.app.replay.recorder import Incarnation
    from vortex.runtime.inbox import Parcel


class _Outbound(TurnInbox):
    """Keeps nothing: what is put in is mail until the record hands it over."""

    post: Callable[[object], None]

    def put(self, parcel: Parcel, /) -> None:
        self.post(parcel.message)


class StageCell(TurnCell):
    """An incarnation that runs when the record says so.

    Attributes:
        begun: The record has started it.
        resigned: It ended in its own handler, so that it handles nothing after that.
    """

    actor_inbox: _Outbound
    dispatcher: Stage
    begun = resigned = False

    @staticmethod
    def _create_actor_inbox() -> TurnInbox:
        return _Outbound()

    def _start_actor_loop(self) -> None:
        self.actor_inbox.post = self._post
        self.dispatcher.cells[self.path, self.generation] = self

    def _post(self, message: object) -> None:
        self.dispatcher.mail.post(inside.cell, self, message, certain=self.begun and not self.over)

    def exit(self, error: BaseException | None) -> None:
        if not self.over:
            self.resigned = inside.cell is self
            super().exit(error)
            self.dispatcher.ending.append(self)

    def block(self, crash: Crash) -> None:
        """Return at once: when it was found out, the record says so."""


class Stage(VirtualDispatcher):
    """Runs one entry of a record after the other.

    Attributes:
        cells: Every incarnation that replayed supervisors have spawned.
        ending: Those that are over, and whose supervisors do not know it yet.
        mail: What they have sent.

    Args:
        on_post: Told every message that they send, and to whom.
    """

    def __init__(self, on_post: Callable[[str, object], object]) -> None:
        super().__init__(seed=0, start_ms=0)
        self.cells: dict[Incarnation, StageCell] = {}
        self.ending: list[StageCell] = []
        self.mail = Mail(on_post)
        self._present = Handled("", 0, 0, 0.0)

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        return StageCell

    def now_ms(self) -> int:
        return self._present.now_ms

    def monotonic_ms(self) -> float:
        return self._present.monotonic_ms

    def incarnation(self) -> Incarnation:
        """Who runs now."""
        return self._present.path, self._present.generation

    def after(self, delay_ms: float, fire: Callable[[], object]) -> None:
        self.mail.due_ms = self.monotonic_ms() + delay_ms
        fire()
        self.mail.due_ms = None

    def enter(self, handled: Handled) -> StageCell:
        """Make this entry the present one and return who is to run.

        Raises:
            DifferenceError: The replay has no such incarnation, or one that is not to run.
        """
        cell = self.cells.get((handled.path, handled.generation))
        if cell is None:
            raise DifferenceError("no replayed supervisor has started it")
        if cell.begun is not bool(handled.kind):
            raise DifferenceError("it runs already" if cell.begun else "it has not been started")
        if cell.resigned:
            raise DifferenceError("the replay has ended it before")
        self._present = handled
        self.mail.begins(handled.path)
        return cell

    def start(self, cell: StageCell, *, witness: bool) -> None:
        """Start an incarnation; of a witness nothing runs."""
        cell.begun = True
        self.mail.renewed(cell.path, cell.generation)
        if not witness:
            self._run(cell, cell.on_start)

    def hand(self, cell: StageCell, message: object) -> None:
        """Let an incarnation handle a message."""
        self._run(cell, lambda: cell.on_receive(message))

    def end(self, cell: StageCell, error: BaseException | None, culprit: type | None) -> None:
        """End an incarnation from outside, as the watchdog does."""
        cell.culprit = culprit
        self.mail.lost(cell.path)
        cell.exit(error)
        self._bury()

    def _run(self, cell: StageCell, step: Callable[[], object]) -> None:
        inside.cell = cell
        try:
            step()
        finally:
            inside.cell = None
        self._bury()

    def _bury(self) -> None:
        """Tell supervisors who has ended."""
        while self.ending:
            cell = self.ending.pop(0)
            cell.ended = True
            cell.finish()
