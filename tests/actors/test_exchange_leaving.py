"""A symbol that leaves the exchange actor, and an exchange actor that was replaced."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import SYMBOL
from tests.kit.builders import algo_report
from vortex.actors.exchange import ACCOUNT_EVERY_MS
from vortex.actors.order_journal import IncarnationOverError
from vortex.domain.operation import OperatorAction
from vortex.domain.order import AccountUpdate, PlaceOrder, QuerySymbol
from vortex.domain.trade import CloseReason
from vortex.messages import (
    CloseAll,
    ClosePosition,
    DeregisterSymbol,
    EntryFailed,
    PositionClosed,
    SymbolReleased,
    TradeRecorded,
    UserStreamChanged,
)

LEAVE = DeregisterSymbol(symbol=SYMBOL)


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


def released(rig: Rig) -> int:
    return len(rig.supervisor.told(SymbolReleased))


# ------------------------------------------------------------------------------------------------------------ leaving


def test_a_symbol_without_a_trade_is_released_at_once_and_forgotten(rig: Rig) -> None:
    rig.ready(SYMBOL, "ETHUSDT")
    rig.actor.receive(LEAVE)
    assert rig.supervisor.told(SymbolReleased) == [SymbolReleased(symbol=SYMBOL)]
    rig.quiet()
    rig.actor.receive(UserStreamChanged(up=True, ts_ms=5))
    assert len(rig.supervisor.unread()) == 1  # the other symbol's gate
    rig.context.advance(60_000)
    assert {query.symbol for query in rig.waiting(QuerySymbol)} == {"ETHUSDT"}
    assert released(rig) == 1


def test_a_trade_under_way_goes_to_its_own_end_and_its_row_is_waited_for(rig: Rig) -> None:
    trade = rig.opened()
    rig.actor.receive(LEAVE)
    rig.plays(15_000)
    assert rig.tiny.protected()
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TIME_EXIT))
    rig.plays(2_000)
    assert rig.monitor.told(PositionClosed)
    assert released(rig) == 0
    rig.actor.receive(TradeRecorded(trade_id="another"))
    rig.context.advance(1_000)
    assert released(rig) == 0
    rig.actor.receive(TradeRecorded(trade_id=trade.trade_id))
    rig.context.advance(100)
    assert released(rig) == 1


def test_an_entry_that_waits_is_given_up(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens(msgspec.structs.replace(rig.plan(), leverage=3))
    rig.actor.receive(LEAVE)
    assert rig.monitor.expect(EntryFailed).detail == "leaving"
    rig.plays(1_000)
    assert rig.tiny.largest == 0


def test_while_it_leaves_no_other_entry_is_taken(rig: Rig) -> None:
    rig.opened()
    rig.actor.receive(LEAVE)
    rig.opens()
    assert rig.account.expect(EntryFailed).detail == "leaving"
    rig.actor.receive(CloseAll(reason=CloseReason.MANUAL))
    rig.plays(3_000)
    rig.opens()
    assert rig.account.told(EntryFailed)[-1].detail == "leaving"


def test_a_symbol_that_registers_again_stays(rig: Rig) -> None:
    trade = rig.opened()
    rig.actor.receive(LEAVE)
    rig.actor.receive(rig.registration())
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TIME_EXIT))
    rig.plays(3_000)
    rig.actor.receive(TradeRecorded(trade_id=trade.trade_id))
    rig.context.advance(1_000)
    assert released(rig) == 0
    rig.opens()
    assert rig.waiting(PlaceOrder)


def test_what_people_ordered_outlives_the_seat(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.operate(OperatorAction.PAUSE)
    rig.actor.receive(LEAVE)
    rig.ready(SYMBOL)
    rig.opens()
    assert rig.account.expect(EntryFailed).detail.startswith("paused")


def test_a_symbol_that_is_not_seated_is_nobodys_to_release(rig: Rig) -> None:
    rig.actor.receive(LEAVE)
    assert rig.supervisor.messages == []


# --------------------------------------------------------------------------------------------- an incarnation is over


@pytest.mark.parametrize("operated", [OperatorAction.PAUSE, OperatorAction.HALT])
def test_an_incarnation_that_is_over_keeps_no_order_of_people(rig: Rig, operated: OperatorAction) -> None:
    rig.ready(SYMBOL)
    rig.context.over = True
    with pytest.raises(IncarnationOverError):
        rig.operate(operated)
    assert rig.log == []


def test_one_that_is_over_begins_no_trade(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.context.over = True
    with pytest.raises(IncarnationOverError):
        rig.opens()
    assert rig.log == []
    assert rig.waiting(PlaceOrder) == []


def test_one_that_is_over_neither_closes_nor_asks(rig: Rig) -> None:
    rig.opened()
    rig.context.over = True
    with pytest.raises(IncarnationOverError):
        rig.actor.receive(CloseAll(reason=CloseReason.MANUAL))
    rig.actor.receive(AccountUpdate(ts_ms=2, reason="ORDER"))
    sent = list(rig.port.open)
    with pytest.raises(IncarnationOverError):
        rig.context.advance(ACCOUNT_EVERY_MS)
    assert rig.port.open == sent


def test_one_that_ends_while_it_writes_sends_nothing(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A write that takes so long that another incarnation has begun: it is on disk, and must stay there."""
    rig.ready(SYMBOL)
    append = rig.journal.append

    def slow(kind: str, key: str, body: bytes) -> int:
        seq = append(kind, key, body)
        rig.context.over = b'"SENT"' in body
        return seq

    monkeypatch.setattr(rig.journal, "append", slow)
    with pytest.raises(IncarnationOverError):
        rig.opens()
    assert b'"SENT"' in rig.journal.latest("bracket")[SYMBOL]
    assert rig.waiting(PlaceOrder) == []


def test_reports_are_news_of_the_user_stream(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.actor.receive(algo_report("web_1S"))
    assert rig.status().user_stream_ms is None  # it is not said to be up
    rig.actor.receive(UserStreamChanged(up=True, ts_ms=5))
    for news in (algo_report("web_1S"), AccountUpdate(ts_ms=2, reason="ORDER")):
        rig.context.advance(1_000)
        rig.actor.receive(news)
        assert rig.status().user_stream_ms == rig.now_ms
