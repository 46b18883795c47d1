"""What outlives a restart of the simulator: account, listen key, clock, and each source's place in its market."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec
from msgspec import Struct

from vortex.sim.server.user_stream import ListenKey


class Saved(Struct, kw_only=True):
    """One state of the exchange; the default is a new one."""

    account: bytes | None = None
    listen_key: ListenKey | None = None
    now_ms: int = 0
    positions: dict[str, int] = {}
    """Milliseconds of market already played, by symbol."""


class StateFile:
    """One row in a SQLite file, replaced as a whole: a crash leaves the old state or the new one, never a mixture."""

    def __init__(self, path: Path) -> None:
        """Open or create the file. Raises OSError or sqlite3.Error when it cannot."""
        path.parent.mkdir(parents=True, exist_ok=True)
        # Written by one worker thread, opened and read by the loop's: never both at once.
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._database.execute("PRAGMA synchronous=FULL")
        self._database.execute("CREATE TABLE IF NOT EXISTS state (id INTEGER PRIMARY KEY, body BLOB NOT NULL)")

    def load(self) -> Saved:
        """The saved state, a new one when there is none. Raises ValueError when the file holds something else."""
        row = self._database.execute("SELECT body FROM state").fetchone()
        if row is None:
            return Saved()
        try:
            return msgspec.msgpack.decode(row[0], type=Saved)
        except msgspec.DecodeError as error:
            raise ValueError(f"not a simulator state: {error}") from error

    def save(self, state: Saved) -> None:
        self._database.execute("INSERT OR REPLACE INTO state VALUES (1, ?)", (msgspec.msgpack.encode(state),))

    def close(self) -> None:
        self._database.close()
