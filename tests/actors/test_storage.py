"""The storage actor: rows go to disk at once, to the store when it takes them, and nobody waits for the store."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from random import Random

import pytest

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.courier import PromptCourier
from tests.kit.disk import full_disk
from tests.kit.fickle_store import FickleStore
from tests.kit.logs import heard
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors import storage
from vortex.actors.storage import CARRY_SOON_MS, LATE_MS, LOOK_MS, RETRY_PAUSED_MS, StorageActor
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.messages import OutboxMeasured, RecordRejection, RecordTrade, TradeRecorded
from vortex.ports import UnwritableError
from vortex.queries import GetOutbox, OutboxStatus

NOW = 1_723_075_200_000
MOST_MS = 30_000


class LoggedOutbox(SqliteOutbox):
    """Says when a row is on disk; takes none of the kind `refused`."""

    log: list[tuple[str, object]]
    refused: type | None = None
    tries = 0

    def append(self, row: TradeRow | RejectionRow) -> None:
        if type(row) is self.refused:
            self.tries += 1
            raise UnwritableError("its file cannot be written")
        super().append(row)
        self.log.append(("outbox", row))


class TimedCourier(PromptCourier):
    """Keeps the times at which it went; its answers come when the test lets time pass."""

    context: ManualContext
    went_ms: list[int]

    def carry(self) -> None:
        self.went_ms.append(self.context.clock.now_ms() - NOW)
        super().carry()

    def tell(self, message: object) -> None:
        self.context.after(0, message)


class Rig:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir
        self.log: list[tuple[str, object]] = []
        self.exchange = Probe("exchange", self.log)
        self.store = FickleStore(SqliteColdStore.open(data_dir / "vortex.db"), Random(1))
        self.outbox = LoggedOutbox(data_dir / "journal.db", lambda: NOW)
        self.outbox.log = self.log
        self.couriers: list[TimedCourier] = []
        self.start()

    def start(self) -> None:
        self.courier = TimedCourier.between(self.data_dir / "journal.db", self.store)
        self.couriers.append(self.courier)
        self.courier.went_ms = []
        self.actor = StorageActor(outbox=self.outbox, courier=self.courier, exchange=self.exchange, random=Random(1))
        self.context = self.courier.context = ManualContext(self.actor, path="storage", now_ms=NOW)
        self.actor.started()
        self.courier.recipient = self.courier

    def record(self, *rows: TradeRow | RejectionRow) -> None:
        for row in rows:
            self.actor.receive(RecordTrade(row=row) if isinstance(row, TradeRow) else RecordRejection(row=row))

    def status(self) -> OutboxStatus:
        status = self.actor.receive(GetOutbox())
        assert isinstance(status, OutboxStatus)
        return status

    def problems(self) -> list[str | None]:
        """What the exchange was told of the outbox, without repetitions."""
        told = [message.problem for _, message in self.log if isinstance(message, OutboxMeasured)]
        return [problem for number, problem in enumerate(told) if number == 0 or problem != told[number - 1]]

    def told(self) -> list[tuple[str, object]]:
        return [entry for entry in self.log if not isinstance(entry[1], OutboxMeasured)]

    def close(self) -> None:
        for courier in self.couriers:
            courier.close()
        self.outbox.close()
        self.store.close()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.close()


def test_a_final_row_is_on_disk_before_the_exchange_hears_of_it(rig: Rig) -> None:
    row = closed()
    rig.record(row)
    assert rig.told() == [("outbox", row), ("exchange", TradeRecorded(trade_id=row.id))]


def test_an_open_row_and_a_rejection_are_kept_and_nobody_is_told(rig: Rig) -> None:
    rig.record(trade(), rejection())
    assert [name for name, _ in rig.told()] == ["outbox", "outbox"]
    assert rig.status().pending == 2


def test_rows_reach_the_store_soon_and_leave_the_outbox(rig: Rig) -> None:
    rig.context.advance(0)
    rig.record(trade(), closed(), rejection())
    assert rig.store.recent_trades(10) == []
    rig.context.advance(CARRY_SOON_MS)
    assert rig.store.recent_trades(10) == [closed()]
    assert rig.store.recent_rejections(10) == [rejection()]
    assert rig.status() == OutboxStatus(pending=0, oldest_ms=None, parked=0)


def test_what_the_last_run_left_is_sent_at_start(rig: Rig) -> None:
    rig.record(closed())
    rig.start()
    rig.context.advance(0)
    assert rig.store.recent_trades(10) == [closed()]


def test_more_rows_than_one_batch_all_go(rig: Rig) -> None:
    rig.record(*(rejection(id=f"r{number}") for number in range(250)))
    rig.context.advance(CARRY_SOON_MS)
    assert len(rig.store.recent_rejections(1_000)) == 250
    assert rig.status().pending == 0


def test_a_store_that_fails_is_tried_less_and_less_often_and_loses_nothing(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.away = True
    rig.record(closed())
    rig.context.advance(3_600_000)
    gaps = [after - before for before, after in pairwise(rig.courier.went_ms[1:])]
    limits = [500, 1_000, 2_000, 4_000, 8_000, 16_000]
    assert all(gap <= limit for gap, limit in zip(gaps, limits, strict=False))
    assert max(gaps) <= MOST_MS
    assert sum(gaps[6:]) / len(gaps[6:]) == pytest.approx(MOST_MS / 2, rel=0.2)
    assert len(set(gaps)) > len(gaps) / 2
    status = rig.status()
    assert (status.pending, status.oldest_ms, status.paused) == (1, NOW, None)
    rig.store.away = False
    rig.context.advance(MOST_MS)
    assert rig.store.recent_trades(10) == [closed()]


def test_a_store_that_asks_for_a_pause_gets_it(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.away, rig.store.retry_after_s = True, 90.0
    rig.record(closed())
    rig.context.advance(1_000_000)
    assert min(after - before for before, after in pairwise(rig.courier.went_ms[1:])) >= 90_000
    rig.store.retry_after_s = 1e12  # nobody is left alone forever
    rig.context.advance(200_000)
    rig.store.away = False
    rig.context.advance(4_000_000)
    assert rig.store.recent_trades(10) == [closed()]


def test_rows_that_the_disk_does_not_let_it_forget_are_handed_over_again(rig: Rig) -> None:
    rig.record(closed())
    rig.store.close()
    rig.store = FickleStore(SqliteColdStore.open(Path(":memory:")), Random(1))  # takes rows while the disk is full
    rig.start()
    with full_disk():
        rig.context.advance(10_000)
        assert rig.store.recent_trades(10) == [closed()]
        assert rig.status().pending == 1
    rig.context.advance(MOST_MS)
    assert rig.status().pending == 0
    assert rig.store.recent_trades(10) == [closed()]


def test_new_rows_do_not_hurry_a_store_that_fails(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.away, rig.store.retry_after_s = True, 10.0
    rig.record(rejection(id="first"))
    rig.context.advance(CARRY_SOON_MS)
    for number in range(8):
        rig.record(rejection(id=f"r{number}"))
        rig.context.advance(1_000)
    assert rig.courier.went_ms == [0, CARRY_SOON_MS]


def test_a_success_forgets_the_failures(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.away = True
    rig.record(rejection(id="first"))
    rig.context.advance(60_000)
    rig.store.away = False
    rig.context.advance(MOST_MS)
    rig.store.away = True
    rig.courier.went_ms.clear()
    rig.record(rejection(id="second"))
    rig.context.advance(2_000)
    first, second, *_ = rig.courier.went_ms
    assert second - first <= 500


def test_a_store_that_is_not_set_up_pauses_says_so_once_and_goes_on_when_it_is(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.misconfigured = True
    rig.record(closed(), trade(id="t2"))
    with heard() as lines:
        rig.context.advance(10 * RETRY_PAUSED_MS)
    assert len([line for line in lines if "until a person acts" in line]) == 1
    assert rig.courier.went_ms[1:4] == [CARRY_SOON_MS + number * RETRY_PAUSED_MS for number in range(3)]
    status = rig.status()
    assert (status.pending, status.parked, status.paused) == (2, 0, "there is no table trade_logs")
    rig.store.misconfigured = False
    rig.context.advance(RETRY_PAUSED_MS)
    assert rig.status() == OutboxStatus(pending=0, oldest_ms=None, parked=0)
    assert len(rig.store.recent_trades(10)) == 2


def test_a_defect_of_the_store_costs_neither_the_actor_nor_the_row(rig: Rig) -> None:
    rig.context.advance(0)
    rig.record(closed())
    rig.store.poison = lambda row: bool(row.nonsense)  # type: ignore[union-attr]  # the defect
    with heard() as lines:
        rig.context.advance(CARRY_SOON_MS)
    assert any("AttributeError" in line for line in lines)
    assert rig.status().pending == 1
    assert "nonsense" in (rig.status().paused or "")
    rig.store.poison = lambda _row: False
    rig.context.advance(RETRY_PAUSED_MS)
    assert rig.store.recent_trades(10) == [closed()]


def test_rows_that_somebody_else_brought_back_are_found(rig: Rig) -> None:
    rig.context.advance(0)
    with_another = SqliteOutbox(rig.data_dir / "journal.db", lambda: NOW)
    with_another.append(closed())
    with_another.close()
    rig.context.advance(LOOK_MS)
    assert rig.store.recent_trades(10) == [closed()]


def test_a_full_disk_and_its_end_reach_the_exchange(rig: Rig) -> None:
    rig.context.advance(0)
    with full_disk():
        rig.record(closed(), *(rejection(id=f"r{number}") for number in range(storage.MOST_UNWRITTEN + 7)))
        rig.context.advance(2_000)
        assert rig.store.recent_trades(10) == []
    assert rig.told() == []
    assert rig.status().dropped_rejections == 7
    rig.context.advance(2_000)
    assert rig.store.recent_trades(10) == [closed()]
    assert ("exchange", TradeRecorded(trade_id="t1")) in rig.told()
    none, problem, again = rig.problems()
    assert none is None
    assert again is None
    assert problem is not None
    assert "cannot be written" in problem


def test_a_rejection_that_cannot_be_written_holds_up_no_trade(rig: Rig) -> None:
    rig.context.advance(0)
    rig.outbox.refused = RejectionRow
    rig.record(rejection(), trade(), rejection(id="r2"), closed())
    assert rig.told()[-1] == ("exchange", TradeRecorded(trade_id="t1"))
    rig.context.advance(3 * storage.RETRY_WRITE_MS)
    assert rig.store.recent_trades(10) == [closed()]
    assert rig.outbox.tries == 4  # one at first, and one a second
    assert rig.problems() == [None, "its file cannot be written"]
    rig.outbox.refused = None
    rig.context.advance(2 * storage.RETRY_WRITE_MS)
    assert {row.id for row in rig.store.recent_rejections(10)} == {rejection().id, "r2"}
    assert rig.problems()[-1] is None


def test_an_overfull_outbox_reaches_the_exchange_again_and_again(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "MOST_PENDING", 3)
    rig.context.advance(0)
    rig.store.away = True
    rig.record(*(trade(id=f"t{number}") for number in range(3)))
    rig.context.advance(LOOK_MS)
    rig.log.clear()
    rig.context.advance(2 * LOOK_MS)  # the exchange actor may be a new one
    problem = "3 rows wait for the ledger, 3 at most"
    assert rig.log == [("exchange", OutboxMeasured(problem=problem))] * 2
    rig.store.away = False
    rig.context.advance(MOST_MS + LOOK_MS)
    assert rig.problems()[-1] is None


def test_a_store_that_is_far_behind_is_said_once(rig: Rig) -> None:
    rig.context.advance(0)
    rig.store.away = True
    rig.record(trade())
    with heard() as lines:
        rig.context.advance(3 * LATE_MS)
    assert len([line for line in lines if "for more than 10 min" in line]) == 1


def test_stopping_hands_over_everything_that_waits(rig: Rig) -> None:
    rig.record(*(rejection(id=f"r{number}") for number in range(250)))
    rig.actor.stopping()
    assert len(rig.store.recent_rejections(1_000)) == 250
    assert rig.status().pending == 0


@pytest.mark.parametrize(
    ("rows", "line"),
    [
        (1, "1 row waits for the ledger, it will be sent on the next start"),
        (12, "12 rows wait for the ledger, they will be sent on the next start"),
    ],
)
def test_stopping_with_a_store_that_fails_ends_and_says_what_waits(rig: Rig, rows: int, line: str) -> None:
    rig.store.away = True
    rig.record(*(trade(id=f"t{number}") for number in range(rows)))
    with heard() as lines:
        rig.actor.stopping()
    assert rig.courier.rounds == 1
    assert rig.status().pending == rows
    assert any(line in each for each in lines)
