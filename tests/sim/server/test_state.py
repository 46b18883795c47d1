from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from vortex.sim.server.state import Course, Saved, StateFile
from vortex.sim.server.user_stream import ListenKey

COURSE = Course(now_ms=5, positions={"BTCUSDT": 7}, listen_key=ListenKey(text="abc", expires_ms=9))


def reopened(path: Path) -> Saved:
    file = StateFile(path)
    try:
        return file.load()
    finally:
        file.close()


def test_a_new_file_is_a_new_exchange(tmp_path: Path) -> None:
    assert reopened(tmp_path / "folder" / "sim.db") == Saved(course=Course())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "sim.db")
    file.save(Saved(course=Course(), account=b"first"))
    file.save(Saved(course=COURSE))  # the account did not change
    file.close()
    assert reopened(tmp_path / "sim.db") == Saved(course=COURSE, account=b"first")


def test_a_foreign_row_is_named(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "sim.db")
    file.save(Saved(course=COURSE))
    file.close()
    database = sqlite3.connect(tmp_path / "sim.db")
    with database:
        database.execute("UPDATE state SET body = ?", (b"\xc1",))
    database.close()
    with pytest.raises(ValueError, match="not a simulator state"):
        reopened(tmp_path / "sim.db")
