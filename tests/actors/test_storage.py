from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.disk import full_disk
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.storage import DRAIN_SOON_MS, RETRY_FIRST_MS, RETRY_MOST_MS, StorageActor
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.messages import RecordRejection, RecordTrade, TradeRecorded
from vortex.ports import StoreUnavailableError
from vortex.queries import GetOutbox, OutboxStatus

NOW = 1_723_075_200_000


class MoodyStore:
    """A real store that is unreachable while told so; keeps the times of the attempts."""

    def __init__(self, store: SqliteColdStore) -> None:
        self.reachable = True
        self.tried_ms: list[int] = []
        self.context: ManualContext | None = None
        self.recent_trades = store.recent_trades
        self.recent_rejections = store.recent_rejections
        self.close = store.close
        self._store = store

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        self._try()
        self._store.write_trades(rows)

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
        self._try()
        self._store.write_rejections(rows)

    def _try(self) -> None:
        assert self.context is not None
        self.tried_ms.append(self.context.clock.now_ms() - NOW)
        if not self.reachable:
            raise StoreUnavailableError("unreachable")


class LoggedOutbox(SqliteOutbox):
    """Says when a row is on disk."""

    log: list[tuple[str, object]]

    def append(self, row: TradeRow | RejectionRow) -> None:
        super().append(row)
        self.log.append(("outbox", row))


class Rig:
    def __init__(self, data_dir: Path) -> None:
        self.log: list[tuple[str, object]] = []
        self.exchange = Probe("exchange", self.log)
        self.store = MoodyStore(SqliteColdStore.open(data_dir / "vortex.db"))
        self.outbox = LoggedOutbox(data_dir / "journal.db", lambda: NOW)
        self.outbox.log = self.log
        self.start()

    def start(self) -> None:
        self.actor = StorageActor(outbox=self.outbox, store=self.store, exchange=self.exchange)
        self.context = self.store.context = ManualContext(self.actor, path="storage", now_ms=NOW)
        self.actor.started()

    def status(self) -> OutboxStatus:
        status = self.actor.receive(GetOutbox())
        assert isinstance(status, OutboxStatus)
        return status


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.outbox.close()
    made.store.close()


def test_a_final_row_is_on_disk_before_the_exchange_hears_of_it(rig: Rig) -> None:
    row = closed()
    rig.actor.receive(RecordTrade(row=row))
    assert rig.log == [("outbox", row), ("exchange", TradeRecorded(trade_id=row.id))]


def test_an_open_row_and_a_rejection_are_kept_and_nobody_is_told(rig: Rig) -> None:
    rig.actor.receive(RecordTrade(row=trade()))
    rig.actor.receive(RecordRejection(row=rejection()))
    assert [name for name, _ in rig.log] == ["outbox", "outbox"]
    assert rig.status().pending == 2


def test_rows_reach_the_store_soon_and_leave_the_outbox(rig: Rig) -> None:
    rig.actor.receive(RecordTrade(row=trade()))
    rig.actor.receive(RecordTrade(row=closed()))
    rig.actor.receive(RecordRejection(row=rejection()))
    assert rig.store.recent_trades(10) == []
    rig.context.advance(DRAIN_SOON_MS)
    assert rig.store.recent_trades(10) == [closed()]
    assert rig.store.recent_rejections(10) == [rejection()]
    rig.context.advance(DRAIN_SOON_MS)
    assert rig.status().pending == 0


def test_what_the_last_run_left_is_sent_at_start(rig: Rig) -> None:
    rig.actor.receive(RecordTrade(row=closed()))
    rig.start()
    rig.context.advance(0)
    assert rig.store.recent_trades(10) == [closed()]


def test_more_rows_than_one_batch_all_go(rig: Rig) -> None:
    for number in range(250):
        rig.actor.receive(RecordRejection(row=rejection(id=f"r{number}")))
    rig.context.advance(DRAIN_SOON_MS)
    assert len(rig.store.recent_rejections(1_000)) == 250
    assert rig.status().pending == 0


def test_a_store_that_fails_is_tried_less_and_less_often_and_loses_nothing(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.reachable = False
    rig.actor.receive(RecordTrade(row=closed()))
    rig.context.advance(120_000)
    gaps = [after - before for before, after in pairwise(rig.store.tried_ms)]
    assert gaps[:7] == [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000]
    assert set(gaps[7:]) == {RETRY_MOST_MS}
    assert rig.status().pending == 1
    assert rig.status().oldest_ms == NOW
    rig.store.reachable = True
    rig.context.advance(RETRY_MOST_MS)
    assert rig.store.recent_trades(10) == [closed()]


def test_rows_that_the_disk_does_not_let_it_forget_are_handed_over_again(rig: Rig) -> None:
    rig.actor.receive(RecordTrade(row=closed()))
    rig.store.close()
    rig.store = MoodyStore(SqliteColdStore.open(Path(":memory:")))  # which takes rows while the disk is full
    rig.start()
    with full_disk():
        rig.context.advance(10_000)
        assert rig.store.recent_trades(10) == [closed()]
        assert rig.status().pending == 1
    rig.context.advance(RETRY_MOST_MS)
    assert rig.status().pending == 0
    assert rig.store.recent_trades(10) == [closed()]


def test_new_rows_do_not_hurry_a_store_that_fails(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.reachable = False
    rig.actor.receive(RecordRejection(row=rejection(id="first")))
    rig.context.advance(DRAIN_SOON_MS)
    for number in range(8):
        rig.actor.receive(RecordRejection(row=rejection(id=f"r{number}")))
        rig.context.advance(50)
    assert rig.store.tried_ms == [DRAIN_SOON_MS]
    rig.context.advance(RETRY_FIRST_MS)
    assert rig.store.tried_ms == [DRAIN_SOON_MS, DRAIN_SOON_MS + RETRY_FIRST_MS]


def test_a_success_forgets_the_failures(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.reachable = False
    rig.actor.receive(RecordRejection(row=rejection(id="first")))
    rig.context.advance(10_000)
    rig.store.reachable = True
    rig.context.advance(10_000)
    rig.store.reachable = False
    rig.store.tried_ms.clear()
    rig.actor.receive(RecordRejection(row=rejection(id="second")))
    rig.context.advance(DRAIN_SOON_MS + RETRY_FIRST_MS)
    assert rig.store.tried_ms == [20_000 + DRAIN_SOON_MS, 20_000 + DRAIN_SOON_MS + RETRY_FIRST_MS]


def test_stopping_hands_over_everything_that_waits(rig: Rig) -> None:
    for number in range(250):
        rig.actor.receive(RecordRejection(row=rejection(id=f"r{number}")))
    rig.actor.stopping()
    assert len(rig.store.recent_rejections(1_000)) == 250
    assert rig.status().pending == 0


def test_stopping_with_a_store_that_fails_ends_and_keeps_the_rows(rig: Rig) -> None:
    rig.store.reachable = False
    rig.actor.receive(RecordTrade(row=closed()))
    rig.actor.stopping()
    assert len(rig.store.tried_ms) == 1
    assert rig.status().pending == 1


def test_an_error_that_is_no_outage_is_not_swallowed(rig: Rig) -> None:
    rig.actor.receive(RecordTrade(row=closed()))
    rig.store.close()
    with pytest.raises(Exception, match="closed"):
        rig.context.advance(DRAIN_SOON_MS)
    assert rig.status().pending == 1
