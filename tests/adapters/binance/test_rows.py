from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.adapters.binance.resources import reply
from vortex.adapters.binance import rows, symbol_rows
from vortex.domain.order import AlgoStatus, OrderKind, OrderSide, OrderStatus


def test_order() -> None:
    order = rows.order_report(reply("POST /fapi/v1/order"))
    assert (order.client_id, order.side, order.status) == ("v7-main-BTCUSDT-1-1E", OrderSide.BUY, OrderStatus.FILLED)
    assert (order.executed_quantity, order.average_price) == (Decimal("0.010"), Decimal("61800.10000000"))


@pytest.mark.parametrize("field", ["orderId", "clientOrderId", "status", "executedQty", "avgPrice", "side"])
def test_an_order_without_a_field_proves_nothing(field: str) -> None:
    row = reply("POST /fapi/v1/order")
    with pytest.raises(msgspec.ValidationError):
        rows.order_report({name: value for name, value in row.items() if name != field})


@pytest.mark.parametrize("nothing", [{}, [], "", "<html>", None])
def test_no_order_at_all_proves_nothing(nothing: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        rows.order_report(nothing)


def test_algo() -> None:
    algo = rows.algo_report(reply("POST /fapi/v1/algoOrder"))
    assert algo is not None
    assert (algo.kind, algo.status, algo.close_position) == (OrderKind.STOP_MARKET, AlgoStatus.NEW, True)
    assert (algo.algo_id, algo.child_order_id) == (1, None)


def test_an_algo_of_another_type_or_with_the_older_field_name() -> None:
    row = reply("POST /fapi/v1/algoOrder")
    assert rows.algo_report(row | {"orderType": "TRAILING_STOP_MARKET"}) is None
    older = {name: value for name, value in row.items() if name != "orderType"} | {"type": "STOP_MARKET"}
    assert rows.algo_report(older) == rows.algo_report(row)


@pytest.mark.parametrize(("text", "expected"), [(None, None), ("", None), ("0", None), ("42", 42)])
def test_child_id(text: str | None, expected: int | None) -> None:
    assert rows.child_id(text) == expected


def test_fills_take_their_client_id_from_the_order() -> None:
    trades = reply("GET /fapi/v1/userTrades")
    assert rows.fills(trades, {1: "mine"})[0].client_id == "mine"
    fill = rows.fills(trades, {})[0]
    assert (fill.client_id, fill.price, fill.commission) == ("", Decimal("61800.10"), Decimal("0.309000500"))


def test_position() -> None:
    position = rows.position(reply("GET /fapi/v2/positionRisk"), "BTCUSDT")
    assert (position.amount, position.entry_price, position.leverage) == (Decimal("0.010"), Decimal("61800.10"), 10)
    assert position.liquidation_price is not None
    assert position.liquidation_price < position.entry_price


def test_flat_needs_a_row_that_says_so() -> None:
    row = reply("GET /fapi/v2/positionRisk")[0]
    flat = rows.position([row | {"positionAmt": "0", "liquidationPrice": "0"}], "BTCUSDT")
    assert flat.amount == 0
    assert flat.liquidation_price is None
    for no_evidence in ([], [row | {"symbol": "ETHUSDT"}], [row | {"positionSide": "LONG"}]):
        with pytest.raises(LookupError):
            rows.position(no_evidence, "BTCUSDT")


def test_account() -> None:
    account = rows.account_state(reply("GET /fapi/v3/account"), 5)
    assert (account.ts_ms, account.wallet_usdt, account.unrealized_usdt) == (5, Decimal(10_000), Decimal(0))
    with pytest.raises(LookupError):
        rows.account_state({"assets": []}, 5)


def test_rules() -> None:
    rules = symbol_rows.tradable_rules(reply("GET /fapi/v1/exchangeInfo"))["BTCUSDT"]
    assert (rules.tick_size, rules.step_size) == (Decimal("0.10"), Decimal("0.001"))
    assert (rules.min_quantity, rules.max_quantity) == (Decimal("0.001"), Decimal(120))
    assert rules.min_notional_usdt == Decimal(50)


@pytest.mark.parametrize("change", [{"status": "BREAK"}, {"contractType": "CURRENT_QUARTER"}, {"quoteAsset": "USDC"}])
def test_only_trading_usdt_perpetuals_are_tradable(change: dict[str, str]) -> None:
    info = reply("GET /fapi/v1/exchangeInfo")
    symbols = {"symbols": [info["symbols"][0] | change]}
    assert symbol_rows.tradable_rules(symbols) == {}
    assert symbol_rows.listed(symbols) == ({"BTCUSDT"} if "status" in change else set())


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("PRICE_FILTER", {"tickSize": "0"}),
        ("PRICE_FILTER", {"tickSize": "NaN"}),
        ("PRICE_FILTER", {"tickSize": "small"}),
        ("LOT_SIZE", {"stepSize": "0", "minQty": "0"}),
        ("MIN_NOTIONAL", {"filterType": "ANOTHER"}),
    ],
)
def test_a_symbol_with_odd_filters_is_left_out_and_takes_no_other_with_it(kind: str, change: dict[str, str]) -> None:
    info = reply("GET /fapi/v1/exchangeInfo")["symbols"][0]
    filters = [item | change if item["filterType"] in (kind, f"MARKET_{kind}") else item for item in info["filters"]]
    odd = info | {"symbol": "ODDUSDT", "filters": filters}
    assert set(symbol_rows.tradable_rules({"symbols": [odd, info]})) == {"BTCUSDT"}


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "sNaN"])
def test_what_is_no_number_is_no_answer(number: str) -> None:
    order, fill = reply("POST /fapi/v1/order"), reply("GET /fapi/v1/userTrades")[0]
    position, account = reply("GET /fapi/v2/positionRisk")[0], reply("GET /fapi/v3/account")
    with pytest.raises(msgspec.ValidationError):
        rows.order_report(order | {"executedQty": number})
    with pytest.raises(msgspec.ValidationError):
        rows.fills([fill | {"commission": number}], {})
    with pytest.raises(msgspec.ValidationError):
        rows.position([position | {"positionAmt": number}], "BTCUSDT")
    with pytest.raises(msgspec.ValidationError):
        rows.account_state({"assets": [account["assets"][0] | {"walletBalance": number}]}, 5)


def test_the_stricter_of_the_two_lot_filters_counts() -> None:
    info = reply("GET /fapi/v1/exchangeInfo")["symbols"][0]
    for item in info["filters"]:
        if item["filterType"] == "MARKET_LOT_SIZE":
            item |= {"stepSize": "0.01", "minQty": "0.02", "maxQty": "30"}
    rules = symbol_rows.tradable_rules({"symbols": [info]})["BTCUSDT"]
    assert (rules.step_size, rules.min_quantity, rules.max_quantity) == (Decimal("0.01"), Decimal("0.02"), Decimal(30))


def test_tiers_are_exact_decimals_from_the_bottom_up() -> None:
    brackets = reply("GET /fapi/v1/leverageBracket")
    brackets[0]["brackets"].reverse()
    tiers = symbol_rows.tiers(brackets, "BTCUSDT")
    assert (tiers[0].floor_usdt, tiers[0].maintenance_rate) == (Decimal(0), Decimal("0.004"))
    assert tiers[0].max_leverage == 125
    assert [tier.floor_usdt for tier in tiers] == sorted(tier.floor_usdt for tier in tiers)
    with pytest.raises(LookupError):
        symbol_rows.tiers(brackets, "ETHUSDT")


def test_margin_type() -> None:
    config = reply("GET /fapi/v1/symbolConfig")
    assert symbol_rows.margin_type(config, "BTCUSDT") == "CROSSED"
    with pytest.raises(LookupError):
        symbol_rows.margin_type(config, "ETHUSDT")
