"""The outbox: rows on disk until the cold store has them. Nothing is lost, nothing is written twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

import msgspec

from vortex.adapters.sqlite.connect import open_database, transaction
from vortex.adapters.sqlite.rows import TABLES, Row, validate
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import ColdStore, UnwritableError
from vortex.queries import OutboxStatus

KINDS: Mapping[str, type[TradeRow | RejectionRow]] = {table: kind for kind, table in TABLES.items()}
STATUS = """
select count(*) filter (where error is null), min(created_ms) filter (where error is null),
       count(*) filter (where error is not null)
from outbox
"""


class SqliteOutbox:
    """Implements ports.Outbox on the journal's file, with a connection of its own.

    `append` may be called from any thread and waits only for the disk; `drain` has one caller at a time. A crash
    between the store's write and our forgetting repeats the write, which the store takes as one.

    Args:
        path: The journal's database file; created when absent.
        now_ms: UTC epoch milliseconds, for the age of the oldest row.

    Raises:
        StoreError: The file is damaged or of a newer version.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._lock = Lock()
        self._connection = open_database(path, "journal.sql")

    def append(self, row: Row) -> None:
        """Keep the row durably before returning.

        Raises:
            UnwritableRowError: No store could keep this row.
            UnwritableError: The disk does not take it now.
        """
        validate(row)
        values = (TABLES[type(row)], row.id, msgspec.json.encode(row), self._now_ms())
        with self._file():
            self._connection.execute("insert into outbox (tbl, row_id, body, created_ms) values (?, ?, ?, ?)", values)

    def drain(self, store: ColdStore, limit: int = 100) -> int:
        """Hand over at most `limit` of the oldest rows; what the store raises is passed on and the rows stay.

        Raises:
            UnwritableError: The disk does not let us forget them now: they are handed over again.
        """
        with self._file():
            waiting = self._connection.execute(
                "select seq, tbl, body from outbox where error is null order by seq limit ?", (limit,)
            ).fetchall()
        trades: list[TradeRow] = []
        rejections: list[RejectionRow] = []
        handled: list[int] = []
        for seq, table, body in waiting:
            row = self._decode(seq, table, body)
            if isinstance(row, TradeRow):
                trades.append(row)
            elif isinstance(row, RejectionRow):
                rejections.append(row)
            if row is not None:
                handled.append(seq)
        if trades:
            store.write_trades(trades)
        if rejections:
            store.write_rejections(rejections)
        self._forget(handled)
        return len(handled)

    def status(self) -> OutboxStatus:
        with self._lock:
            pending, oldest_ms, parked = self._connection.execute(STATUS).fetchone()
        return OutboxStatus(pending=pending, oldest_ms=oldest_ms, parked=parked)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _decode(self, seq: int, table: str, body: bytes) -> Row | None:
        """The row, or None after setting aside what this version cannot read: it must not hold up the rows behind."""
        try:
            return msgspec.json.decode(body, type=KINDS[table])
        except (KeyError, msgspec.DecodeError) as error:
            with self._file():
                self._connection.execute("update outbox set error = ? where seq = ?", (repr(error), seq))
            return None

    def _forget(self, handled: Sequence[int]) -> None:
        with self._file(), transaction(self._connection):
            self._connection.executemany("delete from outbox where seq = ?", [(seq,) for seq in handled])

    @contextmanager
    def _file(self) -> Iterator[None]:
        """One at a time, with what may go wrong on a disk in the words of the port."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise UnwritableError(f"the outbox cannot be written: {error}") from error
