"""Why and when the process ends. Imports nothing heavy: signals are handled from the first moment on."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from math import inf
from queue import Empty, SimpleQueue
from types import FrameType

from loguru import logger

SHUTDOWN_S = 9.5
"""The whole stop has 10 s, the end of the interpreter included."""
LOOK_S = 0.25
"""The system may hand a signal to any thread, and only the main one runs handlers: it must wake by itself to do so."""


def _nothing() -> None:
    """Where nothing is to be done."""


def no_core_dumps() -> None:
    """Leave no image of memory, keys included, on disk after a crash; what we start inherits it."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class Life:
    """One run of the process: signals and failures ask for its end, a second signal ends it at once.

    While it starts, a signal simply unwinds the start by SystemExit: nothing trades yet. After `careful` it is a
    reason for `wait` to return, so that the stop goes in order. A handler may interrupt anything, also another one:
    it only counts and puts into a queue that is made for it. SIGHUP asks for a reload, which `wait` carries out.

    Attributes:
        code: The exit code; 0 until the end says otherwise.
        why: The reason of the end; empty until then.
    """

    def __init__(self, hard_exit: Callable[[int], object] = os._exit) -> None:
        self.code = 0
        self.why = ""
        self._reasons: SimpleQueue[tuple[int, str] | None] = SimpleQueue()
        self._signals = 0
        self._hangup = False
        self._careful = False
        self._hard_exit = hard_exit
        self._overdue = threading.Timer(SHUTDOWN_S, self._cut_off)
        self._overdue.daemon = True

    def handle_signals(self) -> None:
        """Take SIGTERM, SIGINT and SIGHUP; only on the main thread."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self.on_signal)
        signal.signal(signal.SIGHUP, self.on_hangup)

    def careful(self) -> None:
        """From now on a signal no longer interrupts, it asks for the end."""
        self._careful = True

    def end(self, code: int, why: str) -> None:
        """Ask for the end, from any thread; the first reason decides the exit code."""
        self._reasons.put((code, why))

    def on_signal(self, number: int, _frame: FrameType | None) -> None:
        """Stop in order; when already stopping, at once."""
        self._signals += 1
        if self._signals > 1:
            self._hard_exit(1)
        elif self._careful:
            self.end(0, signal.Signals(number).name)
        else:
            raise SystemExit(0)

    def on_hangup(self, _number: int, _frame: FrameType | None) -> None:
        """Reload soon; several before that are one."""
        self._hangup = True
        self._reasons.put(None)

    def wait(
        self, seconds: float | None, *, reload: Callable[[], object] = _nothing, look: Callable[[], object] = _nothing
    ) -> None:
        """Wait for the end, at most `seconds`; from then on the stop is held to its time, until `ended`.

        Args:
            seconds: Real seconds; None waits for ever.
            reload: Called after a SIGHUP.
            look: Called at least four times a second, for what no thread of its own watches.
        """
        deadline_s = time.monotonic() + (inf if seconds is None else seconds)
        reason = None
        while reason is None and (left_s := deadline_s - time.monotonic()) > 0:
            look()
            if self._hangup:
                self._hangup = False
                reload()
            reason = self._reason(min(left_s, LOOK_S))
        self.code, self.why = reason or (0, f"{seconds:g} s are over")
        logger.info("stopping: {}", self.why)
        self._overdue.start()

    def _reason(self, seconds: float) -> tuple[int, str] | None:
        with suppress(Empty):
            return self._reasons.get(timeout=seconds)
        return None

    def ended(self) -> None:
        """Everything has stopped."""
        self._overdue.cancel()

    def _cut_off(self) -> None:
        logger.critical("not stopped within {:g} s, cut off; stops rest on the exchange, nothing is lost", SHUTDOWN_S)
        self._hard_exit(self.code or 1)
