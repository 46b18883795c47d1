"""The journal of intents: every entry is on disk before `append` returns."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from vortex.adapters.sqlite.connect import open_database, transaction
from vortex.ports import JournalEntry

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


class SqliteJournal:
    """Implements ports.Journal on `path`; safe to use from several threads.

    Args:
        path: The database file; created when absent.
        now_ms: UTC epoch milliseconds, stamped on each entry.
        history: Entries kept besides the newest of each key.

    Raises:
        StoreError: The file is damaged or of a newer version.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int], *, history: int = HISTORY) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._connection = open_database(path, "journal.sql")
        with transaction(self._connection):
            self._connection.execute(COMPACT, (history,))

    def append(self, kind: str, key: str, body: bytes) -> int:
        with self._lock:
            cursor = self._connection.execute(
                "insert into journal (ts_ms, kind, key, body) values (?, ?, ?, ?)", (self._now_ms(), kind, key, body)
            )
            if cursor.lastrowid is None:
                raise sqlite3.DatabaseError("the journal gave no sequence number")
            return cursor.lastrowid

    def latest(self, kind: str) -> dict[str, bytes]:
        with self._lock:
            return dict(self._connection.execute(LATEST, (kind,)).fetchall())

    def recent(self, limit: int) -> list[JournalEntry]:
        """The newest entries of all kinds, newest first."""
        with self._lock:
            rows = self._connection.execute(
                "select seq, ts_ms, kind, key, body from journal order by seq desc limit ?", (limit,)
            ).fetchall()
        return [
            JournalEntry(seq=seq, ts_ms=ts_ms, kind=kind, key=key, body=body) for seq, ts_ms, kind, key, body in rows
        ]

    def close(self) -> None:
        with self._lock:
            self._connection.close()
