"""Halted and flattened while it trades: in whatever state a trade is, it ends soon, once, and for the right reason."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.actors.exchange_rig import OVERVIEWS, Rig
from tests.domain.money_builders import SYMBOL
from tests.kit.builders import SETUP, symbol_state
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import (
    Done,
    ExchangeRequest,
    OrderKind,
    Outcome,
    PlaceOrder,
    PrepareSymbol,
    QuerySymbol,
    Refused,
    Unknown,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    CloseAll,
    ClosePosition,
    EntryFailed,
    PositionClosed,
    PositionOpened,
    SymbolReconciled,
)

PAUSE, _, FLATTEN, HALT, UNHALT = OperatorAction
SUSPENDED = Refused(code=-4400, text="Futures Trading Quantitative Rules violated.")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


Way = Callable[[Rig], None]


def planned(rig: Rig) -> None:
    """The entry waits for its leverage."""
    rig.tiny.leverage = 10
    for query in _read(rig):
        rig.answer(query, Done(value=symbol_state(leverage=10)))
    rig.opens()
    assert rig.waiting(PlaceOrder) == []
    assert rig.status().unsettled


def _read(rig: Rig) -> list[QuerySymbol]:
    rig.context.advance(30_000)
    return rig.waiting(QuerySymbol)


def in_flight(rig: Rig) -> None:
    rig.opens()
    assert rig.waiting(PlaceOrder)


def unknown(rig: Rig) -> None:
    """It arrived, but nobody heard of it."""
    rig.opens()
    (entry,) = rig.waiting(PlaceOrder)
    rig.tiny.now_ms = rig.now_ms
    rig.tiny.apply(entry)
    rig.tiny.events.clear()
    rig.answer(entry, Unknown(text="timeout"))
    assert rig.status().unknown_orders == 1


def filled(rig: Rig) -> None:
    """It is open, its stop is on its way."""
    rig.opens()
    rig.tiny.now_ms = rig.now_ms
    (entry,) = rig.waiting(PlaceOrder)
    rig.answer(entry, rig.tiny.apply(entry))
    rig.hears()
    assert [order.kind for order in rig.waiting(PlaceOrder)] == [OrderKind.STOP_MARKET]


def protected(rig: Rig) -> None:
    rig.opens()
    rig.plays(1_000)
    assert rig.tiny.protected()


def closing(rig: Rig) -> None:
    protected(rig)
    trade = rig.status().trades[SYMBOL]
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TIME_EXIT))


STATES: dict[Way, CloseReason | None] = {
    planned: CloseReason.ORDER_EXPIRED,
    in_flight: None,
    unknown: None,
    filled: None,
    protected: None,
    closing: CloseReason.TIME_EXIT,
}
"""The ways to each state of a trade, and how it ends where the order is not the cause."""


@pytest.mark.parametrize(("action", "reason"), [(HALT, CloseReason.HALT), (FLATTEN, CloseReason.MANUAL)])
@pytest.mark.parametrize("way", STATES, ids=lambda way: way.__name__)
@pytest.mark.parametrize("symbol", [SYMBOL, None])
def test_a_trade_in_any_state_ends_at_once_and_once(
    rig: Rig, way: Way, action: OperatorAction, reason: CloseReason, symbol: str | None
) -> None:
    rig.ready(SYMBOL)
    way(rig)
    rig.operate(action, symbol)
    assert rig.status().flattening == (SYMBOL,)
    began_ms = rig.now_ms
    while rig.status().flattening:
        rig.plays(100)
        assert rig.now_ms < began_ms + 10_000
    assert rig.endings() == [STATES[way] or reason]
    assert bool(rig.status().halted) == (action is HALT)
    assert bool(rig.closed_gates()) == (action is HALT)


@pytest.mark.parametrize("way", STATES, ids=lambda way: way.__name__)
def test_a_halt_goes_on_after_a_restart_with_nobody_registered(rig: Rig, way: Way) -> None:
    rig.ready(SYMBOL)
    way(rig)
    rig.operate(HALT)
    for request in rig.waiting(PlaceOrder):
        rig.tiny.apply(request)  # it arrives; the answer reaches nobody
    rig.tiny.events.clear()
    rig.start(rig.now_ms + 2_000)
    rig.plays(20_000)
    assert set(rig.endings()) == {STATES[way] or CloseReason.HALT}
    assert rig.status().halted == (SYMBOL,)
    assert rig.status().flattening == ()


def test_a_halt_that_was_kept_and_no_more_is_carried_out_after_a_restart(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    rig.opened()
    append = rig.journal.append

    def dies(kind: str, key: str, body: bytes) -> int:
        if kind == "bracket":
            raise OSError("the process ends here")
        return append(kind, key, body)

    monkeypatch.setattr(rig.journal, "append", dies)
    with pytest.raises(OSError, match="ends here"):
        rig.operate(HALT)
    monkeypatch.undo()
    rig.start(rig.now_ms + 2_000)
    assert rig.status().flattening == (SYMBOL,)
    rig.plays(10_000)
    assert rig.endings() == [CloseReason.HALT]


def test_a_flatten_goes_on_after_a_restart(rig: Rig) -> None:
    rig.opened()
    rig.operate(FLATTEN)
    rig.start(rig.now_ms + 2_000)
    assert rig.status().flattening == (SYMBOL,)
    rig.plays(10_000)
    assert rig.endings() == [CloseReason.MANUAL]
    assert rig.status().flattening == ()


def test_a_flatten_is_on_disk_before_the_reply(rig: Rig) -> None:
    trade = rig.opened()
    rig.operate(FLATTEN)
    assert b'"close_reason":"MANUAL"' in rig.journal.latest("bracket")[SYMBOL]
    assert trade.trade_id.encode() in rig.journal.latest("bracket")[SYMBOL]


def test_a_halt_works_while_the_symbols_own_actors_are_down(rig: Rig) -> None:
    rig.opened()
    rig.start(rig.now_ms + 1_000)
    rig.plays(2_000)
    told = len(rig.monitor.messages)
    rig.operate(HALT)
    rig.plays(5_000)
    assert rig.endings() == [CloseReason.HALT]
    assert len(rig.monitor.messages) == told
    rig.actor.receive(rig.registration())
    assert [message.reason for message in rig.monitor.told(PositionClosed)] == [CloseReason.HALT]
    assert rig.monitor.told(SymbolReconciled)[-1].trade is None
    assert set(rig.closed_gates()) == {Gate.HALTED}


def test_an_entry_that_waits_is_given_up_by_a_pause_too(rig: Rig) -> None:
    rig.ready(SYMBOL)
    planned(rig)
    rig.operate(PAUSE)
    assert rig.monitor.told(EntryFailed)[-1].detail == "paused: a test says so"
    rig.plays(3_000)
    assert rig.endings() == [CloseReason.ORDER_EXPIRED]
    assert rig.tiny.largest == 0


def test_a_paused_symbol_keeps_its_position_and_its_exits(rig: Rig) -> None:
    trade = rig.opened()
    rig.operate(PAUSE)
    rig.plays(20_000)
    assert rig.tiny.protected()
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TP_HIT))
    rig.plays(1_000)
    assert rig.endings() == [CloseReason.TP_HIT]


@pytest.mark.parametrize("action", [HALT, FLATTEN])
def test_no_entry_while_it_is_not_sure_to_be_flat(rig: Rig, action: OperatorAction) -> None:
    rig.opened()
    rig.operate(action)
    rig.operate(UNHALT)
    rig.plays(500)
    assert rig.tiny.position == 0
    assert rig.refused() == "flattening"
    rig.plays(3_000)
    rig.opens()
    rig.plays(1_000)
    assert rig.monitor.told(PositionOpened)
    assert rig.tiny.protected()


def test_exits_that_are_refused_are_tried_again_behind_a_stop(rig: Rig) -> None:
    rig.ready(SYMBOL)
    filled(rig)
    rig.operate(HALT)
    left = 5

    def refuses(request: ExchangeRequest) -> Outcome | None:
        nonlocal left
        if isinstance(request, PlaceOrder) and request.reduce_only and left:
            left -= 1
            return SUSPENDED
        return None

    rig.refuses = refuses
    rig.plays(1_000)
    assert rig.tiny.protected()
    rig.plays(6_000)
    assert rig.tiny.protected()
    assert rig.status().flattening == (SYMBOL,)
    rig.plays(15_000)
    assert left == 0
    assert rig.endings() == [CloseReason.HALT]
    assert rig.status().flattening == ()


def test_a_position_that_is_not_ours_is_not_touched(rig: Rig) -> None:
    rig.actor.receive(rig.registration())
    rig.operate(HALT)
    for _ in range(60):
        rig.context.advance(100)
        for request in [each for each in rig.port.open if not isinstance(each, OVERVIEWS)]:
            assert isinstance(request, PrepareSymbol | QuerySymbol)
            rig.answer(request, Done(value=SETUP if isinstance(request, PrepareSymbol) else symbol_state("0.5")))
    assert rig.status().reconciled
    assert rig.status().flattening == ()


def test_close_all_gives_up_or_closes_entries_on_their_way_too(rig: Rig) -> None:
    rig.ready(SYMBOL)
    in_flight(rig)
    rig.actor.receive(CloseAll(reason=CloseReason.DRAWDOWN_FLATTEN))
    rig.plays(3_000)
    assert rig.endings() == [CloseReason.DRAWDOWN_FLATTEN]
