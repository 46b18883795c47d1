"""One lane of the outbox: its file, of this version or an earlier one, and what asking it costs."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from importlib import resources
from pathlib import Path

import pytest

from vortex.adapters.sqlite.lane import COUNTS, FILES, WAITING, Counts, Lane, Name


def _first_version(name: Name, path: Path) -> None:
    """A file as version 1 wrote it, with a row that waits and one that was set aside."""
    schema = resources.files("vortex.adapters.sqlite").joinpath(FILES[name][0], "0001_tables.sql")
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(schema.read_text(encoding="utf-8"))
        database.execute("insert into outbox (tbl, row_id, body, created_ms) values ('trade_logs', 'a', x'7b', 7)")
        database.execute(
            "insert into outbox (tbl, row_id, body, created_ms, error) values ('trade_logs', 'b', x'7b', 3, 'refused')"
        )
        database.execute("pragma user_version = 1")


@pytest.mark.parametrize("name", FILES)
def test_rows_of_the_first_version_still_wait(name: Name, tmp_path: Path) -> None:
    path = tmp_path / "lane.db"
    _first_version(name, path)
    for _ in range(2):
        with closing(Lane(name, path)) as lane:
            assert lane.counts() == Counts(pending=1, oldest_ms=7, parked=1)
            assert [row.id for row in lane.kept(10)] == ["b", "a"]


@pytest.mark.parametrize("statement", [COUNTS, WAITING])
@pytest.mark.parametrize("name", FILES)
def test_what_is_asked_all_the_time_reads_no_row_that_it_does_not_want(
    name: Name, statement: str, tmp_path: Path
) -> None:
    path = tmp_path / "lane.db"
    with closing(Lane(name, path)), closing(sqlite3.connect(path)) as database:
        plan = database.execute(f"explain query plan {statement}", (1,) * statement.count("?")).fetchall()
    steps = [step for *_, step in plan if "outbox" in step]
    assert steps
    assert all("INDEX outbox_parked" in step for step in steps)


def test_what_waits_is_counted_apart_from_what_was_set_aside(tmp_path: Path) -> None:
    with closing(Lane("trades", tmp_path / "lane.db")) as lane:
        assert lane.counts() == Counts(pending=0, oldest_ms=None, parked=0)
        for number in range(5):
            lane.append("trade_logs", str(number), b"{", 10 - number, "refused" if number % 2 else None)
        assert lane.counts() == Counts(pending=3, oldest_ms=10, parked=2)
        assert [lane.retry("1"), lane.retry("0"), lane.drop(None)] == [1, 0, 1]
        assert lane.counts() == Counts(pending=4, oldest_ms=10, parked=0)
