"""The ledger in PostgreSQL: one transaction a batch, and no wait without an end."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from typing import Any, TypeAlias, TypeVar

import psycopg

from vortex.adapters.ledger import TABLES
from vortex.adapters.postgres.connection import CONNECT_S, STATEMENT_S, BoundedConnection, connect, translated
from vortex.adapters.sqlite.rows import R, from_columns, newest, to_columns
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import RowsRefusedError

T = TypeVar("T")
READ_S, READ_CONNECT_S = 2.5, 2
"""People wait for what is read."""
Work: TypeAlias = Callable[[BoundedConnection], T]


def _write(table: str, on_conflict: str) -> str:
    columns = TABLES[table]
    places = ", ".join(["%s"] * len(columns))
    return f"insert into public.{table} ({', '.join(columns)}) values ({places}) on conflict (id) do {on_conflict}"  # noqa: S608  # our names


def _read(table: str, time: str) -> str:
    columns = ", ".join(f"{column}::text" for column in TABLES[table])
    return f"select {columns} from public.{table} order by {table}.{time} desc, {table}.id desc limit %s"  # noqa: S608  # our names


UPDATES = ", ".join(f"{column} = excluded.{column}" for column in TABLES["trade_logs"] if column != "id")
WRITE_TRADE = _write("trade_logs", f"update set {UPDATES} where excluded.revision > trade_logs.revision")
WRITE_REJECTION = _write("rejected_signals", "nothing")
RECENT_TRADES = _read("trade_logs", "opened_at")
RECENT_REJECTIONS = _read("rejected_signals", "created_at")


class _Session:
    """One connection, made when it is needed and given up when it fails; one user at a time."""

    def __init__(self, dsn: str, statement_s: float, connect_s: int) -> None:
        self._dsn = dsn
        self._statement_s, self._connect_s = statement_s, connect_s
        self._connection: BoundedConnection | None = None
        self._lock = Lock()

    def run(self, work: Work[T]) -> T:
        """Do this in one transaction. Raises the errors of the port."""
        with self._lock:
            try:
                return self._transact(work)
            except psycopg.Error as error:
                refusal = translated(error)
                if not isinstance(refusal, RowsRefusedError):
                    self._give_up()
                raise refusal from error

    def close(self) -> None:
        """What is under way is not waited for, at the end of a process least of all."""
        if self._lock.acquire(blocking=False):
            try:
                self._give_up()
            finally:
                self._lock.release()

    def _transact(self, work: Work[T]) -> T:
        if self._connection is None or self._connection.closed:
            self._connection = connect(self._dsn, statement_s=self._statement_s, connect_s=self._connect_s)
        connection = self._connection
        connection.execute("begin")
        try:
            # of this transaction alone: behind a pooler the session is shared
            connection.execute("select set_config('statement_timeout', %s, true)", [f"{self._statement_s * 1_000:.0f}"])
            result = work(connection)
            connection.execute("commit")
        except psycopg.Error as error:
            if error.sqlstate is not None and not connection.closed:
                connection.execute("rollback")
            raise
        return result

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class PostgresColdStore:
    """Implements ports.ColdStore; safe to use from several threads. Nothing connects before it is used.

    Args:
        dsn: A connection string that libpq understands.
        statement_s: The longest a statement may take.
    """

    def __init__(self, dsn: str, *, statement_s: float = STATEMENT_S) -> None:
        self._writing = _Session(dsn, statement_s, CONNECT_S)
        self._reading = _Session(dsn, min(READ_S, statement_s), READ_CONNECT_S)

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        self._write(WRITE_TRADE, newest(rows))

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
        self._write(WRITE_REJECTION, rows)

    def recent_trades(self, limit: int) -> list[TradeRow]:
        """Newest first. Raises like writing."""
        return self._read(RECENT_TRADES, limit, TradeRow)

    def recent_rejections(self, limit: int) -> list[RejectionRow]:
        """Newest first. Raises like writing."""
        return self._read(RECENT_REJECTIONS, limit, RejectionRow)

    def close(self) -> None:
        self._writing.close()
        self._reading.close()

    def _write(self, statement: str, rows: Sequence[TradeRow | RejectionRow]) -> None:
        values = [to_columns(row) for row in rows]

        def work(connection: BoundedConnection) -> None:
            with connection.cursor() as cursor:
                cursor.executemany(statement, values)

        if values:
            self._writing.run(work)

    def _read(self, query: str, limit: int, kind: type[R]) -> list[R]:
        def work(connection: BoundedConnection) -> list[tuple[Any, ...]]:
            return connection.execute(query, [limit]).fetchall()

        columns = kind.__struct_fields__
        return [from_columns(dict(zip(columns, row, strict=True)), kind) for row in self._reading.run(work)]
