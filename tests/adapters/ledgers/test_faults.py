"""The real storage actor and outbox before a ledger that fails (F44 to F47): every row arrives, once, the newest."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random

import httpx
import psycopg
import pytest

from tests.kit.courier import PromptCourier
from tests.kit.ledgers import closed, rejection, trade
from tests.kit.logs import heard
from tests.kit.postgres import Dsn
from tests.kit.postgrest import SECRET_KEY, Fault, PostgrestServer
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.storage import RETRY_PAUSED_MS, StorageActor
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.messages import RecordRejection, RecordTrade
from vortex.queries import GetOutbox, OutboxStatus

NOW = 1_723_075_200_000
HOUR_MS = 3_600_000
WAIT_MS = 2 * RETRY_PAUSED_MS
PATIENT_S, SHORT_S = 20.0, 0.5
STALL = Fault(do="stall", seconds=2 * SHORT_S)
PASSING = (
    *(Fault(do="status", status=status) for status in (429, 500, 503)),
    Fault(do="html"), Fault(do="cut"), Fault(do="drop"),
    Fault(do="auth"), Fault(do="status", status=401), Fault(do="status", status=403),
)  # fmt: skip


class Rig:
    """Time passes when the test says so; the network is real, and a request is given up after `timeout_s` of it."""

    def __init__(self, folder: Path, url: str, stack: ExitStack, timeout_s: float) -> None:
        self.store, sending = (
            SupabaseColdStore(url, SECRET_KEY, timeout=httpx.Timeout(each)) for each in (PATIENT_S, timeout_s)
        )
        stack.callback(self.store.close)
        stack.callback(sending.close)
        outbox = SqliteOutbox(folder / "journal.db", lambda: NOW)
        stack.callback(outbox.close)
        courier = PromptCourier.between(folder / "journal.db", sending)
        stack.callback(courier.close)
        self.actor = StorageActor(outbox=outbox, courier=courier, exchange=Probe("exchange"), random=Random(1))
        self.context = ManualContext(self.actor, path="storage", now_ms=NOW)
        self.actor.started()
        courier.recipient = self

    def tell(self, message: object) -> None:
        """What the courier brings."""
        self.context.after(0, message)

    def record(self, *rows: TradeRow | RejectionRow) -> None:
        for row in rows:
            self.actor.receive(RecordTrade(row=row) if isinstance(row, TradeRow) else RecordRejection(row=row))

    def status(self) -> OutboxStatus:
        status = self.actor.receive(GetOutbox())
        assert isinstance(status, OutboxStatus)
        return status


@pytest.fixture
def rig(tmp_path: Path, standin: PostgrestServer) -> Iterator[Rig]:
    with ExitStack() as stack:
        yield Rig(tmp_path, standin.url, stack, PATIENT_S)


@pytest.fixture
def hasty(tmp_path: Path, standin: PostgrestServer) -> Iterator[Rig]:
    """For answers that are late: a busy machine's may be, too."""
    with ExitStack() as stack:
        yield Rig(tmp_path, standin.url, stack, SHORT_S)


def execute(dsn: Dsn, statement: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(statement.encode())


@pytest.mark.parametrize("fault", PASSING, ids=str)
def test_f44_whatever_the_answer_the_rows_arrive_in_the_end(rig: Rig, standin: PostgrestServer, fault: Fault) -> None:
    rows_arrive(rig, standin, fault)


def test_f44_rows_arrive_also_when_the_answer_comes_late(hasty: Rig, standin: PostgrestServer) -> None:
    rows_arrive(hasty, standin, STALL)


def rows_arrive(rig: Rig, standin: PostgrestServer, fault: Fault) -> None:
    """In the end, each in its newest version."""
    standin.fail(fault)
    rig.record(trade("t1"), trade("t2", opened_at=2), rejection())
    rig.context.advance(1)
    rig.record(closed("t1"))
    rig.context.advance(WAIT_MS)
    standin.settle()
    assert rig.store.recent_trades(10) == [closed("t1"), trade("t2", opened_at=2)]
    assert rig.store.recent_rejections(10) == [rejection()]
    assert (rig.status().pending, rig.status().parked) == (0, 0)


@pytest.mark.parametrize("status", [409, 422])
def test_f44_a_refusal_sets_a_row_aside_alone(rig: Rig, standin: PostgrestServer, status: int) -> None:
    standin.fail(Fault(do="status", status=status))
    with heard("ERROR") as lines:
        rig.record(trade("t1"))
        rig.context.advance(100)
        rig.record(trade("t2"))
        rig.context.advance(WAIT_MS)
    assert rig.store.recent_trades(10) == [trade("t2")]
    assert (rig.status().pending, rig.status().parked) == (0, 1)
    assert len([line for line in lines if "set aside" in line]) == 1


def test_f44_retry_after_is_kept(rig: Rig, standin: PostgrestServer) -> None:
    standin.fail(Fault(do="status", status=429, retry_after="90"))
    rig.record(trade())
    rig.context.advance(89_000)
    assert standin.requests["POST /rest/v1/trade_logs"] == 1
    rig.context.advance(10_000)
    assert rig.status().pending == 0


def test_f44_hours_without_a_ledger(rig: Rig, standin: PostgrestServer) -> None:
    standin.fail(Fault(do="status", status=503, times=1_000_000))
    for hour in range(24):
        rig.record(trade(str(hour), opened_at=hour), rejection(str(hour), created_at=hour))
        rig.context.advance(HOUR_MS / 12)
    assert rig.status().pending == 48
    standin.heal()
    rig.context.advance(WAIT_MS)
    assert rig.status().pending == 0
    assert [row.opened_at for row in rig.store.recent_trades(100)] == list(range(23, -1, -1))
    assert len(rig.store.recent_rejections(100)) == 24


def test_f45_a_row_whose_reply_was_lost_is_there_once(rig: Rig, standin: PostgrestServer) -> None:
    standin.fail(Fault(do="drop", times=5))
    rig.record(trade(), rejection())
    rig.context.advance(WAIT_MS)
    assert standin.requests["POST /rest/v1/trade_logs"] > 1
    assert rig.store.recent_trades(10) == [trade()]
    assert rig.store.recent_rejections(10) == [rejection()]


@pytest.mark.parametrize(
    ("begin", "end"),
    [
        ("alter table trade_logs rename profile to renamed", "alter table trade_logs rename renamed to profile"),
        ("revoke insert on trade_logs from service_role", "grant insert on trade_logs to service_role"),
    ],
    ids=["drift", "denial"],
)  # fmt: skip
def test_f46_rows_wait_for_a_person_who_is_told_once(rig: Rig, shared: Dsn, begin: str, end: str) -> None:
    execute(shared, begin)
    try:
        with heard("ERROR") as lines:
            rig.record(trade(), closed())
            rig.context.advance(HOUR_MS / 2)
        assert len([line for line in lines if "until a person acts" in line]) == 1
        assert (rig.status().pending, rig.status().parked) == (2, 0)
        assert rig.status().paused
    finally:
        execute(shared, end)
    rig.context.advance(WAIT_MS)
    assert rig.status().paused is None
    assert rig.store.recent_trades(10) == [closed()]


def test_f46_a_locked_table_is_waited_for(hasty: Rig, shared: Dsn) -> None:
    with psycopg.connect(shared) as other:
        other.execute("lock table trade_logs in access exclusive mode")
        hasty.record(trade())
        hasty.context.advance(1_000)
        assert hasty.status().pending == 1
    hasty.context.advance(WAIT_MS)
    assert hasty.store.recent_trades(10) == [trade()]


def test_f46_one_row_that_cannot_be_holds_up_nobody(rig: Rig, shared: Dsn) -> None:
    """A rule that only the database knows."""
    execute(shared, "alter table trade_logs add constraint strange check (profile <> 'strange')")
    try:
        rows = [trade(str(n), opened_at=n, profile="strange" if n == 37 else "usual") for n in range(90)]
        rig.record(*rows)
        rig.context.advance(WAIT_MS)
        assert (rig.status().pending, rig.status().parked) == (0, 1)
        assert rig.store.recent_trades(100) == [row for row in reversed(rows) if row.profile == "usual"]
    finally:
        execute(shared, "alter table trade_logs drop constraint strange")


def test_f47_a_close_that_arrives_before_its_open_stays(hasty: Rig, standin: PostgrestServer) -> None:
    standin.fail(STALL)
    hasty.record(trade())
    hasty.context.advance(100)  # given up, and carried out later
    hasty.record(closed())
    hasty.context.advance(WAIT_MS)
    standin.settle()
    assert hasty.store.recent_trades(10) == [closed()]
