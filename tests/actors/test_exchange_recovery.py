"""The exchange actor after a crash: what the journal remembers, and what is told again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.probe import Probe
from vortex.domain.order import (
    PlaceOrder,
    Unknown,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    ClosePosition,
    EntryFailed,
    PositionClosed,
    PositionOpened,
    SymbolReconciled,
    TradeRecorded,
)

TIMEOUT = Unknown(text="timeout")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


def test_a_trade_under_way_is_found_again_before_its_symbol_registers(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    (entry,) = rig.waiting(PlaceOrder)
    rig.tiny.apply(entry)  # it arrives; the answer reaches nobody
    rig.tiny.events.clear()
    rig.start(rig.now_ms + 3_000)
    assert rig.status().unknown_orders == 1
    assert rig.status().unsettled == (SYMBOL,)
    rig.plays(3_000)
    assert rig.tiny.protected()
    assert rig.tiny.sent[entry.client_id] == 1
    rig.quiet()
    rig.actor.receive(rig.registration())
    assert rig.monitor.expect(SymbolReconciled).trade is not None
    assert rig.monitor.expect(PositionOpened).trade.protected


def test_ids_of_two_incarnations_never_meet(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    first = rig.waiting(PlaceOrder)[0].client_id
    rig.start(NOW)
    rig.plays(14_000)  # it never arrived
    rig.opens()
    assert rig.waiting(PlaceOrder)[0].client_id != first


def test_an_ended_trade_is_told_to_every_new_monitor_until_its_row_is_safe(rig: Rig) -> None:
    trade = rig.opened()
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TIME_EXIT))
    rig.plays(1_000)
    told = rig.monitor.told(PositionClosed)[0]
    rig.start(rig.now_ms + 1_000)
    for _ in range(2):
        rig.quiet()
        rig.actor.receive(rig.registration())
        assert rig.monitor.expect(PositionClosed) == told
        assert rig.account.told(PositionClosed) == [told]  # money is counted once
    rig.actor.receive(TradeRecorded(trade_id=trade.trade_id))
    rig.quiet()
    before = len(rig.monitor.told(PositionClosed))
    rig.actor.receive(rig.registration())
    assert len(rig.monitor.told(PositionClosed)) == before
    rig.start(rig.now_ms)
    rig.actor.receive(rig.registration())
    assert len(rig.monitor.told(PositionClosed)) == before


def test_a_failed_entry_is_told_with_the_same_time_however_often(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens(plan(book_ms=rig.now_ms - 501))
    first = rig.monitor.expect(EntryFailed)
    rig.start(rig.now_ms + 60_000)
    rig.actor.receive(rig.registration())
    assert rig.monitor.expect(EntryFailed) == first


def test_other_symbols_endings_are_not_told(rig: Rig) -> None:
    rig.ready(SYMBOL, "ETHUSDT")
    rig.opens(plan(book_ms=rig.now_ms - 501))
    other = Probe()
    registration = rig.registration("ETHUSDT")
    rig.quiet()
    rig.actor.receive(msgspec.structs.replace(registration, monitor=other))
    assert other.told(EntryFailed) == []
