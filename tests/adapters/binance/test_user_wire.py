from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from tests.adapters.binance.resources import user_frames
from tests.kit.recordings import recording
from vortex.adapters.binance.rows import algo_kind
from vortex.adapters.binance.user_wire import REPORTED, UserReport, decode_user, read_head
from vortex.domain.order import (
    AccountUpdate,
    AlgoReport,
    AlgoStatus,
    ConfigUpdate,
    FillAnnounced,
    MarginCall,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    TriggerRejected,
)


def name_of(frame: bytes) -> str:
    return read_head(frame)[0].name


def reports() -> list[UserReport]:
    decoded = [decode_user(name_of(frame), frame) for frame in user_frames()]
    return [report for report in decoded if report is not None]


def test_every_recorded_event_is_known() -> None:
    assert {name_of(frame) for frame in user_frames()} <= REPORTED


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


@pytest.mark.parametrize(("reason", "moved"), [("DEPOSIT", "-25.5"), ("WITHDRAW", "-25.5"), ("FUNDING_FEE", "0")])
def test_money_that_came_or_went_is_told_from_what_was_earned(reason: str, moved: str) -> None:
    balance = b'{"a":"USDT","wb":"974.5","cw":"974.5","bc":"-25.5"}'
    frame = b'{"e":"ACCOUNT_UPDATE","E":1,"T":1,"a":{"m":"%b","B":[%b],"P":[]}}' % (reason.encode(), balance)
    update = decode_user("ACCOUNT_UPDATE", frame)
    assert isinstance(update, AccountUpdate)
    assert (update.wallet_usdt, update.transferred_usdt) == (Decimal("974.5"), Decimal(moved))


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


@pytest.mark.parametrize(
    ("frame", "report"),
    [
        (
            b'{"e":"TRADE_LITE","E":3,"T":2,"s":"ETHUSDT","c":"v7-main-ETHUSDT-1-1E","t":446,"i":8389765739703625592}',
            FillAnnounced(
                symbol="ETHUSDT", client_id="v7-main-ETHUSDT-1-1E", order_id=8389765739703625592, fill_id=446, ts_ms=2
            ),
        ),
        (
            b'{"e":"ACCOUNT_CONFIG_UPDATE","E":3,"T":2,"ac":{"s":"BTCUSDT","l":25}}',
            ConfigUpdate(ts_ms=2, symbol="BTCUSDT", leverage=25),
        ),
        (b'{"e":"ACCOUNT_CONFIG_UPDATE","E":3,"T":2,"ai":{"j":true}}', ConfigUpdate(ts_ms=2, multi_assets=True)),
        (
            b'{"e":"MARGIN_CALL","E":3,"cw":"3.1","p":[{"s":"ETHUSDT","ps":"BOTH","pa":"1"},{"s":"BTCUSDT"}]}',
            MarginCall(ts_ms=3, symbols=("ETHUSDT", "BTCUSDT")),
        ),
        (
            b'{"e":"CONDITIONAL_ORDER_TRIGGER_REJECT","E":3,"T":2,"or":{"s":"ETHUSDT","i":15561,"r":"no margin"}}',
            TriggerRejected(symbol="ETHUSDT", order_id=15561, reason="no margin", ts_ms=2),
        ),
    ],
)
def test_what_else_the_account_is_told(frame: bytes, report: UserReport) -> None:
    assert decode_user(name_of(frame), frame) == report


@pytest.mark.parametrize("wrapping", ['{"stream":"k","data":%s}', '{"subscriptionId":0,"event":%s}'])
def test_a_wrapped_event_is_the_event(wrapping: str) -> None:
    head, frame = read_head((wrapping % '{"e":"eventStreamTerminated","E":5}').encode())
    assert (head.name, head.event_ms) == ("eventStreamTerminated", 5)
    assert frame == b'{"e":"eventStreamTerminated","E":5}'


@pytest.mark.parametrize("status", list(AlgoStatus))
def test_every_state_of_a_conditional_order(status: AlgoStatus) -> None:
    frame = next(frame for frame in user_frames() if b'"STOP_MARKET"' in frame and b'"X":"NEW"' in frame)
    report = decode_user("ALGO_UPDATE", frame.replace(b'"X":"NEW"', f'"X":"{status}"'.encode()))
    assert isinstance(report, AlgoReport)
    assert report.status is status


def test_a_fee_in_another_asset_keeps_its_asset() -> None:
    frame = next(frame for frame in user_frames() if b'"x":"TRADE"' in frame)
    report = decode_user("ORDER_TRADE_UPDATE", frame.replace(b'"N":"USDT"', b'"N":"BNB"'))
    assert isinstance(report, OrderReport)
    assert report.fill is not None
    assert (report.fill.commission, report.fill.commission_asset) == (Decimal("0.309000500"), "BNB")


@pytest.mark.parametrize(
    ("event", "body"),
    [
        ("ACCOUNT_CONFIG_UPDATE", b'{"T":1}'),
        ("MARGIN_CALL", b"{}"),
        ("TRADE_LITE", b'{"T":1}'),
        ("CONDITIONAL_ORDER_TRIGGER_REJECT", b'{"T":1}'),
        ("ORDER_TRADE_UPDATE", b"{}"),
        ("ALGO_UPDATE", b"{}"),
        ("ACCOUNT_UPDATE", b"{}"),
    ],
)
def test_an_event_without_what_it_must_have_is_refused(event: str, body: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_user(event, body)


def test_events_without_a_report() -> None:
    assert decode_user("GRID_UPDATE", b"{}") is None


@pytest.mark.parametrize("frame", [b"[]", b"{}", b'{"stream":"x"}', b'{"e":5}', b"", b"{"])
def test_what_is_no_event_is_refused(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        read_head(frame)


@pytest.mark.shared
def test_every_published_example_is_understood() -> None:
    seen = []
    for line in recording("payloads/payloads.jsonl").read_bytes().splitlines():
        example = msgspec.json.decode(line)["payload"]
        event = example.get("data", example) if isinstance(example, dict) else {}
        if not isinstance(event, dict) or event.get("e") not in REPORTED:
            continue
        head, frame = read_head(msgspec.json.encode(example))
        seen.append(head.name)
        report = decode_user(head.name, frame)
        assert head.event_ms == event["E"]
        _check(event, report)
    assert {name: seen.count(name) for name in seen} == {
        "ALGO_UPDATE": 6, "ORDER_TRADE_UPDATE": 5, "TRADE_LITE": 2, "ACCOUNT_UPDATE": 1,
    }  # fmt: skip


def _check(event: dict[str, Any], report: UserReport | None) -> None:
    """The report says what the published event says."""
    order = event.get("o", event)
    match report:
        case None:
            assert algo_kind(order["o"]) is None
        case OrderReport():
            assert (report.client_id, report.order_id, report.status) == (order["c"], order["i"], order["X"])
            assert report.executed_quantity == Decimal(order["z"])
            assert (report.fill is None) == (order["x"] != "TRADE")
        case AlgoReport():
            assert (report.client_id, report.algo_id, report.status) == (order["caid"], order["aid"], order["X"])
            assert (report.trigger_price, report.child_order_id or "") == (
                Decimal(order["tp"]),
                int(order["ai"]) if order["ai"] else "",
            )
        case FillAnnounced():
            assert (report.client_id, report.order_id, report.fill_id) == (event["c"], event["i"], event["t"])
        case AccountUpdate():
            assert report.wallet_usdt == Decimal("122624.12345678")
            assert [position.amount for position in report.positions] == [0]
        case _:
            raise AssertionError(report)
