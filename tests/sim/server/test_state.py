from __future__ import annotations

import sqlite3
from contextlib import closing
from itertools import count, pairwise
from pathlib import Path

import pytest

from tests.sim.core.kit import BUY, SELL, STOP, algo, exchange, market_order
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.server.state import Course, Saved, StateFile
from vortex.sim.server.user_stream import ListenKey

COURSE = Course(now_ms=5, positions={"BTCUSDT": 7}, listen_key=ListenKey(text="abc", expires_ms=9))
ROWS = (FinalRow("fill", 0, b"one"), FinalRow("fill", 1, b"two"), FinalRow("order", 0, b"three"))


def reopened(path: Path) -> Saved:
    file = StateFile(path)
    try:
        saved = file.load()
        return Saved(course=saved.course, account=saved.account, rows=tuple(saved.rows))
    finally:
        file.close()


def saved_once(path: Path) -> Path:
    file = StateFile(path)
    file.save(Saved(course=COURSE, account=b"first", rows=ROWS))
    file.close()
    return path


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as database, database:
        for statement in statements:
            database.execute(statement)


def test_a_new_file_is_a_new_exchange(tmp_path: Path) -> None:
    assert reopened(tmp_path / "folder" / "sim.db") == Saved(course=Course())


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = saved_once(tmp_path / "sim.db")
    assert reopened(path) == Saved(course=COURSE, account=b"first", rows=ROWS)


def test_a_save_adds_to_the_history_and_may_repeat_it(tmp_path: Path) -> None:
    path, more = saved_once(tmp_path / "sim.db"), FinalRow("fill", 2, b"four")
    file = StateFile(path)
    file.save(Saved(course=Course(), account=b"second", rows=(ROWS[1], more)))
    file.close()
    assert reopened(path) == Saved(course=Course(), account=b"second", rows=(*ROWS[:2], more, ROWS[2]))


def test_a_save_that_fails_changes_nothing(tmp_path: Path) -> None:
    path = saved_once(tmp_path / "sim.db")
    file = StateFile(path)
    broken = FinalRow("fill", 2, None)  # type: ignore[arg-type]  # no disk full at hand
    with pytest.raises(sqlite3.IntegrityError):
        file.save(Saved(course=Course(), account=b"second", rows=(FinalRow("fill", 3, b"x"), broken)))
    file.close()
    assert reopened(path) == Saved(course=COURSE, account=b"first", rows=ROWS)


def trade(core: ExchangeCore, now_ms: int) -> None:
    core.execute(now_ms, market_order(BUY, "0.1", client_id=f"{now_ms}E"))
    core.execute(now_ms, algo(SELL, STOP, "59000", client_id=f"{now_ms}S"))
    core.execute(now_ms, market_order(SELL, "0.1", client_id=f"{now_ms}X"))


def test_a_save_costs_what_happened_since_the_last_one(tmp_path: Path) -> None:
    core, rows, path = exchange(100_000, lots=100_000), list[FinalRow](), tmp_path / "sim.db"
    core.record_to(rows.append)
    file, now_ms, written = StateFile(path), count(), [0]
    for trades in (200, 1, 0, 200, 1, 0):
        for _ in range(trades):
            trade(core, next(now_ms))
        file.save(Saved(course=COURSE, account=core.dump(), rows=tuple(rows)))
        rows.clear()
        written.append(file._database.total_changes)
    file.close()
    a_trade = 2 + 1 + 2 + 10  # orders, conditional order, fills, lines of the timeline
    assert [after - before for before, after in pairwise(written)] == 2 * [200 * a_trade + 2, a_trade + 2, 2]
    saved, restored = reopened(path), exchange(1)
    assert saved.account is not None
    restored.restore(saved.account, saved.rows)
    assert restored.ledger(0) == core.ledger(0)


def test_a_foreign_row_is_named(tmp_path: Path) -> None:
    path = saved_once(tmp_path / "sim.db")
    change(path, "UPDATE state SET body = x'c1'")
    with pytest.raises(ValueError, match=r"sim\.db: not a simulator state"):
        reopened(path)


@pytest.mark.parametrize(
    "statements",
    [
        ("PRAGMA user_version = 1",),
        ("PRAGMA user_version = 0", "DROP TABLE history"),  # as the first simulator wrote it
    ],
)
def test_a_state_of_another_version_is_refused_and_kept(tmp_path: Path, statements: tuple[str, ...]) -> None:
    path = saved_once(tmp_path / "sim.db")
    change(path, *statements)
    before = path.read_bytes()
    with pytest.raises(ValueError, match=r"sim\.db: state of another version of the simulator; move it aside"):
        reopened(path)
    assert path.read_bytes() == before


def test_what_is_no_database_is_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "sim.db"
    path.write_text("notes of mine\n" * 100)
    with pytest.raises(ValueError, match=r"sim\.db: file is not a database"):
        reopened(path)
