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
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.disk import full_disk
from tests.kit.fickle_store import FickleStore
from tests.kit.logs import heard
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.delivery import Delivery, DismissedError
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.lane import Lane
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.adapters.sqlite.reserve import Reserve
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import StoreMisconfiguredError, StoreUnavailableError, UnwritableError
from vortex.queries import OutboxStatus

EMPTY = OutboxStatus(pending=0, oldest_ms=None, parked=0)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


@pytest.fixture
def outbox(journal: Path) -> Iterator[SqliteOutbox]:
    with closing(SqliteOutbox(journal, itertools.count(1_000).__next__)) as opened:
        yield opened


@pytest.fixture
def store(tmp_path: Path) -> Iterator[FickleStore]:
    with closing(FickleStore(SqliteColdStore.open(tmp_path / "vortex.db"), Random(1))) as opened:
        yield opened


@pytest.fixture
def delivery(outbox: SqliteOutbox, journal: Path, store: FickleStore) -> Iterator[Delivery]:  # noqa: ARG001  # its files
    with closing(open_delivery(journal, store)) as opened:
        yield opened


def drain(delivery: Delivery) -> None:
    while delivery.step():
        pass


def test_rows_wait_oldest_first_and_trades_before_rejections(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    assert outbox.status() == EMPTY
    outbox.append(rejection())
    for number in range(5):
        outbox.append(trade(id=f"t{number}"))
    assert outbox.status() == OutboxStatus(pending=6, oldest_ms=1_000, parked=0)
    assert [delivery.step(2) for _ in range(5)] == [2, 2, 1, 1, 0]
    assert store.batches == [("t0", "t1"), ("t2", "t3"), ("t4",), ("r1",)]
    assert outbox.status() == EMPTY
    assert store.recent_rejections(10) == [rejection()]


def test_only_the_newest_version_of_a_row_goes_and_the_others_are_forgotten_with_it(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    for row in (trade(), closed(revision=3), trade(id="t2"), closed(revision=2, funding_usdt=Decimal(1))):
        outbox.append(row)
    assert delivery.step() == 2
    assert store.batches == [("t1", "t2")]
    assert outbox.status() == EMPTY
    assert {row.id: row.revision for row in store.recent_trades(10)} == {"t1": 3, "t2": 1}


@pytest.mark.parametrize("lost_reply", [False, True])
def test_a_failing_store_loses_and_doubles_nothing(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore, *, lost_reply: bool
) -> None:
    for row in (trade(), closed(), rejection()):
        outbox.append(row)
    store.away, store.lost = not lost_reply, 1.0 * lost_reply
    for _ in range(3):
        with pytest.raises(StoreUnavailableError):
            delivery.step()
        assert outbox.status().pending == 3
    store.away, store.lost = False, 0.0
    drain(delivery)
    assert store.recent_trades(10) == [closed()]
    assert store.recent_rejections(10) == [rejection()]


@pytest.mark.parametrize("poisonous", [{"t0"}, {"t99"}, {"t41", "t42", "t77"}, {f"t{n}" for n in range(100)}])
def test_rows_that_the_store_refuses_are_found_and_set_aside_alone(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore, poisonous: set[str]
) -> None:
    for number in range(100):
        outbox.append(trade(id=f"t{number}"))
    store.poison = lambda row: row.id in poisonous
    with heard() as lines:
        drain(delivery)
    assert {row.id for row in store.recent_trades(1_000)} == {f"t{n}" for n in range(100)} - poisonous
    assert outbox.status() == OutboxStatus(pending=0, oldest_ms=None, parked=len(poisonous))
    assert sorted(line.split()[1] for line in lines) == sorted(poisonous)
    assert len(store.batches) <= 1 + 2 * 7 * len(poisonous)
    store.batches.clear()
    drain(delivery)
    assert store.batches == []


def test_an_older_version_of_a_refused_row_is_still_written(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    outbox.append(trade())
    outbox.append(closed())
    store.poison = lambda row: isinstance(row, TradeRow) and row.revision == 2
    drain(delivery)
    assert store.recent_trades(10) == [trade()]
    assert outbox.status().parked == 1


def test_an_outage_in_the_middle_of_a_split_keeps_what_is_not_there_yet(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    for number in range(8):
        outbox.append(trade(id=f"t{number}"))

    def breaks_at(row: object) -> bool:
        store.away = len(store.batches) == 3  # 8 refused, t0..t3 refused, then t0 and t1 are on their way
        return isinstance(row, TradeRow) and row.id == "t2"

    store.poison = breaks_at
    with pytest.raises(StoreUnavailableError):
        drain(delivery)
    assert outbox.status().pending == 6
    store.away, store.poison = False, lambda _row: False
    drain(delivery)
    assert len(store.recent_trades(10)) == 8


def test_a_lost_reply_does_not_begin_the_search_for_a_refused_row_anew(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    for number in range(100):
        outbox.append(trade(id=f"t{number}"))
    store.poison = lambda row: row.id == "t41"
    for number in count():
        store.lost = float(number % 2 == 0)  # every other reply, also of those that are asked for again
        try:
            if not delivery.step():
                break
        except StoreUnavailableError:
            continue
    assert outbox.status() == OutboxStatus(pending=0, oldest_ms=None, parked=1)
    assert len(store.batches) <= 2 * (1 + 2 * 7)


def test_a_store_that_is_not_set_up_costs_no_row(outbox: SqliteOutbox, delivery: Delivery, store: FickleStore) -> None:
    outbox.append(trade())
    store.misconfigured = True
    with pytest.raises(StoreMisconfiguredError):
        delivery.step()
    assert outbox.status() == OutboxStatus(pending=1, oldest_ms=1_000, parked=0)


def test_a_dismissed_delivery_forgets_nothing_and_sets_nothing_aside(
    outbox: SqliteOutbox, journal: Path, store: FickleStore
) -> None:
    outbox.append(trade())
    with closing(open_delivery(journal, store, lambda: True)) as dismissed:
        for refused in (set[str](), {"t1"}):
            store.poison = lambda row, refused=refused: row.id in refused  # type: ignore[misc]  # mypy infers no default
            with pytest.raises(DismissedError):
                dismissed.step()
    assert outbox.status() == OutboxStatus(pending=1, oldest_ms=1_000, parked=0)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        (trade(quantity=Decimal("NaN")), "quantity = Decimal('NaN'): not a finite number"),
        (trade(quantity=Decimal(0)), "quantity = 0: expected above 0"),
        (trade(entry_price=Decimal(-1)), "entry_price = -1: expected above 0"),
        (trade(leverage=126), "leverage = 126: expected from 1 to 125"),
        (trade(final_score=1.5), "final_score = 1.5: expected from -1 to 1"),
        (trade(revision=-1), "revision = -1: expected 0 or more"),
        (trade(symbol=""), "symbol = '': expected 1 to 40 characters"),
        (trade(symbol="BTC\ud800"), "symbol = 'BTC\\ud800': not Unicode text"),
        (closed(pnl_net_usdt=None), "pnl_net_usdt is absent in a closed trade"),
        (rejection(details="{"), "details = '{': expected JSON"),
        (rejection(details='{"gate": NaN}'), "expected JSON"),
        (rejection(count=0), "count = 0: expected 1 or more"),
    ],
)
def test_a_row_that_no_store_would_take_is_kept_aside_from_the_start(
    outbox: SqliteOutbox, journal: Path, delivery: Delivery, store: FickleStore, row: Any, problem: str
) -> None:
    with heard() as lines:
        outbox.append(row)
    assert problem in lines[0]
    assert outbox.status() == OutboxStatus(pending=0, oldest_ms=None, parked=1)
    drain(delivery)
    assert store.batches == []
    file = journal if isinstance(row, TradeRow) else journal.with_name("rejections.db")
    with closing(sqlite3.connect(file)) as other:
        assert problem in other.execute("select error from outbox").fetchone()[0]


def test_a_row_this_version_cannot_read_does_not_hold_up_the_others(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore, journal: Path
) -> None:
    with closing(sqlite3.connect(journal)) as other, other:
        for table, body in (("trade_logs", b"{}"), ("trade_logs", b"{"), ("orders", b"{}")) * 50:
            values = (table, "x", body, 5)
            other.execute("insert into outbox (tbl, row_id, body, created_ms) values (?, ?, ?, ?)", values)
    outbox.append(trade())
    assert delivery.step() == 1
    assert store.recent_trades(10) == [trade()]
    assert outbox.status() == OutboxStatus(pending=0, oldest_ms=None, parked=150)
    assert delivery.step() == 0


def test_rejections_that_an_earlier_version_left_in_the_journal_still_go(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore, journal: Path
) -> None:
    outbox.append(rejection())
    with closing(sqlite3.connect(journal.with_name("rejections.db"))) as other, other:
        row = other.execute("select tbl, row_id, body, created_ms from outbox").fetchone()
        other.execute("delete from outbox")
    with closing(sqlite3.connect(journal)) as other, other:
        other.execute("insert into outbox (tbl, row_id, body, created_ms) values (?, ?, ?, ?)", row)
    outbox.append(trade())
    assert [delivery.step(), delivery.step()] == [1, 1]
    assert store.recent_rejections(10) == [rejection()]
    assert outbox.status() == EMPTY


def test_a_flood_of_rejections_costs_the_oldest_of_them_and_no_trade(
    journal: Path, store: FickleStore, tmp_path: Path
) -> None:
    with closing(SqliteOutbox(journal, lambda: 0, most_rejections=100)) as outbox, heard() as lines:
        outbox.append(trade())
        for number in range(300):
            outbox.append(rejection(id=f"r{number}"))
        status = outbox.status()
        assert 90 <= status.pending - 1 <= 110
        assert status.dropped_rejections + status.pending - 1 == 300
        assert len(lines) == 1
        with closing(open_delivery(journal, store)) as delivery:
            drain(delivery)
        for number in range(300, 320):
            outbox.append(rejection(id=f"r{number}"))
        assert [line.strip() for line in lines[1:]] == [
            f"{status.dropped_rejections} rejections were given up; there is room again"
        ]
    kept = {row.id for row in store.recent_rejections(1_000)}
    assert kept == {f"r{number}" for number in range(300 - len(kept), 300)}
    assert store.recent_trades(10) == [trade()]
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:  # the next run knows, too
        assert outbox.status().dropped_rejections == status.dropped_rejections


def test_a_flood_of_rejections_does_not_wait_for_the_disk_but_trades_do(outbox: SqliteOutbox, journal: Path) -> None:
    assert outbox.status() == EMPTY
    lanes = (
        ("trades", journal, "full"), ("rejections", journal.with_name("rejections.db"), "normal")
    )  # fmt: skip
    for name, path, expected in lanes:
        with closing(Lane(name, path)) as lane:  # type: ignore[arg-type]  # the two names there are
            level = lane._connection.execute("pragma synchronous").fetchone()[0]  # what SQLite says
        assert level == {"full": 2, "normal": 1}[expected]


def test_a_full_disk_keeps_the_rows_and_the_store_has_them_once(outbox: SqliteOutbox, journal: Path) -> None:
    outbox.append(closed())
    with (
        closing(SqliteColdStore.open(Path(":memory:"))) as store,  # which takes rows while the disk is full
        closing(open_delivery(journal, store)) as delivery,
    ):
        for _ in range(2):
            with full_disk():
                with pytest.raises(UnwritableError):
                    outbox.append(trade(id="another"))
                with pytest.raises(UnwritableError):
                    delivery.step()
        assert outbox.status().pending == 1
        assert delivery.step() == 1
        assert outbox.status().pending == 0
        assert store.recent_trades(10) == [closed()]


def test_appended_rows_survive_a_kill(tmp_path: Path) -> None:
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.adapters.sqlite.rows import rejection, trade\n"
        "from vortex.adapters.sqlite.outbox import SqliteOutbox\n"
        "outbox = SqliteOutbox(Path(sys.argv[1]), lambda: 0)\n"
        "[outbox.append(row(id=f't{n}')) for n in range(10) for row in (trade, rejection)]\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = str(Path(__file__).parents[3])
    command = [sys.executable, "-c", script, str(tmp_path / "journal.db")]
    done = subprocess.run(command, check=False, env={**os.environ, "PYTHONPATH": root})  # noqa: S603  # ours
    assert done.returncode == -signal.SIGKILL
    with closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0)) as outbox:
        assert outbox.status().pending == 20


def test_rows_may_be_appended_by_threads_while_they_are_drained(
    outbox: SqliteOutbox, delivery: Delivery, store: FickleStore
) -> None:
    with ThreadPoolExecutor(3) as pool:
        waiting = [pool.submit(outbox.append, trade(id=f"t{number}")) for number in range(150)]
        while not all(future.done() for future in waiting):
            delivery.step(10)
    drain(delivery)
    assert outbox.status() == EMPTY
    assert len(store.recent_trades(1_000)) == 150


def test_an_append_does_not_wait_for_a_store_that_is_being_written(
    outbox: SqliteOutbox, journal: Path, tmp_path: Path
) -> None:
    class Appending(SqliteColdStore):
        def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
            outbox.append(trade())
            super().write_rejections(rows)

    outbox.append(rejection())
    with (
        closing(Appending.open(tmp_path / "vortex.db")) as store,
        closing(open_delivery(journal, store)) as delivery,
    ):
        assert delivery.step() == 1
    assert outbox.status().pending == 1


def test_journal_and_outbox_share_one_file(outbox: SqliteOutbox, delivery: Delivery, journal: Path) -> None:
    with closing(SqliteJournal(journal, lambda: 0)) as entries, ThreadPoolExecutor(2) as pool:
        rows = [pool.submit(outbox.append, trade(id=f"t{number}")) for number in range(100)]
        for number in range(100):
            entries.append("k", str(number), b"1")
        assert [future.result() for future in rows] == [None] * 100
        assert len(entries.latest("k")) == 100
    assert delivery.step() == 100


def test_the_last_room_on_disk_is_given_back_once_for_rows_and_for_intents(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "reserve", 2**20)
    reserve.look()
    assert (tmp_path / "reserve").stat().st_blocks * 512 >= 2**20
    with (
        closing(SqliteOutbox(tmp_path / "journal.db", lambda: 0, reserve=reserve)) as outbox,
        closing(SqliteJournal(tmp_path / "journal.db", lambda: 0, reserve=reserve)) as journal,
        heard("CRITICAL") as lines,
    ):
        for write in (lambda: outbox.append(trade()), lambda: journal.append("k", "1", b"1")):
            with full_disk(), pytest.raises(UnwritableError):
                write()
        assert not (tmp_path / "reserve").exists()
        assert len(lines) == 1
        outbox.append(trade())
        assert journal.append("k", "1", b"1") == 1
    reserve.look()
    assert (tmp_path / "reserve").exists()
