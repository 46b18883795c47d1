"""What outlives a restart of the simulator: account, history, listen key, clock, and each source's place in its market.

A save costs what happened since the one before it, not what ever happened: final rows are appended, and only the small
rest, which still changes, is replaced.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import msgspec
from msgspec import Struct

from vortex.sim.core.history import FinalRow
from vortex.sim.server.user_stream import ListenKey

VERSION = 2
"""Of everything in the file; a row that is encoded in another way needs another version."""

_TABLES = (
    "CREATE TABLE state (name TEXT PRIMARY KEY, body BLOB NOT NULL) WITHOUT ROWID",
    """CREATE TABLE history (kind TEXT NOT NULL, number INTEGER NOT NULL, body BLOB NOT NULL,
       PRIMARY KEY (kind, number)) WITHOUT ROWID""",
    f"PRAGMA user_version = {VERSION}",
)


class Course(Struct, kw_only=True):
    """How far the exchange has come; the default is the beginning.

    Attributes:
        now_ms: Its clock.
        positions: Milliseconds of market already played, by symbol.
    """

    now_ms: int = 0
    positions: dict[str, int] = {}
    listen_key: ListenKey | None = None


class Saved(Struct, kw_only=True):
    """One consistent state of the exchange.

    Attributes:
        account: What `ExchangeCore.dump` gives; None leaves it as it is, and is a new one when loaded.
        rows: Its history when loaded, what is not known to be saved yet when saving.
    """

    course: Course
    account: bytes | None = None
    rows: Iterable[FinalRow] = ()


class StateFile:
    """A SQLite file; a save is one transaction, so that any end of the process leaves one consistent state."""

    def __init__(self, path: Path) -> None:
        """Open or create the file.

        Raises:
            ValueError: It holds something else, or a state of another version.
            OSError, sqlite3.Error: It cannot be opened.
        """
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written by one worker thread, opened, read and closed by the loop's: never both at once.
        self._database = sqlite3.connect(path, check_same_thread=False)
        try:
            self._prepare()
        except BaseException:
            self._database.close()
            raise

    def load(self) -> Saved:
        """The saved state, a new one when there is none. Raises ValueError when the file holds something else."""
        bodies: dict[str, bytes] = dict(self._database.execute("SELECT name, body FROM state"))
        try:
            course = msgspec.msgpack.decode(bodies["course"], type=Course) if bodies else Course()
        except (KeyError, msgspec.DecodeError) as error:
            raise self._refused(f"not a simulator state: {error}") from error
        rows = self._database.execute("SELECT kind, number, body FROM history ORDER BY kind, number")
        return Saved(course=course, account=bodies.get("account"), rows=map(FinalRow._make, rows))

    def save(self, state: Saved) -> None:
        """Write a state over the one before it; rows that are there already may be given again."""
        bodies = {"course": msgspec.msgpack.encode(state.course)}
        if state.account is not None:
            bodies["account"] = state.account
        with self._database:
            self._database.executemany("REPLACE INTO history VALUES (?, ?, ?)", state.rows)
            self._database.executemany("REPLACE INTO state VALUES (?, ?)", bodies.items())

    def close(self) -> None:
        self._database.close()

    def _prepare(self) -> None:
        try:
            (version,) = self._database.execute("PRAGMA user_version").fetchone()
            (tables,) = self._database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        except sqlite3.DatabaseError as error:
            raise self._refused(str(error)) from error
        if version != VERSION and (version or tables):
            raise self._refused("state of another version of the simulator")
        self._database.execute("PRAGMA synchronous=FULL")
        if not tables:
            with self._database:
                self._database.execute("BEGIN")  # or the first table would be committed without the others
                for statement in _TABLES:
                    self._database.execute(statement)

    def _refused(self, reason: str) -> ValueError:
        return ValueError(f"{self._path}: {reason}; move it aside to begin with a new account")
