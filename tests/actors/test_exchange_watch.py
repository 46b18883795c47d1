"""What the exchange actor notices beside its own orders: clocks, disks, hands, other processes of the same account."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import TypeAlias

import msgspec
import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import SYMBOL
from tests.kit.builders import BUY, SELL, fill, order_report
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import (
    ClockMeasured,
    ConfigUpdate,
    FillAnnounced,
    OrderRole,
    OrderStatus,
    PlaceOrder,
    QueryPositions,
    QuerySymbol,
    SetLeverage,
    TriggerRejected,
)
from vortex.domain.trade import CloseReason
from vortex.messages import DiskMeasured, OutboxMeasured, PositionClosed
from vortex.ports import UnwritableError

Measured: TypeAlias = ClockMeasured | DiskMeasured | OutboxMeasured


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


@pytest.mark.parametrize(
    ("bad", "good", "gate", "says"),
    [
        (
            ClockMeasured(ts_ms=1, offset_ms=-501.0, round_trip_ms=9.0),
            ClockMeasured(ts_ms=1, offset_ms=499.0, round_trip_ms=9.0),
            Gate.CLOCK,
            "-501 ms",
        ),
        (DiskMeasured(room_bytes=63 * 2**20), DiskMeasured(room_bytes=65 * 2**20), Gate.DISK, "63 MiB"),
        (OutboxMeasured(problem="200000 rows wait"), OutboxMeasured(problem=None), Gate.JOURNAL, "200000 rows wait"),
    ],
    ids=("clock", "disk", "outbox"),
)
def test_what_is_wrong_for_all_holds_every_symbol_back(
    rig: Rig, bad: Measured, good: Measured, gate: Gate, says: str
) -> None:
    rig.ready(SYMBOL)
    rig.actor.receive(bad)
    assert says in rig.closed_gates()[gate]
    assert rig.refused().startswith(gate)
    rig.actor.receive(rig.registration("ETHUSDT"))
    assert says in rig.closed_gates()[gate]  # one that comes later is told too
    rig.actor.receive(good)
    assert gate not in rig.closed_gates()


class FullDisk:
    """Stands before the journal's `append` until the disk has room again."""

    def __init__(self, rig: Rig) -> None:
        self._rig = rig
        self._append = rig.journal.append

    def __enter__(self) -> None:
        self._rig.journal.append = self._refuse  # type: ignore[method-assign]  # a full disk, from now on

    def __exit__(self, *_: object) -> None:
        self._rig.journal.append = self._append  # type: ignore[method-assign]

    def _refuse(self, kind: str, key: str, body: bytes) -> int:
        raise UnwritableError(f"{kind} {key} of {len(body)} bytes: disk full")


@pytest.mark.parametrize("leverage", [20, 10], ids=("the entry", "the leverage before it"))
def test_an_entry_whose_intent_cannot_be_written_never_leaves(rig: Rig, leverage: int) -> None:
    rig.ready(SYMBOL)
    with FullDisk(rig):
        rig.opens(msgspec.structs.replace(rig.plan(), leverage=leverage))
        rig.plays(1_000)
        assert rig.endings() == [CloseReason.ORDER_EXPIRED]
        assert not rig.waiting(SetLeverage)
        assert rig.tiny.sent == {}
        assert Gate.JOURNAL in rig.closed_gates()
    rig.plays(200)
    assert Gate.JOURNAL not in rig.closed_gates()


def test_what_is_open_is_guarded_and_closed_while_the_disk_is_full(rig: Rig) -> None:
    trade = rig.opened()
    rig.tiny.cancelled_by_a_person(rig.tiny.resting[0].client_id)
    with FullDisk(rig):
        rig.plays(1_000)
        assert rig.tiny.protected()
        rig.operate_close(trade.trade_id)
        rig.plays(1_000)
        assert rig.tiny.position == 0
    rig.plays(200)
    rig.start(rig.now_ms)  # what waited for the disk is there
    assert rig.status().trades == {}


def test_a_stop_that_the_journal_does_not_know_is_taken_over_after_a_restart(rig: Rig) -> None:
    rig.opened()
    rig.tiny.cancelled_by_a_person(rig.tiny.resting[0].client_id)
    with FullDisk(rig):
        rig.plays(1_000)
        (stop,) = [algo.client_id for algo in rig.tiny.resting if algo.client_id.endswith(OrderRole.STOP)]
    rig.start(rig.now_ms + 1_000)
    rig.plays(1_000)
    assert rig.status().trades[SYMBOL].protected
    assert stop in [algo.client_id for algo in rig.tiny.resting]


def test_a_position_that_the_overview_shows_otherwise_is_looked_at_within_five_seconds(rig: Rig) -> None:
    rig.opened()
    rig.tiny.by_another("web_1", rig.tiny.position)
    rig.tiny.events.clear()  # nobody tells
    rig.plays(4_500)
    assert rig.monitor.told(PositionClosed)[0].reason is CloseReason.EXTERNAL


def test_an_overview_that_agrees_asks_nothing(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.context.advance(3_000)
    for overview in rig.waiting(QueryPositions):
        rig.answer(overview, rig.tiny.apply(overview))
    rig.context.advance(500)
    assert rig.waiting(QuerySymbol) == []


def test_an_execution_that_was_announced_and_not_reported_is_asked_for(rig: Rig) -> None:
    rig.opened()
    rig.actor.receive(FillAnnounced(symbol=SYMBOL, client_id="web_1", order_id=99, fill_id=99, ts_ms=rig.now_ms))
    rig.context.advance(900)
    assert rig.waiting(QuerySymbol) == []
    rig.context.advance(200)
    assert len(rig.waiting(QuerySymbol)) == 1


def test_a_rejected_trigger_and_a_changed_leverage_are_looked_into(rig: Rig) -> None:
    rig.opened()
    rig.actor.receive(TriggerRejected(symbol=SYMBOL, order_id=5, reason="Margin is insufficient.", ts_ms=rig.now_ms))
    rig.context.advance(300)
    (query,) = rig.waiting(QuerySymbol)
    rig.answer(query, rig.tiny.apply(query))
    rig.actor.receive(ConfigUpdate(ts_ms=rig.now_ms, symbol=SYMBOL, leverage=3))
    rig.context.advance(300)
    assert len(rig.waiting(QuerySymbol)) == 1


def test_a_leverage_that_a_person_changed_is_set_again_before_the_next_entry(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.actor.receive(ConfigUpdate(ts_ms=rig.now_ms, symbol=SYMBOL, leverage=3))
    rig.opens()
    assert [request.leverage for request in rig.waiting(SetLeverage)] == [20]
    assert rig.waiting(PlaceOrder) == []


def test_multi_assets_mode_pauses_everything(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.actor.receive(ConfigUpdate(ts_ms=rig.now_ms, multi_assets=True))
    assert "multi-assets" in rig.closed_gates()[Gate.PAUSED]
    rig.operate(OperatorAction.RESUME, None)
    assert Gate.PAUSED not in rig.closed_gates()


@pytest.mark.parametrize("epoch36", ["zzzzzz", "1"], ids=("newer", "older"))
def test_an_entry_of_another_process_pauses_everything_until_a_person_looked(rig: Rig, epoch36: str) -> None:
    rig.ready(SYMBOL)
    theirs = f"v7-main-{SYMBOL}-{epoch36}-1E"
    filled = fill(77, "0.1", side=BUY, client_id=theirs, order_id=77, at_ms=rig.now_ms)
    rig.actor.receive(order_report(theirs, OrderStatus.FILLED, "0.1", side=BUY, order_id=77, caused_by=filled))
    assert theirs in rig.closed_gates()[Gate.PAUSED]


def test_late_reports_of_our_own_process_before_this_one_pause_nothing(rig: Rig) -> None:
    rig.opened()
    entry = next(order for order in rig.tiny.orders.values() if order.client_id.endswith(OrderRole.ENTRY))
    rig.start(rig.now_ms + 1_000)
    rig.plays(1_000)
    rig.actor.receive(msgspec.structs.replace(entry, fill=rig.tiny.fills[0]))
    assert Gate.PAUSED not in rig.closed_gates()


def test_what_a_person_adds_closes_the_gate_and_stays_his(rig: Rig) -> None:
    trade = rig.opened()
    added = fill(500, "0.3", side=BUY, client_id="web_1", order_id=500, at_ms=rig.now_ms)
    rig.actor.receive(order_report("web_1", OrderStatus.FILLED, "0.3", side=BUY, order_id=500, caused_by=added))
    assert "0.3 is not ours" in rig.closed_gates()[Gate.EXCHANGE]
    rig.operate_close(trade.trade_id)
    (leaving,) = [order for order in rig.waiting(PlaceOrder) if order.reduce_only]
    assert (leaving.side, leaving.quantity) == (SELL, Decimal("0.1"))
