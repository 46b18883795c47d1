"""Writing to a terminal or a pipe whose reader may stop reading (Ctrl-S, a pager): lines are lost, nobody waits."""

from __future__ import annotations

import os
import select
import stat
import time
from collections.abc import Callable
from typing import Protocol

PATIENCE_S = 0.05
"""For a reader that is merely slow, real seconds; one that has stopped is not waited for again."""


class Stream(Protocol):
    """Where text goes."""

    def write(self, text: str, /) -> object: ...

    def flush(self) -> None: ...


class Unwaiting:
    """A stream of lines; how many its reader did not take is said when it reads again.

    Args:
        file: Opened so that writing to it does not block.
        missing: The words for so many lost lines.
    """

    def __init__(self, file: int, missing: Callable[[int], str]) -> None:
        self._file = file
        self._missing = missing
        self._lost = 0
        self._room = select.poll()
        self._room.register(file, select.POLLOUT)

    def write(self, text: str) -> None:
        """Write whole lines; raises OSError when there is no reader any more."""
        lead = f"\n{self._missing(self._lost)}" if self._lost else ""  # what was lost last may have begun
        taken = self._send((lead + text).encode("utf-8", "backslashreplace"))
        self._lost = 0 if taken else self._lost + 1

    def flush(self) -> None:
        """Nothing is kept here."""

    def stop(self) -> None:
        os.close(self._file)

    def _send(self, data: bytes) -> bool:
        end_s = time.monotonic() + (0.0 if self._lost else PATIENCE_S)
        while data:
            try:
                data = data[os.write(self._file, data) :]
            except BlockingIOError:
                left_s = end_s - time.monotonic()
                if left_s <= 0 or not self._room.poll(1_000 * left_s):
                    return False
        return True


def unwaiting(stream: Stream, missing: Callable[[int], str]) -> Stream:
    """The same stream, not waiting where it is a terminal or pipe of ours; a file has no reader to wait for."""
    try:
        file: int = stream.fileno()  # type: ignore[attr-defined]  # what has none is no file
        mode = os.fstat(file).st_mode
        if not (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)):
            return stream
        # Opened anew: whether writers wait is a property of the open file, which a shell and others share.
        own = os.open(f"/proc/self/fd/{file}", os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    except (AttributeError, OSError, ValueError):
        return stream
    return Unwaiting(own, missing)
