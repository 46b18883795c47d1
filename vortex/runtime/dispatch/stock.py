"""pykka.ThreadingActor as it comes: a thread and a queue.Queue for each actor. The reference to measure against."""

from __future__ import annotations

import queue
from typing import Any

from pykka._envelope import Envelope

from vortex.runtime.actor import ChildSpec
from vortex.runtime.cell import Cell
from vortex.runtime.dispatch.thread import ThreadCell, ThreadDispatcher
from vortex.runtime.inbox import Inbox, Parcel


class StockInbox(Inbox):
    """A queue.Queue: one lane without limit; nothing overtakes, is conflated, or is missed when it comes too late."""

    def __init__(self) -> None:
        super().__init__()
        waiting = self._waiting = queue.Queue[Parcel]()
        self.put, self.get = waiting.put, waiting.get  # type: ignore[method-assign]  # nothing of ours in between
        self.wake, self.idle = lambda: waiting.put(Envelope(None)), True

    def __len__(self) -> int:
        return self._waiting.qsize()


class StockCell(ThreadCell):
    """Has pykka's own queue."""

    @staticmethod
    def _create_actor_inbox() -> Inbox:
        return StockInbox()

    def on_receive(self, message: Any) -> Any:
        return None if self.over else super().on_receive(message)


class StockDispatcher(ThreadDispatcher):
    """Real threads, and nothing of ours between a message and its handler."""

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        return StockCell
