"""What outlives a restart of the simulator: account, listen key, clock, and each source's place in its market."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
from msgspec import Struct

from vortex.sim.server.user_stream import ListenKey


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
    """One state of the exchange; without an account it is a new one, or, when saving, an unchanged one."""

    course: Course
    account: bytes | None = None


class StateFile:
    """A SQLite file with one row for the account and one for the course; both change in one transaction or neither."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises OSError or sqlite3.Error when it cannot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written by one worker thread, opened, read and closed by the loop's: never both at once.
        self._database = sqlite3.connect(path, check_same_thread=False)
        self._database.execute("PRAGMA synchronous=FULL")
        with self._database:
            self._database.execute("CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, body BLOB NOT NULL)")

    def load(self) -> Saved:
        """The saved state, a new one when there is none. Raises ValueError when the file holds something else."""
        rows: dict[str, bytes] = dict(self._database.execute("SELECT name, body FROM state"))
        try:
            course = msgspec.msgpack.decode(rows["course"], type=Course) if rows else Course()
        except (KeyError, msgspec.DecodeError) as error:
            raise ValueError(f"not a simulator state: {error}") from error
        return Saved(course=course, account=rows.get("account"))

    def save(self, state: Saved) -> None:
        rows = [("course", msgspec.msgpack.encode(state.course))]
        if state.account is not None:
            rows.append(("account", state.account))
        with self._database:
            self._database.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", rows)

    def close(self) -> None:
        self._database.close()
