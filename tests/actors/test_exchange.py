"""The exchange actor: what becomes durable before what leaves, who is told, and who goes first."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import NOW, SYMBOL, plan
from tests.kit.builders import SELL, algo_report, fill, order_report, symbol_state
from vortex.actors.exchange import ACCOUNT_EVERY_MS
from vortex.actors.sender import MAX_ASKING, MAX_IN_FLIGHT
from vortex.domain.operation import Gate
from vortex.domain.order import (
    ZERO,
    AccountState,
    AccountUpdate,
    CancelOrder,
    Done,
    MarginCall,
    OrderKind,
    PlaceOrder,
    PrepareSymbol,
    QueryAccount,
    QueryOrder,
    QuerySymbol,
    Unknown,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    CloseAll,
    ClosePosition,
    DeregisterSymbol,
    EntryFailed,
    GateClosed,
    GateOpened,
    PositionClosed,
    PositionOpened,
    PositionProtected,
    SymbolReconciled,
    SymbolReleased,
    TradeRecorded,
    UserStreamChanged,
)

TIMEOUT = Unknown(text="timeout")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


# ------------------------------------------------------------------------------------------- beginning and gates


def test_it_starts_its_port_and_takes_a_new_epoch_each_time(rig: Rig) -> None:
    assert rig.port.recipient is rig.context.address
    first = int(rig.journal.latest("epoch")["main"])
    assert first == NOW // 1_000
    rig.start(NOW - 86_400_000)  # the clock went back a day
    assert int(rig.journal.latest("epoch")["main"]) == first + 1


def test_a_symbol_is_prepared_read_and_then_introduced(rig: Rig) -> None:
    rig.actor.receive(rig.registration())
    assert [closed.gate for closed in rig.supervisor.told(GateClosed)] == [Gate.USER_STREAM]
    assert not rig.status().reconciled
    rig.ready(SYMBOL)
    for probe in (rig.account, rig.decision, rig.monitor, rig.supervisor):
        assert [message.trade for message in probe.told(SymbolReconciled)] == [None]
    assert rig.status().reconciled


def test_a_later_listener_hears_the_truth_at_once(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.actor.receive(rig.registration())
    for probe in (rig.account, rig.decision, rig.monitor):
        assert probe.expect(SymbolReconciled).symbol == SYMBOL


def test_the_user_stream_gates_entries_and_raises_doubt(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.context.advance(300)
    rig.actor.receive(UserStreamChanged(up=True, ts_ms=5))
    assert rig.supervisor.expect(GateOpened).gate is Gate.USER_STREAM
    assert rig.status().user_stream_ms == 5
    rig.answer(rig.waiting(QuerySymbol)[0], Done(value=symbol_state()))
    rig.context.advance(300)
    rig.actor.receive(UserStreamChanged(up=False, ts_ms=6, detail="closed by the server"))
    closed = rig.supervisor.expect(GateClosed)
    assert (closed.gate, closed.detail) == (Gate.USER_STREAM, "closed by the server")
    assert rig.status().user_stream_ms is None
    assert rig.waiting(QuerySymbol)


def test_a_foreign_position_keeps_the_gate_closed_after_the_reconciliation(rig: Rig) -> None:
    rig.actor.receive(rig.registration())
    rig.context.advance(0)
    rig.answer(rig.waiting(PrepareSymbol)[0], rig.tiny.apply(rig.waiting(PrepareSymbol)[0]))
    rig.context.advance(300)
    rig.supervisor.unread()
    rig.answer(rig.waiting(QuerySymbol)[0], Done(value=symbol_state("0.5")))
    rig.supervisor.expect(SymbolReconciled)  # which opens the gate
    closed = rig.supervisor.expect(GateClosed)
    assert (closed.gate, closed.detail) == (Gate.EXCHANGE, "a position of 0.5 is not ours")
    for _ in range(6):  # one empty answer is no evidence that it has gone
        rig.context.advance(2_000)
        assert Gate.EXCHANGE in rig.closed_gates()
        rig.answer(rig.waiting(QuerySymbol)[0], Done(value=symbol_state()))
    assert Gate.EXCHANGE not in rig.closed_gates()


# ------------------------------------------------------------------------------------------- order of effects


def test_an_intent_is_durable_before_its_request_leaves(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    names = [name for name, _ in rig.log]
    assert names[-2:] == ["journal bracket", "send"]
    (entry,) = rig.waiting(PlaceOrder)
    body = rig.log[-2][1]
    assert isinstance(body, bytes)
    assert entry.client_id.encode() in body
    assert b'"SENT"' in body


def test_every_order_of_a_trade_is_durable_before_it_leaves(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    rig.plays(1_000)
    orders = [index for index, (name, what) in enumerate(rig.log) if name == "send" and isinstance(what, PlaceOrder)]
    assert len(orders) == 3
    assert {rig.log[index - 1][0] for index in orders} == {"journal bracket"}


def test_an_end_is_durable_before_anyone_hears_of_it_and_before_the_trade_is_forgotten(rig: Rig) -> None:
    trade = rig.opened()
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TIME_EXIT))
    rig.plays(1_000)
    names = [name for name, what in rig.log if name.startswith("journal") or isinstance(what, PositionClosed)]
    kept = names.index("journal ended")
    assert names[kept + 1 : kept + 4] == ["account", "decision", "monitor"]
    assert b"" not in [
        what for name, what in rig.log[: rig.log.index(("monitor", rig.monitor.told(PositionClosed)[0]))]
    ]
    assert rig.journal.latest("bracket") == {}
    assert list(rig.journal.latest("ended")) == [trade.trade_id]


# ------------------------------------------------------------------------------------------- who is told what


def test_a_trade_is_told_from_opening_to_close(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    rig.plays(1_000)
    for probe in (rig.account, rig.decision, rig.monitor):
        assert len(probe.told(PositionOpened)) == 1
    assert rig.monitor.told(PositionProtected)[-1].protected
    trade = rig.status().trades[SYMBOL]
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id=trade.trade_id, reason=CloseReason.TP_HIT))
    rig.plays(1_000)
    for probe in (rig.account, rig.decision, rig.monitor):
        (closed,) = probe.told(PositionClosed)
        assert (closed.reason, closed.trade.trade_id) == (CloseReason.TP_HIT, trade.trade_id)
    assert rig.status().trades == {}
    assert rig.tiny.resting == []


def test_an_entry_on_a_stale_book_fails_at_once_and_nothing_leaves(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens(plan(book_ms=rig.now_ms - 501))
    for probe in (rig.account, rig.decision, rig.monitor):
        assert probe.expect(EntryFailed).reason is CloseReason.ORDER_EXPIRED
    assert rig.waiting(PlaceOrder) == []


def test_a_second_entry_is_refused_to_those_who_reserved_and_has_no_row(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    rig.opens()
    for probe in (rig.account, rig.decision):
        assert probe.expect(EntryFailed).detail == "not free"
    assert rig.monitor.unread() == []
    assert len(rig.waiting(PlaceOrder)) == 1


def test_an_entry_or_exit_of_a_symbol_that_has_not_registered_yet_crashes_nothing(rig: Rig) -> None:
    rig.opens()
    assert rig.account.expect(EntryFailed).detail == "not free"
    rig.actor.receive(ClosePosition(symbol=SYMBOL, trade_id="trade-1", reason=CloseReason.SL_HIT))
    assert rig.port.open == []
    assert rig.status().reconciled  # no symbol, nothing to reconcile


def test_close_all_closes_every_open_trade(rig: Rig) -> None:
    rig.opened()
    rig.actor.receive(CloseAll(reason=CloseReason.DRAWDOWN_FLATTEN))
    rig.plays(1_000)
    assert rig.monitor.told(PositionClosed)[0].reason is CloseReason.DRAWDOWN_FLATTEN


def test_a_person_who_closes_more_than_our_position_leaves_us_an_exact_trade(rig: Rig) -> None:
    trade = rig.opened()
    rig.actor.receive(MarginCall(ts_ms=rig.now_ms, symbols=(SYMBOL,)))  # so it is looked at
    rig.context.advance(300)
    (query,) = rig.waiting(QuerySymbol)
    flip = fill(90, "0.3", side=SELL, client_id="web_1", order_id=90, at_ms=rig.now_ms, fee="9")
    state = symbol_state("-0.2", fills=(*rig.tiny.fills, flip))
    rig.answer(query, Done(value=state))
    closed = rig.monitor.told(PositionClosed)[0]
    assert [(each.quantity, each.commission) for each in closed.exit_fills] == [(trade.quantity, Decimal(3))]
    assert closed.reason is CloseReason.EXTERNAL


def test_without_listeners_a_trade_is_still_protected(rig: Rig) -> None:
    rig.opened()
    rig.tiny.cancelled_by_a_person(rig.tiny.resting[0].client_id)  # its stop, while the process is down
    rig.tiny.events.clear()
    rig.start(rig.now_ms + 1_000)
    rig.plays(1_000)
    assert rig.tiny.protected()
    assert rig.status().trades[SYMBOL].protected
    assert rig.monitor.told(PositionClosed) == []


# ------------------------------------------------------------------------------------------- lanes and limits


SYMBOLS = tuple(f"S{number:02d}USDT" for number in range(20))


def test_at_most_sixteen_requests_are_under_way_and_the_rest_follow(rig: Rig) -> None:
    rig.ready(*SYMBOLS)
    for symbol in SYMBOLS:
        rig.opens(rig.plan(symbol))
    assert len(rig.waiting(PlaceOrder)) == MAX_IN_FLIGHT
    assert {request.symbol for request in rig.waiting(PlaceOrder)} == set(SYMBOLS[:MAX_IN_FLIGHT])
    rig.answer(rig.waiting(PlaceOrder)[0], TIMEOUT)
    assert len(rig.waiting(PlaceOrder)) == MAX_IN_FLIGHT
    assert rig.status().orders_1m == MAX_IN_FLIGHT + 1


def test_a_stop_and_a_close_leave_although_nobody_else_is_answered(rig: Rig) -> None:
    rig.ready(*SYMBOLS)
    entering, leaving = SYMBOLS[-2:]
    rig.opens(rig.plan(leaving))
    (entry,) = rig.waiting(PlaceOrder)
    for symbol in (*SYMBOLS[:MAX_IN_FLIGHT], entering):
        rig.opens(rig.plan(symbol))
    under_way = rig.waiting(PlaceOrder)
    assert len(under_way) == MAX_IN_FLIGHT
    rig.answer(entry, Done(value=order_report(entry.client_id, caused_by=fill(at_ms=rig.now_ms))))
    stop = next(order for order in rig.waiting(PlaceOrder) if order.kind is OrderKind.STOP_MARKET)
    assert stop.symbol == leaving
    rig.answer(stop, Done(value=algo_report(stop.client_id)))
    take_profit = next(order for order in rig.waiting(PlaceOrder) if order.kind is OrderKind.TAKE_PROFIT_MARKET)
    rig.answer(take_profit, Done(value=algo_report(take_profit.client_id)))
    trade_id = rig.status().trades[leaving].trade_id
    before = rig.waiting(PlaceOrder)
    rig.actor.receive(ClosePosition(symbol=leaving, trade_id=trade_id, reason=CloseReason.SL_HIT))
    assert [order.symbol for order in rig.waiting(PlaceOrder) if order not in before] == [leaving]
    assert entering not in {order.symbol for order in rig.waiting(PlaceOrder)}


def test_questions_that_nobody_answers_keep_no_entry_waiting(rig: Rig) -> None:
    trading, *silent = SYMBOLS
    rig.ready(trading)
    for symbol in silent:
        rig.actor.receive(rig.registration(symbol))
    rig.context.advance(100)
    assert len(rig.waiting(PrepareSymbol)) == MAX_ASKING
    rig.opens(rig.plan(trading))
    assert [order.symbol for order in rig.waiting(PlaceOrder)] == [trading]
    rig.answer(rig.waiting(PrepareSymbol)[0], TIMEOUT)
    assert len(rig.waiting(PrepareSymbol)) == MAX_ASKING


def test_account_money_is_asked_for_regularly_and_at_once_when_it_moved(rig: Rig) -> None:
    rig.ready(SYMBOL)
    state = AccountState(ts_ms=1, wallet_usdt=ZERO, unrealized_usdt=ZERO, available_usdt=ZERO)
    (query,) = rig.waiting(QueryAccount)
    rig.answer(query, Done(value=state))
    assert rig.account.expect(AccountState) is state
    rig.context.advance(ACCOUNT_EVERY_MS)
    rig.answer(rig.waiting(QueryAccount)[0], TIMEOUT)
    assert rig.account.unread() == []
    rig.actor.receive(AccountUpdate(ts_ms=2, reason="ORDER"))
    rig.context.advance(100)
    assert rig.waiting(QueryAccount)


def test_requests_have_the_timeouts_of_their_lanes(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    assert (type(rig.port.open[-1]), rig.port.timeouts[-1]) == (PlaceOrder, 2_000)
    rig.answer(rig.waiting(PlaceOrder)[0], TIMEOUT)
    rig.context.advance(300)
    assert (type(rig.port.open[-1]), rig.port.timeouts[-1]) == (QueryOrder, 4_000)
    assert 5_000 in rig.port.timeouts  # the account's


# ------------------------------------------------------------------------------------------- odds and ends


def test_what_belongs_to_no_symbol_of_ours_is_ignored(rig: Rig) -> None:
    rig.actor.receive(order_report("web_1"))
    rig.actor.receive(algo_report("web_1S"))
    assert rig.log == [("journal epoch", str(NOW // 1_000).encode())]


def test_a_symbol_that_comes_back_uses_no_id_again(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.opens()
    rig.plays(1_000)
    rig.actor.receive(CloseAll(reason=CloseReason.MANUAL))
    rig.plays(1_000)
    (closed,) = rig.monitor.told(PositionClosed)
    rig.actor.receive(TradeRecorded(trade_id=closed.trade.trade_id))
    rig.actor.receive(DeregisterSymbol(symbol=SYMBOL))
    assert rig.supervisor.told(SymbolReleased)
    rig.ready(SYMBOL)
    rig.opens()
    rig.plays(1_000)
    assert max(rig.tiny.sent.values()) == 1


def test_stopping_stops_the_port(rig: Rig) -> None:
    rig.actor.stopping()
    assert rig.port.recipient is None


def test_cancels_and_stops_speak_of_the_algo_book(rig: Rig) -> None:
    rig.opened()
    rig.actor.receive(CloseAll(reason=CloseReason.MANUAL))
    rig.plays(1_000)
    cancels = [what for _, what in rig.log if isinstance(what, CancelOrder)]
    assert len(cancels) == 2
    assert all(cancel.conditional for cancel in cancels)
    kinds = [what.kind for _, what in rig.log if isinstance(what, PlaceOrder)]
    assert kinds == [OrderKind.MARKET]
