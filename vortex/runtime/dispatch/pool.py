"""One worker thread runs everything that does not block, what is urgent first; the rest has threads of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from queue import SimpleQueue

from vortex.runtime.actor import ChildSpec
from vortex.runtime.cell import Cell
from vortex.runtime.clock import Clock
from vortex.runtime.dispatch.thread import ThreadCell, ThreadDispatcher
from vortex.runtime.dispatch.turns import TurnCell
from vortex.runtime.errors import Fenced

JOIN_S = 0.5


class PoolDispatcher(ThreadDispatcher):
    """Turns by two run queues: `first` before `normal`, which gives way after the message it handles.

    Each queued cell has a token in `_tokens`, for which the worker waits. A worker whose handler hangs is replaced by a
    fresh one on the same queues; it ends as soon as its handler returns.
    """

    batch = 32

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._first: deque[TurnCell] = deque()
        self._normal: deque[TurnCell] = deque()
        self._tokens: SimpleQueue[None] = SimpleQueue()
        self._worker_lock = threading.Lock()
        self._current: TurnCell | None = None
        self._worker: threading.Thread | None
        self._hire()

    def cell(self, spec: ChildSpec) -> type[Cell]:
        return ThreadCell if spec.run == "thread" else TurnCell

    def running(self) -> Iterable[Cell]:
        current = self._current
        return self.threads.copy() if current is None else {*self.threads, current}

    def schedule(self, cell: TurnCell) -> None:
        if cell.spec.run == "first":
            self._first.append(cell)
            current = self._current
            if current is not None and current.spec.run != "first":
                current.actor_inbox.left = 0
        else:
            self._normal.append(cell)
        self._tokens.put(None)

    def replace(self, cell: Cell) -> bool:
        with self._worker_lock:
            stuck = self._current is cell
            if stuck:
                self._hire()
        return stuck or super().replace(cell)

    def close(self) -> None:
        super().close()
        with self._worker_lock:
            worker, self._worker = self._worker, None
        self._tokens.put(None)
        if worker not in (None, threading.current_thread()):
            worker.join(JOIN_S)  # one that hangs is a daemon: it ends with the process

    def _hire(self) -> None:
        self._current = None
        self._worker = threading.Thread(target=self._work, name="pool", daemon=True)
        self._worker.start()

    def _work(self) -> None:
        try:
            me, ident = threading.current_thread(), threading.get_ident()
            while (cell := self._next_cell(me)) is not None:
                cell.thread_id = ident
                cell.turn()
        except Fenced:
            """It came too late: the handler that hung had returned."""

    def _next_cell(self, worker: threading.Thread) -> TurnCell | None:
        """Wait for a cell to run; None when this worker was replaced."""
        self._tokens.get()
        with self._worker_lock:
            if self._worker is not worker:
                self._tokens.put(None)
                return None
            self._current = (self._first or self._normal).popleft()
            return self._current
