"""Opening our SQLite files: WAL, fsync at every commit, schema brought up to date, damage named in one line."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from importlib import resources
from pathlib import Path
from typing import Literal

LEDGER = "cold_store"
"""The schema of what people read beside us."""
BUSY_TIMEOUT_S = 5.0
"""How long a writer waits for another connection's commit."""


class StoreError(Exception):
    """A database file cannot be used; `str(error)` is one line that names the file and what to do."""


def open_database(path: Path, schema: str, *, synchronous: Literal["full", "normal"] = "full") -> sqlite3.Connection:
    """Open for writing; what the database does not have yet of the packaged `schema` is made, all of it or nothing.

    `schema` is a SQL file, version 1 of itself, or a folder of numbered ones, one for each version.

    The connection is in autocommit mode and may be used by several threads, one at a time. With `normal` a commit
    survives the end of the process, but the last ones may not survive that of the power. Raises StoreError.
    """
    with named(path):
        connection = sqlite3.connect(path, timeout=BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
        try:
            _require_writable(path)
            connection.execute("pragma journal_mode = wal")
            connection.execute(f"pragma synchronous = {synchronous}")
            _migrate(connection, path, schema)
            _check(connection, path)
        except BaseException:
            connection.close()
            raise
        return connection


def open_read_only(path: Path, schema: str = LEDGER) -> sqlite3.Connection:
    """Open beside a running writer, without being able to change anything. Raises StoreError."""
    if not path.exists():
        raise StoreError(f"{path}: not there: no system has run with this data directory")
    with named(path):
        uri = f"{path.absolute().as_uri()}?mode=ro"
        connection = sqlite3.connect(uri, uri=True, timeout=BUSY_TIMEOUT_S, check_same_thread=False)
        try:
            _require_version(connection, path, len(_versions(schema)))
        except BaseException:
            connection.close()
            raise
        return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All or nothing; on disk when it ends without an exception."""
    connection.execute("begin immediate")
    try:
        yield
        connection.execute("commit")
    except BaseException:
        if connection.in_transaction:  # SQLite itself takes back what a full disk cut short, but not a failed commit
            connection.execute("rollback")
        raise


def _migrate(connection: sqlite3.Connection, path: Path, schema: str) -> None:
    versions = _versions(schema)
    with transaction(connection):
        for sql in versions[_version(connection) :]:
            for statement in _statements(sql):
                connection.execute(statement)
        if _version(connection) < len(versions):
            connection.execute(f"pragma user_version = {len(versions):d}")
        _require_version(connection, path, len(versions))


def _versions(schema: str) -> list[str]:
    """The SQL that leads from each version to the next, from none to the present one."""
    packaged = resources.files("vortex.adapters.sqlite").joinpath(schema)
    files = sorted(packaged.iterdir(), key=lambda file: file.name) if packaged.is_dir() else [packaged]
    return [file.read_text(encoding="utf-8") for file in files if file.name.endswith(".sql")]


def _statements(sql: str) -> Iterator[str]:
    # executescript would commit first; one by one they stay inside the transaction
    statement = ""
    for line in sql.splitlines(keepends=True):
        statement += line
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""


def _check(connection: sqlite3.Connection, path: Path) -> None:
    with closing(connection.execute("pragma quick_check(1)")) as cursor:
        (verdict,) = cursor.fetchone()
    if verdict != "ok":
        raise StoreError(_damaged(path, str(verdict)))


def _version(connection: sqlite3.Connection) -> int:
    with closing(connection.execute("pragma user_version")) as cursor:
        return int(cursor.fetchone()[0])


def _require_version(connection: sqlite3.Connection, path: Path, needed: int) -> None:
    if (version := _version(connection)) != needed:
        raise StoreError(f"{path}: schema {version}, this program needs {needed}: written by another version")


def _require_writable(path: Path) -> None:
    # SQLite opens what it may only read, and says so at the first write: when trades are under way
    if path.exists() and not os.access(path, os.W_OK):
        raise StoreError(f"{path}: cannot be written: make it writable for the user who runs this program")


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Whatever SQLite says within the block becomes a StoreError that names the file."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(f"{path}: cannot be opened: {error}") from error
    except sqlite3.DatabaseError as error:
        raise StoreError(_damaged(path, str(error))) from error


def _damaged(path: Path, detail: str) -> str:
    return f"{path}: damaged ({' '.join(detail.split())}): move it aside together with its -wal and -shm files"
