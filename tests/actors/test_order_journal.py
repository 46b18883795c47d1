from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.domain.money_builders import NOW
from tests.kit.builders import bracket, fill, ids, order_report
from vortex.actors.order_journal import Ended, OrderJournal
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.domain.desk import bracket as life
from vortex.domain.order import OrderRole
from vortex.domain.trade import CloseReason

ENTRY = ids()[OrderRole.ENTRY]
SENT = life.mark_sent(bracket(), ENTRY, NOW)
FILLED = life.on_order(SENT, order_report(ENTRY, caused_by=fill(1, client_id=ENTRY)), NOW)
ENDED = Ended(bracket=FILLED, reason=CloseReason.TP_HIT)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SqliteJournal]:
    journal = SqliteJournal(tmp_path / "journal.db", lambda: NOW)
    yield journal
    journal.close()


def writer(disk: SqliteJournal, account: str = "main") -> OrderJournal:
    return OrderJournal(disk, account, lambda: False)


def again(disk: SqliteJournal) -> OrderJournal:
    """What the next process finds."""
    journal = writer(disk)
    journal.load()
    return journal


def test_a_trade_is_found_again_as_it_was(disk: SqliteJournal) -> None:
    writer(disk).keep("BTCUSDT", FILLED)
    assert writer(disk).load() == {"BTCUSDT": FILLED}


def test_a_trade_that_is_forgotten_is_not_found(disk: SqliteJournal) -> None:
    journal = writer(disk)
    journal.keep("BTCUSDT", SENT)
    journal.keep("ETHUSDT", SENT)
    journal.keep("BTCUSDT", None)
    assert set(writer(disk).load()) == {"ETHUSDT"}


def test_only_what_changed_is_written(disk: SqliteJournal) -> None:
    journal = writer(disk)
    for kept in (None, SENT, SENT, FILLED, FILLED, None, None):
        journal.keep("BTCUSDT", kept)
    assert len(disk.recent(100)) == 3
    found = again(disk)
    found.keep("BTCUSDT", None)
    assert len(disk.recent(100)) == 3


def test_what_was_loaded_counts_as_written(disk: SqliteJournal) -> None:
    writer(disk).keep("BTCUSDT", SENT)
    again(disk).keep("BTCUSDT", SENT)
    assert len(disk.recent(100)) == 1


def test_an_ended_trade_stays_until_its_row_is_safe(disk: SqliteJournal) -> None:
    writer(disk).keep_ended(ENDED)
    found = again(disk)
    assert found.ended == {"trade-1": ENDED}
    found.recorded("trade-1")
    assert again(disk).ended == {}


def test_a_row_that_is_safe_twice_is_written_once(disk: SqliteJournal) -> None:
    journal = writer(disk)
    journal.keep_ended(ENDED)
    for _ in range(3):
        journal.recorded("trade-1")
        journal.recorded("another")
    assert len(disk.recent(100)) == 2


def test_an_epoch_is_later_than_any_before_whatever_the_clock_says(disk: SqliteJournal) -> None:
    epochs = [writer(disk).next_epoch(now_ms) for now_ms in (NOW, NOW, NOW - 10**9, NOW + 5_000)]
    first = NOW // 1_000
    assert epochs == [first, first + 1, first + 2, first + 5]


def test_accounts_have_their_own_epochs(disk: SqliteJournal) -> None:
    writer(disk).next_epoch(NOW)
    assert writer(disk, "other").next_epoch(5_000) == 5
