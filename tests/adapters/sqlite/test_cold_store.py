"""The ledger: idempotent, order independent, readable beside its writer."""

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Thread

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.disk import full_disk
from tests.kit.processes import eventually
from vortex.adapters.sqlite import connect
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import StoreError
from vortex.domain.trade import RejectionRow, TradeRow, TradeStatus
from vortex.ports import StoreUnavailableError

READER = """
import sys
from pathlib import Path
from vortex.adapters.sqlite.cold_store import SqliteColdStore
store = SqliteColdStore.read_only(Path(sys.argv[1]))
for line in sys.stdin:
    print(len(store.recent_trades(100)), flush=True)
"""
FIRST_VERSION = Path(__file__).with_name("vortex_v1.sql")
VERSIONS = [
    trade(),
    trade(revision=2, quantity=closed().quantity * 2),
    closed(revision=3),
    closed(revision=4, funding_usdt=closed().quantity),
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "vortex.db"


@pytest.fixture
def store(path: Path) -> Iterator[SqliteColdStore]:
    with closing(SqliteColdStore.open(path)) as opened:
        yield opened


def test_a_close_that_overtakes_its_open_stays(store: SqliteColdStore) -> None:
    store.write_trades([closed()])
    store.write_trades([trade()])
    assert store.recent_trades(10) == [closed()]


@settings(max_examples=25, deadline=None)  # every example is a new database on disk
@given(order=st.permutations(VERSIONS * 2), cut=st.integers(0, 8))
def test_any_order_and_any_repetition_end_in_the_newest_row(
    tmp_path_factory: pytest.TempPathFactory, order: list[TradeRow], cut: int
) -> None:
    with closing(SqliteColdStore.open(tmp_path_factory.mktemp("order") / "vortex.db")) as store:
        store.write_trades(order[:cut])
        store.write_trades(order[cut:])
        assert store.recent_trades(10) == [VERSIONS[-1]]


def test_repeated_rejections_are_one_row(store: SqliteColdStore) -> None:
    store.write_rejections([rejection(), rejection()])
    store.write_rejections([rejection()])
    assert store.recent_rejections(10) == [rejection()]


def test_the_newest_come_first_and_no_more_than_asked(store: SqliteColdStore) -> None:
    store.write_trades([trade(id=f"t{n}", opened_at=n // 2) for n in range(10)])
    store.write_rejections([rejection(id=f"r{n}", created_at=n) for n in range(10)])
    assert [row.id for row in store.recent_trades(3)] == ["t9", "t8", "t7"]
    assert [row.id for row in store.recent_rejections(2)] == ["r9", "r8"]
    assert store.recent_trades(0) == []


def test_a_batch_is_written_whole_or_not_at_all(store: SqliteColdStore) -> None:
    broken = msgspec.structs.replace(trade(id="t2"), revision=2**70)
    with pytest.raises(OverflowError):
        store.write_trades([trade(), broken])
    assert store.recent_trades(10) == []
    store.write_trades([trade()])
    assert store.recent_trades(10) == [trade()]


def test_the_tables_have_exactly_the_columns_of_the_rows(store: SqliteColdStore, path: Path) -> None:
    assert store.recent_trades(1) == []
    with closing(sqlite3.connect(path)) as connection:
        for table, kind in (("trade_logs", TradeRow), ("rejected_signals", RejectionRow)):
            columns = [row[1] for row in connection.execute(f"pragma table_info({table})")]
            assert sorted(columns) == sorted(kind.__struct_fields__)


def test_money_is_decimal_text_and_time_is_iso_text(store: SqliteColdStore, path: Path) -> None:
    store.write_trades([closed(open_fee_usdt=closed().quantity.scaleb(-9))])
    with closing(sqlite3.connect(path)) as connection:
        query = "select entry_price, open_fee_usdt, opened_at, closed_at, status, leverage from trade_logs"
        row = connection.execute(query).fetchone()
    assert row[:2] == ("60000.10", "0.000000000002")
    assert row[2:] == ("2024-08-08T00:00:00.123Z", "2024-08-08T00:00:30.000Z", "CLOSED", 20)


def test_hostile_text_stays_text(store: SqliteColdStore) -> None:
    row = trade(id="'; drop table trade_logs; --", symbol="\x00\U0001f600")
    store.write_trades([row])
    assert store.recent_trades(1) == [row]


def test_rows_survive_closing_and_opening(path: Path) -> None:
    for row in (trade(), closed()):
        with closing(SqliteColdStore.open(path)) as store:
            store.write_trades([row])
    with closing(SqliteColdStore.read_only(path)) as store:
        assert store.recent_trades(10) == [closed()]


def test_another_process_reads_while_this_one_writes(store: SqliteColdStore, path: Path) -> None:
    store.write_trades([trade(id="t0")])
    command = [sys.executable, "-c", READER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as reader:  # noqa: S603  # ours
        assert reader.stdin is not None
        assert reader.stdout is not None
        for count in range(1, 4):
            print("count", file=reader.stdin, flush=True)
            assert reader.stdout.readline() == f"{count}\n"
            store.write_trades([trade(id=f"t{count}")])
        reader.stdin.close()
    assert reader.returncode == 0


def test_a_full_disk_is_an_error_until_it_has_room_again(store: SqliteColdStore) -> None:
    rows = [trade(id=f"t{number}") for number in range(500)]
    for _ in range(2):
        with full_disk(), pytest.raises(StoreUnavailableError, match="cannot be written"):
            store.write_trades(rows)
    assert store.recent_trades(1) == []
    store.write_trades(rows)
    assert len(store.recent_trades(1_000)) == 500


def test_a_reader_cannot_write(store: SqliteColdStore, path: Path) -> None:
    store.write_trades([trade()])
    with closing(SqliteColdStore.read_only(path)) as reader:
        with pytest.raises(StoreUnavailableError, match="readonly"):
            reader.write_trades([closed()])
        assert [row.status for row in reader.recent_trades(1)] == [TradeStatus.OPEN]


def test_reading_where_nothing_ran_says_so(path: Path) -> None:
    with pytest.raises(StoreError, match=r"vortex\.db: not there"):
        SqliteColdStore.read_only(path)


@pytest.mark.parametrize("version", [3, 99])
def test_a_file_of_a_newer_version_is_refused_and_kept(path: Path, version: int) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"pragma user_version = {version}")
        connection.execute("create table t (x)")
    for opener in (SqliteColdStore.open, SqliteColdStore.read_only):
        with pytest.raises(StoreError, match=f"schema {version}"):
            opener(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("select name from sqlite_master").fetchall() == [("t",)]


def test_a_ledger_of_the_first_version_is_migrated_and_keeps_its_rows(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_VERSION.read_text(encoding="utf-8"))
    with pytest.raises(StoreError, match="schema 1, this program needs 2"):
        SqliteColdStore.read_only(path)
    later = trade(id="t2", opened_at=1_723_075_260_000)
    for _ in range(2):
        with closing(SqliteColdStore.open(path)) as store:
            assert store.recent_trades(10) == [later, closed()]
            assert store.recent_rejections(10) == [rejection()]
    with closing(sqlite3.connect(path)) as connection:
        query = "select total_trades, open_trades, pnl_net_usdt from v_trading_summary"
        assert connection.execute(query).fetchall() == [(1, 1, "0.3861461")]


def test_a_migration_that_fails_leaves_the_old_version(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(FIRST_VERSION.read_text(encoding="utf-8"))
        connection.execute("create table v_recent_trades (in_the_way)")
    with pytest.raises(StoreError, match="v_recent_trades"):
        SqliteColdStore.open(path)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("pragma user_version").fetchone() == (1,)
        assert connection.execute("select count(*) from sqlite_master where type = 'view'").fetchone() == (0,)


def test_the_end_does_not_wait_for_a_ledger_that_somebody_else_holds(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connect, "BUSY_TIMEOUT_S", 60.0)
    store = SqliteColdStore.open(path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("begin immediate")
        writing = Thread(target=store.write_trades, args=([trade()],))
        writing.start()
        eventually(store._lock.locked, 20.0, "a write that waits")
        store.close()
        assert writing.is_alive(), "the end came before the write"
    writing.join()
    assert store.recent_trades(10) == [trade()]
    store.close()
