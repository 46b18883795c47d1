from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.adapters.binance.resources import user_frames
from vortex.adapters.binance.user_wire import QUIET, REPORTED, UserReport, decode_user, event_type
from vortex.domain.order import AccountUpdate, AlgoReport, AlgoStatus, OrderKind, OrderReport, OrderSide, OrderStatus


def reports() -> list[UserReport]:
    decoded = [decode_user(event_type(frame), frame) for frame in user_frames()]
    return [report for report in decoded if report is not None]


def test_every_recorded_event_is_known() -> None:
    assert {event_type(frame) for frame in user_frames()} <= REPORTED | QUIET


def test_an_entry_is_new_then_filled_with_its_execution() -> None:
    orders = [report for report in reports() if isinstance(report, OrderReport) and report.client_id.endswith("E")]
    assert [order.status for order in orders] == [OrderStatus.NEW, OrderStatus.FILLED]
    new, filled = orders
    assert new.fill is None
    assert (filled.executed_quantity, filled.average_price) == (Decimal("0.010"), Decimal("61800.10000000"))
    fill = filled.fill
    assert fill is not None
    assert (fill.fill_id, fill.order_id, fill.client_id, fill.side) == (1, 1, "v7-main-BTCUSDT-1-1E", OrderSide.BUY)
    assert (fill.quantity, fill.price) == (Decimal("0.010"), Decimal("61800.10"))
    assert (fill.commission, fill.commission_asset) == (Decimal("0.309000500"), "USDT")
    assert (fill.realized_pnl, fill.maker, fill.ts_ms) == (Decimal(0), False, 1795382388990)


def test_a_take_profit_lives_from_new_to_finished_and_names_its_child() -> None:
    algos = [report for report in reports() if isinstance(report, AlgoReport) and report.client_id.endswith("T")]
    assert [algo.status for algo in algos] == [
        AlgoStatus.NEW, AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED, AlgoStatus.FINISHED,
    ]  # fmt: skip
    assert [algo.child_order_id for algo in algos] == [None, None, 2, 2]
    assert {(algo.kind, algo.side, algo.close_position) for algo in algos} == {
        (OrderKind.TAKE_PROFIT_MARKET, OrderSide.SELL, True)
    }
    assert algos[0].trigger_price == Decimal("61800.2")


def test_account_updates_hold_wallet_and_position() -> None:
    updates = [report for report in reports() if isinstance(report, AccountUpdate)]
    assert [update.reason for update in updates] == ["MARGIN_TYPE_CHANGE", "ORDER", "ORDER"]
    opened = updates[1]
    assert opened.wallet_usdt == Decimal("9999.690999500")
    assert opened.positions[0].amount == Decimal("0.010")
    assert opened.positions[0].isolated_wallet_usdt == Decimal("61.80010")
    assert updates[2].positions[0].amount == 0


def test_positions_of_hedge_mode_and_other_assets_are_not_ours() -> None:
    frame = (
        b'{"e":"ACCOUNT_UPDATE","T":1,"E":1,"a":{"m":"FUNDING_FEE","B":[{"a":"BNB","wb":"3"}],'
        b'"P":[{"s":"BTCUSDT","pa":"1","ep":"2","ps":"LONG"}]}}'
    )
    assert decode_user("ACCOUNT_UPDATE", frame) == AccountUpdate(ts_ms=1, reason="FUNDING_FEE")


def test_a_conditional_order_of_another_type_gives_no_report() -> None:
    frame = next(frame for frame in user_frames() if b'"STOP_MARKET"' in frame)
    assert decode_user("ALGO_UPDATE", frame.replace(b'"STOP_MARKET"', b'"TRAILING_STOP_MARKET"')) is None


@pytest.mark.parametrize("wire", [("NEW_INSURANCE", "NEW"), ("NEW_ADL", "NEW"), ("EXPIRED_IN_MATCH", "EXPIRED")])
def test_states_of_the_exchange_s_own_orders(wire: tuple[str, str]) -> None:
    frame = next(frame for frame in user_frames() if b'"x":"NEW"' in frame)
    report = decode_user("ORDER_TRADE_UPDATE", frame.replace(b'"X":"NEW"', f'"X":"{wire[0]}"'.encode()))
    assert isinstance(report, OrderReport)
    assert report.status == OrderStatus(wire[1])


def test_an_unknown_state_is_refused() -> None:
    frame = next(frame for frame in user_frames() if b'"x":"NEW"' in frame)
    with pytest.raises(msgspec.MsgspecError):
        decode_user("ORDER_TRADE_UPDATE", frame.replace(b'"X":"NEW"', b'"X":"SOMETHING"'))


def test_events_without_a_report() -> None:
    assert decode_user("MARGIN_CALL", b"{}") is None
    with pytest.raises(msgspec.MsgspecError):
        event_type(b"[]")
