"""Room on disk kept for the worst moment: a file that is given back when the disk is full."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from loguru import logger

from vortex.ports import UnwritableError

T = TypeVar("T")
SIZE_BYTES = 16 * 2**20
ENOUGH_BYTES = 128 * 2**20
"""Free disk, besides the file, from which on it is made (again): well above what closes the gate `disk`."""
FULL = frozenset({sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR})


class Reserve:
    """A file that holds the room; safe to use from several threads.

    Args:
        path: The file.
        size_bytes: How large.
    """

    def __init__(self, path: Path, size_bytes: int = SIZE_BYTES) -> None:
        self._path = path
        self._size = size_bytes
        self._failed = False
        self._lock = Lock()

    def look(self) -> None:
        """Make the file when there is none and plenty of room for it."""
        with self._lock:
            try:
                if not self._path.exists() and shutil.disk_usage(self._path.parent).free >= ENOUGH_BYTES + self._size:
                    self._make()
            except OSError as error:
                with suppress(OSError):  # what cannot be made may not be there to be deleted
                    self._path.unlink()
                if not self._failed:
                    logger.error("{}: no room can be kept for a full disk: {}", self._path, error)
                self._failed = True

    def give_back(self) -> bool:
        """Delete the file; False when there is none."""
        with self._lock:
            try:
                self._path.unlink()
            except OSError:
                return False
        logger.critical(
            "THE DISK IS FULL: {} MiB kept for this are given back, which will not last: make room; entries stay shut",
            self._size // 2**20,
        )
        return True

    def lend(self, write: Callable[[], T]) -> T:
        """Write; on a full disk give the room back and try once more. Raises what `write` raises."""
        try:
            return write()
        except UnwritableError as error:
            if not is_full(error) or not self.give_back():
                raise
        return write()

    def _make(self) -> None:
        file = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            os.posix_fallocate(file, 0, self._size)
        finally:
            os.close(file)


def is_full(error: UnwritableError) -> bool:
    """Whether more room might help."""
    code = getattr(error.__cause__, "sqlite_errorcode", 0)
    return isinstance(code, int) and code & 0xFF in FULL
