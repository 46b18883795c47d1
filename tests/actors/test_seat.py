"""A symbol's place at the exchange actor: notices become messages, endings are durable first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.domain.desk_rig import Rig as DeskRig
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.builders import algo_report, order_report
from tests.kit.probe import Probe
from vortex.actors.order_journal import OrderJournal
from vortex.actors.seat import Seat
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.domain.operation import Gate
from vortex.domain.order import OrderStatus, PlaceOrder
from vortex.domain.trade import CloseReason
from vortex.messages import (
    EntryFailed,
    GateClosed,
    GateOpened,
    PositionClosed,
    PositionOpened,
    PositionProtected,
    RegisterSymbol,
    SymbolReconciled,
)


class Rig:
    def __init__(self, journal: SqliteJournal) -> None:
        self.desk = DeskRig()
        self.account, self.supervisor = Probe("account"), Probe("supervisor")
        self.decision, self.monitor = Probe("decision"), Probe("monitor")
        self.journal = OrderJournal(journal, "main", lambda: False)
        self.seat = Seat(self.desk.desk, self.journal, self.account, lambda: NOW)

    def joins(self) -> None:
        self.seat.join(
            RegisterSymbol(symbol=SYMBOL, supervisor=self.supervisor, decision=self.decision, monitor=self.monitor)
        )
        self.seat.settle()


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    journal = SqliteJournal(tmp_path / "journal.db", lambda: NOW)
    yield Rig(journal)
    journal.close()


def test_without_listeners_only_the_account_hears(rig: Rig) -> None:
    rig.desk.guarded()
    rig.desk.desk.rejoin()
    rig.seat.settle()
    rig.account.expect(PositionOpened)
    rig.seat.close_gate(Gate.USER_STREAM, "lost")
    assert rig.supervisor.messages == []


def test_the_truth_goes_to_everyone_with_the_open_trade(rig: Rig) -> None:
    rig.desk.guarded()
    rig.joins()
    for probe in (rig.account, rig.decision, rig.monitor, rig.supervisor):
        message = probe.expect(SymbolReconciled)
        assert message.trade is not None
        assert message.trade.protected
    for probe in (rig.account, rig.decision, rig.monitor):
        probe.expect(PositionOpened)
    assert rig.supervisor.unread() == []


def test_protection_is_told_to_the_monitor(rig: Rig) -> None:
    rig.joins()
    rig.desk.filled()
    stop = rig.desk.leaves(PlaceOrder)
    rig.seat.settle()
    rig.monitor.unread()
    rig.desk.done(None)  # an answer that says nothing
    rig.seat.settle()
    assert rig.monitor.unread() == []
    rig.desk.hears(algo_report(stop.client_id))
    rig.seat.settle()
    assert rig.monitor.expect(PositionProtected).protected


def test_a_close_is_kept_until_recorded_and_told_again_to_who_joins(rig: Rig) -> None:
    rig.desk.guarded()
    rig.joins()
    rig.desk.desk.close(rig.desk.bracket.trade_id, CloseReason.MANUAL)
    rig.desk.done(rig.desk.exit_filled(rig.desk.leaves(PlaceOrder).client_id))
    rig.seat.settle()
    (closed,) = rig.account.told(PositionClosed)
    assert (closed.reason, [fill.quantity for fill in closed.exit_fills]) == (CloseReason.MANUAL, [Decimal("0.1")])
    rig.joins()
    assert rig.monitor.told(PositionClosed) == [closed, closed]
    assert rig.account.told(PositionClosed) == rig.decision.told(PositionClosed) == [closed]
    rig.journal.recorded(closed.trade.trade_id)
    rig.joins()
    assert len(rig.monitor.told(PositionClosed)) == 2


def test_a_failed_entry_is_told_with_its_reason(rig: Rig) -> None:
    rig.joins()
    entry = rig.desk.entry_sent()
    rig.desk.done(order_report(entry, OrderStatus.EXPIRED, "0"))
    failed_ms = rig.desk.now_ms
    rig.seat.settle()
    for probe in (rig.account, rig.decision, rig.monitor):
        message = probe.told(EntryFailed)[0]
        assert (message.reason, message.detail, message.ts_ms) == (
            CloseReason.ORDER_EXPIRED, "EXPIRED", failed_ms,
        )  # fmt: skip


def test_a_refusal_beside_an_open_trade_has_no_row(rig: Rig) -> None:
    rig.joins()
    rig.monitor.unread()
    message = EntryFailed(
        trade_id="trade-9", plan=plan(), reason=CloseReason.ORDER_REJECTED, detail="not free", ts_ms=NOW
    )
    rig.seat.refuse(message)
    assert rig.account.messages[-1] == rig.decision.messages[-1] == message
    assert rig.monitor.unread() == []


def test_gates_go_to_the_supervisor(rig: Rig) -> None:
    rig.joins()
    rig.seat.close_gate(Gate.USER_STREAM, "lost")
    rig.seat.open_gate(Gate.USER_STREAM)
    assert rig.supervisor.messages == [
        GateClosed(gate=Gate.USER_STREAM, since_ms=NOW, detail="lost"), GateOpened(gate=Gate.USER_STREAM),
    ]  # fmt: skip
