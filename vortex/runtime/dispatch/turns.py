"""Cells that share a thread: each has its turn when something waits for it, and pykka's loop leaves when it is over."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from vortex.runtime.address import inside
from vortex.runtime.cell import Cell
from vortex.runtime.inbox import Inbox, LeaveLoop, Parcel

if TYPE_CHECKING:
    from vortex.runtime.dispatch.pool import PoolDispatcher
    from vortex.runtime.dispatch.virtual import VirtualDispatcher


class TurnInbox(Inbox):
    """Hands out at most `left` messages and never waits."""

    left = 0

    def get(self) -> Parcel:
        if self.left > 0 and self.held:
            self.left -= 1
            with self.lock:
                if (parcel := self.take()) is not None:
                    return parcel
        raise LeaveLoop


class TurnCell(Cell):
    """Runs pykka's loop in turns. It waits for one turn at most, so that it never runs on two threads at once."""

    actor_inbox: TurnInbox
    dispatcher: PoolDispatcher | VirtualDispatcher

    @staticmethod
    def _create_actor_inbox() -> TurnInbox:
        return TurnInbox()

    def _start_actor_loop(self) -> None:
        self._next = self._actor_loop_setup
        self.actor_inbox.wake = partial(self.dispatcher.schedule, self)
        self.dispatcher.schedule(self)

    def on_start(self) -> None:
        self.turns += 1
        super().on_start()
        self.turns += 1

    def turn(self) -> None:
        """Start, or handle some messages; then wait for the next turn, rest, or end."""
        step, self._next = self._next, self._actor_loop_running
        inbox = self.actor_inbox
        inbox.left = self.dispatcher.batch
        inside.cell = self
        try:
            step()
        except LeaveLoop:
            pass
        finally:
            inside.cell = None
        with inbox.lock:
            inbox.idle = not (self.over or inbox.held)  # one that is over is never idle: it gets no turn any more
            if not self.over and inbox.held:
                self.dispatcher.schedule(self)
        if self.over:
            self.ended = True
            self.finish()
