"""The ledger in a SQLite file: the embedded cold store."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path
from threading import Lock

from vortex.adapters.sqlite.connect import LEDGER, open_database, open_read_only, transaction
from vortex.adapters.sqlite.rows import from_columns, to_columns
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import StoreUnavailableError

CLOSE_S = 0.5
"""For a write that is under way, which takes moments."""


def _insert(table: str, columns: Sequence[str]) -> str:
    places = ", ".join("?" * len(columns))
    return f"insert into {table} ({', '.join(columns)}) values ({places}) on conflict (id) do "  # noqa: S608  # our names


TRADES: tuple[str, ...] = TradeRow.__struct_fields__
WRITE_TRADE = (
    _insert("trade_logs", TRADES)
    + f"update set {', '.join(f'{name} = excluded.{name}' for name in TRADES if name != 'id')} "
    + "where excluded.revision > trade_logs.revision"
)
WRITE_REJECTION = _insert("rejected_signals", RejectionRow.__struct_fields__) + "nothing"
RECENT_TRADES = "select * from trade_logs order by opened_at desc, id desc limit ?"
RECENT_REJECTIONS = "select * from rejected_signals order by created_at desc, id desc limit ?"


class SqliteColdStore:
    """Implements ports.ColdStore; safe to use from several threads.

    A trade is written whole; of two versions the higher `revision` stays, whichever comes first. Opens and closes,
    repeated in any order, therefore end in the same row.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._connection.row_factory = sqlite3.Row
        self._lock = Lock()

    @classmethod
    def open(cls, path: Path) -> SqliteColdStore:
        """Open for writing; the file is created when absent, one of an older version is migrated. Raises StoreError."""
        return cls(open_database(path, LEDGER))

    @classmethod
    def read_only(cls, path: Path) -> SqliteColdStore:
        """Open for reading, also while another process writes. Raises StoreError when there is no such file."""
        return cls(open_read_only(path))

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        self._write(WRITE_TRADE, rows)

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
        self._write(WRITE_REJECTION, rows)

    def recent_trades(self, limit: int) -> list[TradeRow]:
        return [from_columns(row, TradeRow) for row in self._select(RECENT_TRADES, limit)]

    def recent_rejections(self, limit: int) -> list[RejectionRow]:
        return [from_columns(row, RejectionRow) for row in self._select(RECENT_REJECTIONS, limit)]

    def close(self) -> None:
        """What another process holds up is not waited for: a write that was not done is done at the next start."""
        if self._lock.acquire(timeout=CLOSE_S):
            try:
                self._connection.close()
            finally:
                self._lock.release()

    def _write(self, statement: str, rows: Sequence[TradeRow | RejectionRow]) -> None:
        try:
            with self._lock, transaction(self._connection):
                self._connection.executemany(statement, [to_columns(row) for row in rows])
        except sqlite3.OperationalError as error:  # locked, full, read-only: none of it is the rows' fault
            raise StoreUnavailableError(f"the ledger cannot be written: {error}") from error

    def _select(self, query: str, limit: int) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, (limit,)).fetchall()
