"""The outbox: every row reaches the store, once in effect, whatever fails in between."""

import itertools
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.disk import full_disk
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.adapters.sqlite.rows import UnwritableRowError
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import UnwritableError
from vortex.queries import OutboxStatus

EMPTY = OutboxStatus(pending=0, oldest_ms=None, parked=0)
DRAINER = """
import os, signal, sys
from pathlib import Path
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.outbox import SqliteOutbox
folder, after = Path(sys.argv[1]), int(sys.argv[2])
class Killed(SqliteColdStore):
    batches = 0
    def write_trades(self, rows):
        super().write_trades(rows)
        Killed.batches += 1
        if Killed.batches == after:
            os.kill(os.getpid(), signal.SIGKILL)
outbox, store = SqliteOutbox(folder / "journal.db", lambda: 0), Killed.open(folder / "vortex.db")
while outbox.drain(store, 7):
    pass
"""


class DownStore(SqliteColdStore):
    """The ledger while its server is away, before or after it took the rows."""

    down = True
    lost_reply = False

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        if self.down and not self.lost_reply:
            raise ConnectionError("the store is away")
        super().write_trades(rows)
        if self.down:
            raise ConnectionError("the reply got lost")


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[SqliteOutbox]:
    with closing(SqliteOutbox(tmp_path / "journal.db", itertools.count(1_000).__next__)) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[DownStore]:
    with closing(DownStore.open(tmp_path / "vortex.db")) as opened:
        assert isinstance(opened, DownStore)
        opened.down = False
        yield opened


def test_rows_wait_oldest_first_until_drained(outbox: SqliteOutbox, store: DownStore) -> None:
    assert outbox.status() == EMPTY
    for number in range(5):
        outbox.append(trade(id=f"t{number}"))
    outbox.append(rejection())
    assert outbox.status() == OutboxStatus(pending=6, oldest_ms=1_000, parked=0)
    assert outbox.drain(store, limit=2) == 2
    assert {row.id for row in store.recent_trades(10)} == {"t0", "t1"}
    assert outbox.status() == OutboxStatus(pending=4, oldest_ms=1_002, parked=0)
    assert outbox.drain(store) == 4
    assert outbox.drain(store) == 0
    assert outbox.status() == EMPTY
    assert len(store.recent_trades(10)) == 5
    assert store.recent_rejections(10) == [rejection()]


@pytest.mark.parametrize("lost_reply", [False, True])
def test_a_failing_store_loses_and_doubles_nothing(outbox: SqliteOutbox, store: DownStore, *, lost_reply: bool) -> None:
    outbox.append(trade())
    outbox.append(closed())
    outbox.append(rejection())
    store.down, store.lost_reply = True, lost_reply
    for _ in range(3):
        with pytest.raises(ConnectionError):
            outbox.drain(store)
        assert outbox.status().pending == 3
    store.down = False
    assert outbox.drain(store) == 3
    assert store.recent_trades(10) == [closed()]
    assert store.recent_rejections(10) == [rejection()]


@pytest.mark.parametrize("after", [1, 2, 4])
def test_a_kill_between_writing_and_forgetting_repeats_the_write_in_vain(tmp_path: Path, after: int) -> None:
    opens = [trade(id=f"t{number}") for number in range(20)]
    closes = [closed(id=f"t{number}", pnl_net_usdt=Decimal(number)) for number in range(20)]
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:
        for row in [*opens, *closes]:
            outbox.append(row)
    command = [sys.executable, "-c", DRAINER, str(tmp_path)]
    assert subprocess.run([*command, str(after)], check=False).returncode == -signal.SIGKILL  # noqa: S603  # ours
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:
        assert outbox.status().pending == 40 - 7 * (after - 1)
    assert subprocess.run([*command, "1000"], check=False).returncode == 0  # noqa: S603  # ours
    with closing(SqliteColdStore.read_only(tmp_path / "vortex.db")) as store:
        assert sorted(store.recent_trades(100), key=lambda row: row.id) == sorted(closes, key=lambda row: row.id)
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:
        assert outbox.status() == EMPTY


def test_a_full_disk_keeps_the_rows_and_the_store_has_them_once(outbox: SqliteOutbox) -> None:
    outbox.append(closed())
    with closing(SqliteColdStore.open(Path(":memory:"))) as store:  # which takes rows while the disk is full
        for _ in range(2):
            with full_disk():
                with pytest.raises(UnwritableError):
                    outbox.append(trade(id="another"))
                with pytest.raises(UnwritableError):
                    outbox.drain(store)
        assert outbox.status().pending == 1
        assert outbox.drain(store) == 1
        assert outbox.status().pending == 0
        assert store.recent_trades(10) == [closed()]


def test_appended_rows_survive_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.adapters.sqlite.rows import trade\n"
        "from vortex.adapters.sqlite.outbox import SqliteOutbox\n"
        "outbox = SqliteOutbox(Path(sys.argv[1]), lambda: 0)\n"
        "[outbox.append(trade(id=f't{n}')) for n in range(10)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", script, str(tmp_path / "journal.db")]
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": root})  # noqa: S603  # ours
    assert done.returncode == -signal.SIGKILL
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:
        assert outbox.status().pending == 10


def test_an_unwritable_row_is_refused_at_the_door(outbox: SqliteOutbox) -> None:
    with pytest.raises(UnwritableRowError, match="trade_logs 't1': quantity = "):
        outbox.append(trade(quantity=Decimal("NaN")))
    assert outbox.status() == EMPTY


def test_a_row_this_version_cannot_read_does_not_hold_up_the_others(
    outbox: SqliteOutbox, store: DownStore, tmp_path: Path
) -> None:
    with closing(sqlite3.connect(tmp_path / "journal.db")) as other, other:
        for table, body in (("trade_logs", b"{}"), ("trade_logs", b"{"), ("orders", b"{}")):
            values = (table, "x", body, 5)
            other.execute("insert into outbox (tbl, row_id, body, created_ms) values (?, ?, ?, ?)", values)
    outbox.append(trade())
    assert outbox.drain(store) == 1
    assert store.recent_trades(10) == [trade()]
    assert outbox.status() == OutboxStatus(pending=0, oldest_ms=None, parked=3)
    assert outbox.drain(store) == 0


def test_rows_may_be_appended_by_threads_while_they_are_drained(outbox: SqliteOutbox, store: DownStore) -> None:
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(outbox.append, trade(id=f"t{number}")) for number in range(150)]
        while outbox.drain(store, 10) or not all(future.done() for future in waiting):
            pass
    assert outbox.status() == EMPTY
    assert len(store.recent_trades(1_000)) == 150


def test_an_append_does_not_wait_for_a_store_that_is_being_written(outbox: SqliteOutbox, tmp_path: Path) -> None:
    class Appending(SqliteColdStore):
        def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
            outbox.append(trade())
            super().write_rejections(rows)

    outbox.append(rejection())
    with closing(Appending.open(tmp_path / "vortex.db")) as store:
        assert outbox.drain(store) == 1
    assert outbox.status().pending == 1


def test_journal_and_outbox_share_one_file(outbox: SqliteOutbox, store: DownStore, tmp_path: Path) -> None:
    with closing(SqliteJournal(tmp_path / "journal.db", lambda: 0)) as journal, ThreadPoolExecutor(2) as pool:
        rows = [pool.submit(outbox.append, trade(id=f"t{number}")) for number in range(100)]
        for number in range(100):
            journal.append("k", str(number), b"1")
        assert [future.result() for future in rows] == [None] * 100
        assert len(journal.latest("k")) == 100
    assert outbox.drain(store, 1_000) == 100
