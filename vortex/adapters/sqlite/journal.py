"""The journal of intents: every entry is on disk before `append` returns."""

from __future__ import annotations

import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from loguru import logger

from vortex.adapters.sqlite.connect import named, open_database, open_read_only, transaction
from vortex.adapters.sqlite.reserve import Reserve
from vortex.ports import JournalEntry, UnwritableError

SCHEMA = "journal"
HISTORY = 10_000
"""Entries kept besides the newest of each key, for people; older ones go when the journal is opened."""

COMPACT = """
delete from journal
where seq <= (select max(seq) from journal) - ?
  and (length(body) = 0 or seq not in (select max(seq) from journal group by kind, key))
"""
LATEST = """
select key, body from journal
where seq in (select max(seq) from journal where kind = ? group by key) and length(body) > 0 order by seq
"""
EARLIER = "select body from journal where kind = ? and key = ? order by seq desc limit -1 offset 1"
SEALED = b"\x01"
"""First byte of a body with a checksum; what earlier versions wrote begins with something printable."""


class SqliteJournal:
    """Implements ports.Journal on `path`; safe to use from several threads.

    Args:
        path: The database file; created when absent.
        now_ms: UTC epoch milliseconds, stamped on each entry.
        history: Entries kept besides the newest of each key.
        reserve: Room on disk to give back when it is full.
        read_only: Open for a look, also beside the process that writes; the file must be there.

    Raises:
        StoreError: The file is damaged, of a newer version, or cannot be written.
    """

    def __init__(
        self,
        path: Path,
        now_ms: Callable[[], int],
        *,
        history: int = HISTORY,
        reserve: Reserve | None = None,
        read_only: bool = False,
    ) -> None:
        self._now_ms = now_ms
        self._reserve = reserve
        self._lock = Lock()
        if read_only:
            self._connection = open_read_only(path, SCHEMA)
            return
        self._connection = open_database(path, SCHEMA)
        with named(path), transaction(self._connection):
            self._connection.execute(COMPACT, (history,))

    def append(self, kind: str, key: str, body: bytes) -> int:
        row = (self._now_ms(), kind, key, _sealed(body))
        return self._insert(row) if self._reserve is None else self._reserve.lend(lambda: self._insert(row))

    def _insert(self, row: tuple[int, str, str, bytes]) -> int:
        with self._lock:
            try:
                cursor = self._connection.execute(
                    "insert into journal (ts_ms, kind, key, body) values (?, ?, ?, ?)", row
                )
            except sqlite3.Error as error:
                raise UnwritableError(f"the journal cannot be written: {error}") from error
            if cursor.lastrowid is None:
                raise UnwritableError("the journal gave no sequence number")
            return cursor.lastrowid

    def latest(self, kind: str) -> dict[str, bytes]:
        """The newest body of each key; one that was damaged on disk gives way to the one before it."""
        with self._lock:
            found = {key: self._opened(kind, key, body) for key, body in self._connection.execute(LATEST, (kind,))}
        return {key: body for key, body in found.items() if body}

    def _opened(self, kind: str, key: str, newest: bytes) -> bytes:
        if (body := _unsealed(newest)) is not None:
            return body
        logger.error("journal: the newest {} of {} is damaged on disk, an earlier one is used", kind, key)
        earlier = (_unsealed(body) for (body,) in self._connection.execute(EARLIER, (kind, key)))
        return next((body for body in earlier if body is not None), b"")

    def recent(self, limit: int) -> list[JournalEntry]:
        """The newest entries of all kinds, newest first."""
        with self._lock:
            rows = self._connection.execute(
                "select seq, ts_ms, kind, key, body from journal order by seq desc limit ?", (limit,)
            ).fetchall()
        return [
            JournalEntry(seq=seq, ts_ms=ts_ms, kind=kind, key=key, body=_unsealed(body) or b"")
            for seq, ts_ms, kind, key, body in rows
        ]

    def close(self) -> None:
        with self._lock:
            self._connection.close()


def _sealed(body: bytes) -> bytes:
    """Put a checksum before what is written; nothing before what forgets."""
    return SEALED + zlib.crc32(body).to_bytes(4) + body if body else body


def _unsealed(stored: bytes) -> bytes | None:
    """Return what was written, or None when it is not what it was."""
    if stored[:1] >= b" ":
        return stored
    if not stored.startswith(SEALED):
        return None
    body = stored[5:]
    return body if zlib.crc32(body).to_bytes(4) == stored[1:5] else None
