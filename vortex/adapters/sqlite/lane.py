"""One lane of the outbox: a table of rows that wait, oldest first, through one connection."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Literal, TypeAlias

import msgspec
from msgspec import Struct

from vortex.adapters.sqlite.connect import open_database, transaction
from vortex.adapters.sqlite.rows import TABLES, Row
from vortex.ports import UnwritableError

KINDS: dict[str, type[Row]] = {table: kind for kind, table in TABLES.items()}
Name: TypeAlias = Literal["trades", "rejections"]
FILES: dict[Name, tuple[str, Literal["full", "normal"]]] = {
    "trades": ("journal", "full"),
    "rejections": ("rejections", "normal"),
}
# Each as the index `outbox_parked` has it: a hundred thousand rows are counted in a millisecond, not read.
WAITS, PARKED = "(error is not null) = 0", "(error is not null) = 1"
COUNTS = f"""
select (select count(*) from outbox),
       (select count(*) from outbox where {PARKED}),
       (select created_ms from outbox where {WAITS} order by seq limit 1)
"""  # noqa: S608  # of our own words
WAITING = f"select seq, tbl, body from outbox where {WAITS} order by seq limit ?"  # noqa: S608  # as above
OLDEST = "delete from outbox where seq in (select seq from outbox order by seq limit ?)"


class Waiting(Struct, frozen=True):
    """A row of the outbox."""

    seq: int
    row: Row


class Kept(Struct, frozen=True, kw_only=True):
    """A row of the outbox, for people.

    Attributes:
        id: That of the row.
        error: Why it was set aside; None while it waits.
    """

    id: str
    table: str
    created_ms: int
    error: str | None
    body: bytes


class Counts(Struct, frozen=True):
    """How many rows wait, since when the first of them, and how many were set aside."""

    pending: int
    oldest_ms: int | None
    parked: int


class Lane:
    """Safe to use from several threads; several processes may have the same lane open.

    Args:
        name: Which one.
        path: Its database file; created when absent.
        synchronous: Otherwise than usual for this lane.

    Raises:
        StoreError: The file is damaged or of a newer version.
    """

    def __init__(self, name: Name, path: Path, synchronous: Literal["full", "normal"] | None = None) -> None:
        schema, usual = FILES[name]
        self._connection = open_database(path, schema, synchronous=synchronous or usual)
        self._lock = Lock()

    def append(self, table: str, row_id: str, body: bytes, created_ms: int, error: str | None = None) -> None:
        """Keep a row before returning. Raises UnwritableError."""
        values = (table, row_id, body, created_ms, error)
        with self._file():
            self._connection.execute(
                "insert into outbox (tbl, row_id, body, created_ms, error) values (?, ?, ?, ?, ?)", values
            )

    def waiting(self, limit: int) -> list[Waiting]:
        """The oldest rows that wait; what this version cannot read is set aside, and holds up nobody."""
        while found := self._oldest(limit):
            decoded = ((seq, self._decode(seq, table, body)) for seq, table, body in found)
            if readable := [Waiting(seq, row) for seq, row in decoded if row is not None]:
                return readable
        return []

    def forget(self, seqs: Sequence[int]) -> None:
        """The store has these. Raises UnwritableError."""
        with self._file(), transaction(self._connection):
            self._connection.executemany("delete from outbox where seq = ?", [(seq,) for seq in seqs])

    def park(self, seq: int, error: str) -> None:
        """Set a row aside: it is not handed over until a person says so. Raises UnwritableError."""
        with self._file():
            self._connection.execute("update outbox set error = ? where seq = ?", (error, seq))

    def counts(self) -> Counts:
        with self._file():
            rows, parked, oldest_ms = self._connection.execute(COUNTS).fetchone()
        return Counts(pending=rows - parked, oldest_ms=oldest_ms, parked=parked)

    def trim(self, most: int, at_once: int) -> int:
        """Give up the oldest rows when there are more than `most`, so many at once; returns how many.

        Raises:
            UnwritableError: The disk does not take it.
        """
        with self._file(), transaction(self._connection):
            (rows,) = self._connection.execute("select count(*) from outbox").fetchone()
            surplus = rows - most
            if surplus <= 0:
                return 0
            dropped = self._connection.execute(OLDEST, (max(surplus, at_once),)).rowcount
            self._connection.execute("update dropped set rows = rows + ?", (dropped,))
            return dropped

    def dropped(self) -> int:
        """How many rows of this lane were ever given up."""
        with self._file():
            return int(self._connection.execute("select rows from dropped").fetchone()[0])

    def kept(self, limit: int) -> list[Kept]:
        """For people: rows that were set aside, then those that wait, each oldest first."""
        query = "select row_id, tbl, created_ms, error, body from outbox order by error is not null desc, seq limit ?"
        with self._file():
            found = self._connection.execute(query, (limit,)).fetchall()
        return [
            Kept(id=row_id, table=table, created_ms=created_ms, error=error, body=body)
            for row_id, table, created_ms, error, body in found
        ]

    def retry(self, row_id: str | None) -> int:
        """Hand over again what was set aside, the rows of this id or all; returns how many. Raises UnwritableError."""
        return self._change("update outbox set error = null", row_id)

    def drop(self, row_id: str | None) -> int:
        """Throw away what was set aside, the rows of this id or all; returns how many. Raises UnwritableError."""
        return self._change("delete from outbox", row_id)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    def _change(self, change: str, row_id: str | None) -> int:
        which, values = (" and row_id = ?", (row_id,)) if row_id is not None else ("", ())
        with self._file(), transaction(self._connection):
            return self._connection.execute(f"{change} where {PARKED}{which}", values).rowcount

    def _oldest(self, limit: int) -> list[tuple[int, str, bytes]]:
        with self._file():
            return self._connection.execute(WAITING, (limit,)).fetchall()

    def _decode(self, seq: int, table: str, body: bytes) -> Row | None:
        try:
            return msgspec.json.decode(body, type=KINDS[table])
        except (KeyError, msgspec.DecodeError) as error:
            self.park(seq, f"this version cannot read it: {error!r}")
            return None

    @contextmanager
    def _file(self) -> Iterator[None]:
        """One at a time, with what may go wrong on a disk in the words of the port."""
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                raise UnwritableError(f"the outbox cannot be written: {error}") from error
