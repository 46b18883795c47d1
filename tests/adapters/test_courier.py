"""The courier: one request at a time on its own thread, and nothing that anybody has to wait for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

import pytest

from tests.adapters.sqlite.rows import trade
from tests.kit.fickle_store import LONGEST_STALL_S, FickleStore
from tests.kit.logs import heard
from vortex.adapters.courier import Couriers, ThreadCourier
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import StoreError, transaction
from vortex.adapters.sqlite.delivery import Delivery
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.messages import RowsCarried

SOON_S = 20.0


class Answers:
    """A recipient that one can wait at."""

    def __init__(self) -> None:
        self.queue: SimpleQueue[RowsCarried] = SimpleQueue()

    def tell(self, message: object) -> None:
        assert isinstance(message, RowsCarried)
        self.queue.put(message)

    def next(self) -> RowsCarried:
        return self.queue.get(timeout=SOON_S)


class Rig:
    def __init__(self, folder: Path) -> None:
        self.journal = folder / "journal.db"
        self.outbox = SqliteOutbox(self.journal, lambda: 0)
        self.store = FickleStore(SqliteColdStore.open(folder / "vortex.db"), Random(1))
        self.couriers = Couriers(partial(open_delivery, self.journal, self.store), "the ledger")
        self.answers = Answers()

    def courier(self) -> ThreadCourier:
        made = self.couriers()
        made.start(self.answers)
        return made

    @contextmanager
    def stuck(self) -> Iterator[ThreadCourier]:
        """A courier whose request is not answered within the block."""
        self.store.stall.clear()
        courier = self.courier()
        courier.carry()
        assert self.store.stalled.wait(SOON_S)
        try:
            yield courier
        finally:
            self.store.stall.set()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.store.stall.set()
    made.couriers.close()
    made.outbox.close()


def test_a_round_is_answered_with_what_came_of_it(rig: Rig) -> None:
    courier = rig.courier()
    for number in range(130):
        rig.outbox.append(trade(id=f"t{number}"))
    for rows in (100, 30, 0):
        courier.carry()
        assert rig.answers.next() == RowsCarried(rows=rows)
    rig.outbox.append(trade())
    rig.store.away, rig.store.retry_after_s = True, 7.0
    courier.carry()
    assert rig.answers.next() == RowsCarried(rows=0, trouble="the store is away", retry_after_s=7.0)
    rig.store.away, rig.store.misconfigured = False, True
    courier.carry()
    assert rig.answers.next() == RowsCarried(rows=0, trouble="there is no table trade_logs", for_people=True)


def test_an_append_and_a_look_do_not_wait_for_a_stuck_courier(rig: Rig) -> None:
    rig.outbox.append(trade())
    with rig.stuck():
        rig.outbox.append(trade(id="t2"))
        assert rig.outbox.status().pending == 2
    assert rig.answers.next() == RowsCarried(rows=1)


def test_a_stuck_courier_holds_up_the_end_no_longer_than_it_may(rig: Rig) -> None:
    rig.outbox.append(trade())
    with rig.stuck() as courier, heard() as lines:
        before_s = time.monotonic()
        courier.finish(0.3)
        assert 0.3 <= time.monotonic() - before_s < LONGEST_STALL_S / 2
    assert any("the ledger does not answer" in line for line in lines)
    assert rig.outbox.status().pending == 1


def test_a_courier_of_a_former_incarnation_forgets_nothing_and_the_next_one_waits_for_its_request(rig: Rig) -> None:
    rig.outbox.append(trade())
    with rig.stuck():
        successor = rig.courier()
        rig.outbox.append(trade(id="t2"))
        successor.carry()
        with pytest.raises(Empty):  # it does not go while the other one is under way
            rig.answers.queue.get(timeout=1.0)
        assert rig.outbox.status().pending == 2
    assert rig.answers.next() == RowsCarried(rows=2)
    assert rig.store.batches == [("t1",), ("t1", "t2")]
    assert rig.store.most_in_flight == 1
    assert rig.outbox.status().pending == 0
    assert rig.answers.queue.empty()


def test_the_end_takes_everything_there(rig: Rig) -> None:
    for number in range(1_000):
        rig.outbox.append(trade(id=f"t{number}"))
    courier = rig.courier()
    courier.finish(SOON_S)
    assert rig.outbox.status().pending == 0
    assert len(rig.store.recent_trades(2_000)) == 1_000


def test_the_end_gives_up_at_the_first_trouble(rig: Rig) -> None:
    rig.store.away = True
    rig.outbox.append(trade())
    rig.courier().finish(SOON_S)
    assert rig.store.batches == [("t1",)]


def test_what_cannot_be_opened_is_answered_too(tmp_path: Path) -> None:
    def broken(_dismissed: Callable[[], bool]) -> Delivery:
        raise StoreError("journal.db: damaged")

    couriers = Couriers(broken, "the ledger")
    answers = Answers()
    courier = couriers()
    courier.start(answers)
    for _ in range(2):
        courier.carry()
        assert answers.next() == RowsCarried(rows=0, trouble="journal.db: damaged", for_people=True)
    courier.finish(SOON_S)
    assert list(tmp_path.iterdir()) == []


def test_a_long_queue_is_drained_at_a_thousand_rows_a_second(rig: Rig) -> None:
    rows = 10_500
    lane = rig.outbox._trades  # past the fsync of each append, which is not what is measured
    with transaction(lane._connection):
        for number in range(rows):
            rig.outbox.append(trade(id=f"t{number}"))
    courier = rig.courier()
    before_s = time.process_time()  # which does not run while others have the processor
    courier.finish(10 * SOON_S)
    took_s = time.process_time() - before_s
    assert rig.outbox.status().pending == 0
    assert len(rig.store.recent_trades(2 * rows)) == rows
    assert rows / took_s >= 1_000
