"""Log files: JSON lines in the data directory, rotated by size, the older ones compressed, none kept for ever.

Nothing here raises or waits: a full disk, a directory that cannot be written or that was deleted costs lines, never
the run. What was lost is counted, and said where it still can be.
"""

from __future__ import annotations

import errno
import gzip
import os
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from vortex.config.sections import Log

NAME = "vortex.jsonl"
MIB = 2**20
CHUNK = MIB // 4
"""Bytes that one `tidy` compresses: some milliseconds."""
CHECK_EVERY_NS = 1_000_000_000
"""How often it is looked whether the file is still there, and opened again after it could not be."""


class LogFiles:
    """A stream of lines into files of one folder; the newest is `vortex.jsonl`, older ones end with a number, `.gz`.

    Args:
        folder: Made when it is not there; files are readable for the owner alone.
        settings: Size and number of the files.
        head: The first line of every new file: which run this is.
    """

    def __init__(self, folder: Path, settings: Log, head: str) -> None:
        self.folder = folder
        self.lost = 0
        self._path = folder / NAME
        self._settings = settings
        self._head = head
        self._file: int | None = None
        self._size = self._checked_ns = 0
        self._work: Iterator[None] | None = None
        self._untidy = True

    def set(self, settings: Log) -> None:
        """Go on with other sizes."""
        self._settings = settings

    def write(self, text: str) -> None:
        """Append whole lines."""
        data = text.encode("utf-8", "backslashreplace")
        try:
            self._append(self._ready(len(data)), data)
        except OSError as error:
            self._failed(error)
        else:
            if self.lost:
                lost, self.lost = self.lost, 0
                sys.stderr.write(f"the log files are written again, {lost} lines are missing in them\n")

    def flush(self) -> None:
        """Every line has left this process already."""

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def tidy(self) -> None:
        """Do a little of what is to be done: compress what was rotated, delete what is too old. Call it often."""
        if not self._untidy:
            return
        self._work = self._work or self._tidying()
        try:
            next(self._work)
        except (StopIteration, OSError):  # done; or no room to compress, which is tried again after the next rotation
            self._work, self._untidy = None, False

    # ---------------------------------------------------------------------------------------------------- one file

    def _append(self, file: int, data: bytes) -> None:
        written = os.write(file, data)
        self._size += written
        if written < len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def _ready(self, more: int) -> int:
        """The file to write to, a new one if need be. Raises OSError."""
        if self._file is not None and self._size + more > self._settings.rotate_mib * MIB:
            self.close()
            self._rotate()
        now_ns = time.monotonic_ns()
        if self._file is not None and now_ns - self._checked_ns >= CHECK_EVERY_NS:
            self._checked_ns = now_ns
            if not self._same():
                self.close()
        if self._file is None:
            if self.lost and now_ns - self._checked_ns < CHECK_EVERY_NS:
                raise OSError("tried a moment ago")
            self._checked_ns = now_ns
            self._file = self._open()
        return self._file

    def _open(self) -> int:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            self._size = os.fstat(file).st_size
            if not self._size:
                self._size = os.write(file, self._head.encode())
            elif os.pread(file, 1, self._size - 1) != b"\n":  # a full disk or a crash cut the last line
                self._size += os.write(file, b"\n")
        except OSError:
            os.close(file)
            raise
        return file

    def _same(self) -> bool:
        """Whether the open file is still the one under its name: it may have been deleted, or moved by logrotate."""
        try:
            there = self._path.stat()
        except OSError:
            return False
        return self._file is not None and os.path.samestat(there, os.fstat(self._file))

    def _rotate(self) -> None:
        numbers = [_number(path) for path in self._old()]
        self._path.rename(self.folder / f"{NAME}.{max(numbers, default=0) + 1}")
        self._untidy = True

    def _failed(self, error: OSError) -> None:
        self.close()
        if not self.lost:
            with suppress(OSError, ValueError):  # nowhere is left to say it
                sys.stderr.write(f"log files in {self.folder} cannot be written: {error.strerror or error}\n")
        self.lost += 1

    # -------------------------------------------------------------------------------------------------- older files

    def _old(self) -> list[Path]:
        """Rotated files, oldest first."""
        found = [path for path in self.folder.glob(f"{NAME}.*") if _number(path)]
        return sorted(found, key=_number)

    def _tidying(self) -> Iterator[None]:
        for path in self._old()[: -self._settings.keep or None]:
            path.unlink(missing_ok=True)
        for path in self._old():
            if path.suffix != ".gz":
                yield from _compress(path)


def _compress(path: Path) -> Iterator[None]:
    """Replace a file by its compressed form, a piece at a time."""
    draft = path.with_name(f".{path.name}.gz")
    try:
        with path.open("rb") as plain, _private(draft) as file, gzip.open(file, "wb", compresslevel=6) as packed:
            while data := plain.read(CHUNK):
                packed.write(data)
                yield
    except OSError:  # a full disk needs the room of what could not be finished
        draft.unlink(missing_ok=True)
        raise
    draft.replace(path.with_name(f"{path.name}.gz"))
    path.unlink()


def _private(path: Path) -> BinaryIO:
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "wb")


def _number(path: Path) -> int:
    """Of `vortex.jsonl.7` and `vortex.jsonl.7.gz` 7; 0 of anything else."""
    text = path.name.removeprefix(f"{NAME}.").removesuffix(".gz")
    return int(text) if text.isascii() and text.isdigit() else 0
