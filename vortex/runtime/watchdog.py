"""Looks after handlers that take too long: fences the actor, replaces its worker, gives up when zombies abound.

Time is counted by the looks themselves: when the whole process was held up, nobody is blamed for it.
"""

from __future__ import annotations

import ctypes
import time
from collections.abc import Callable
from functools import partial
from typing import TypeAlias

from vortex.runtime.address import ActorState, Address, logger
from vortex.runtime.cell import Cell
from vortex.runtime.control import Beat
from vortex.runtime.dispatch.thread import ThreadDispatcher
from vortex.runtime.errors import ActorHung, Fenced

Heard: TypeAlias = Callable[[], object]
Failed: TypeAlias = Callable[[BaseException], object]
LOOK_S = 0.05
SHOWN_S = 1.0
"""A handler that takes so long, and may, is shown as HUNG until it returns."""
BEAT_S = 1.0
DEAD_S = 3.0
"""Without a beat of the root for so long, the tree is not alive."""
MOST_ZOMBIES = 3


class Watchdog:
    """Looks every 50 ms at the cells that run, on the thread of the timers: when that one stands still, no beat comes.

    Args:
        dispatcher: Whose cells.
        root: The root's address, which is asked for a beat every second.
        on_beat: Told about every beat.
        give_up: Told when too many threads are lost to handlers that do not return.
    """

    def __init__(self, dispatcher: ThreadDispatcher, root: Address, on_beat: Heard, give_up: Failed) -> None:
        self._dispatcher, self._root, self._on_beat, self._give_up = dispatcher, root, on_beat, give_up
        self._busy: dict[Cell, tuple[int, float]] = {}
        self._zombies: list[Cell] = []
        self._heard_s = time.monotonic()
        self._asked_s = 0.0
        self._looked_s = time.monotonic()
        dispatcher.look = self._come_by

    @property
    def alive(self) -> bool:
        """True while beats arrive: timers, inboxes and workers move."""
        return time.monotonic() - self._heard_s < DEAD_S

    def close(self) -> None:
        """Look no more."""
        self._dispatcher.look = bool

    def look(self, step_s: float) -> None:
        """See who is still in the handler of the last look; `step_s` have passed since."""
        self._zombies = [zombie for zombie in self._zombies if not zombie.ended]
        if len(self._zombies) >= MOST_ZOMBIES:
            self._give_up(ActorHung(f"threads do not return from {', '.join(each.path for each in self._zombies)}"))
        busy: dict[Cell, tuple[int, float]] = {}
        for cell in self._dispatcher.running():
            turns = cell.turns
            if turns % 2 and cell not in self._zombies:
                before, busy_s = self._busy.get(cell, (0, 0.0))
                busy[cell] = (turns, busy_s + step_s if before == turns else 0.0)
        for cell in self._busy.keys() - busy.keys():
            if cell.address.state is ActorState.HUNG:
                self._show(cell, ActorState.READY)
        self._busy = busy
        for cell, (turns, busy_s) in busy.items():
            if busy_s >= cell.spec.budget_s:
                self._fence(cell, turns)
            elif busy_s >= SHOWN_S:
                self._show(cell, ActorState.HUNG)

    def _show(self, cell: Cell, state: ActorState) -> None:
        if cell.address.cell is cell and not cell.over:
            cell.address.state = state

    def _fence(self, cell: Cell, turns: int) -> None:
        if cell.turns != turns or not self._dispatcher.replace(cell):
            return  # it has just returned
        cell.culprit = None if cell.handling is None else type(cell.handling)
        what = "its start" if cell.culprit is None else cell.culprit.__name__
        error = ActorHung(f"{cell.path} #{cell.generation}: {what} takes longer than {cell.spec.budget_s} s")
        logger.critical("%s; it is fenced and replaced", error)
        self._show(cell, ActorState.HUNG)
        cell.exit(error)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(cell.thread_id), ctypes.py_object(Fenced))
        cell.finish()
        self._zombies.append(cell)

    def _come_by(self) -> None:
        """Come at least every 50 ms, and oftener when timers are due."""
        now_s = time.monotonic()
        if now_s - self._looked_s < LOOK_S:
            return
        self.look(min(now_s - self._looked_s, 2 * LOOK_S))
        self._looked_s = now_s
        if now_s - self._asked_s >= BEAT_S:
            self._asked_s = now_s
            self._dispatcher.after(1.0, partial(self._root.tell, Beat(self._hear)))  # any delay takes a timer

    def _hear(self) -> None:
        self._heard_s = time.monotonic()
        self._on_beat()
