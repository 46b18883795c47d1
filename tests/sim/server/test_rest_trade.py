"""Order endpoints beyond market orders and close-position stops, over the wire."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sim.server.kit import Client, Reply


@pytest.fixture
def quiet(client: Client) -> Client:
    """Nothing rests before the test and nothing after it is left to the next one."""
    for symbol in ("BTCUSDT", "XRPUSDT"):
        client.signed("DELETE", "/fapi/v1/allOpenOrders", symbol=symbol)
    return client


def price(client: Client, factor: str) -> str:
    """A tick near the market, so many times the best bid."""
    best = Decimal(client.get("/fapi/v1/depth", symbol="BTCUSDT").body["bids"][0][0])
    return f"{(best * Decimal(factor)).quantize(Decimal('0.1')):f}"


def limit(client: Client, side: str, at: str, **params: Any) -> Reply:
    order = {"symbol": "BTCUSDT", "side": side, "type": "LIMIT", "timeInForce": "GTC", "quantity": "0.010", "price": at}
    return client.signed("POST", "/fapi/v1/order", **(order | {"newOrderRespType": "RESULT"} | params))


def test_a_limit_order_rests_is_amended_and_cancelled(quiet: Client) -> None:
    at, lower = price(quiet, "0.99"), price(quiet, "0.98")
    placed = limit(quiet, "BUY", at, newClientOrderId="rest-1").body
    assert (placed["status"], placed["type"], placed["timeInForce"], placed["price"]) == ("NEW", "LIMIT", "GTC", at)
    assert [row["clientOrderId"] for row in quiet.signed("GET", "/fapi/v1/openOrders").body] == ["rest-1"]
    assert limit(quiet, "BUY", at, newClientOrderId="rest-1").code == -4116
    change = {"symbol": "BTCUSDT", "side": "BUY", "origClientOrderId": "rest-1", "quantity": "0.020", "price": lower}
    amended = quiet.signed("PUT", "/fapi/v1/order", **change)
    assert "X-MBX-ORDER-COUNT-1M" in amended.headers
    assert (amended.body["orderId"], amended.body["price"], amended.body["origQty"]) == (
        placed["orderId"],
        lower,
        "0.020",
    )
    assert quiet.signed("PUT", "/fapi/v1/order", **change).code == -5027
    account = quiet.signed("GET", "/fapi/v3/account").body
    assert Decimal(account["totalOpenOrderInitialMargin"]) > 0
    gone = quiet.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="rest-1").body
    assert gone["status"] == "CANCELED"
    history = quiet.signed("GET", "/fapi/v1/allOrders", symbol="BTCUSDT", orderId=placed["orderId"]).body
    assert [row["status"] for row in history if row["clientOrderId"] == "rest-1"] == ["CANCELED"]


@pytest.mark.parametrize(("tif", "factor", "code"), [("GTX", "1.01", -5022), ("FOK", "0.99", -5021)])
def test_a_limit_order_that_insists(quiet: Client, tif: str, factor: str, code: int) -> None:
    assert limit(quiet, "BUY", price(quiet, factor), timeInForce=tif).code == code


def test_an_order_that_takes_at_once(quiet: Client) -> None:
    order = limit(quiet, "BUY", price(quiet, "1.01"), timeInForce="IOC").body
    assert (order["status"], order["executedQty"]) == ("FILLED", "0.010")


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"timeInForce": ""}, -1102),
        ({"timeInForce": "NOW"}, -1115),
        ({"price": "1"}, -4164),
        ({"price": "1", "quantity": "100"}, None),
        ({"price": "999999.9"}, -4016),
        ({"positionSide": "LONG"}, -4061),
    ],
)
def test_limit_orders_refused(quiet: Client, params: dict[str, str], code: int | None) -> None:
    reply = limit(quiet, "BUY", price(quiet, "0.99"), **params)
    if code is None:  # far below the market a buyer may rest
        assert reply.body["status"] == "NEW"
        quiet.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=reply.body["orderId"])
    else:
        assert reply.code == code


def conditional(client: Client, kind: str, **params: Any) -> Reply:
    order = {"algoType": "CONDITIONAL", "symbol": "BTCUSDT", "side": "SELL", "type": kind, "quantity": "0.010"}
    return client.signed("POST", "/fapi/v1/algoOrder", **(order | params))


def test_conditional_orders_of_every_kind(quiet: Client) -> None:
    low, high = price(quiet, "0.9"), price(quiet, "1.1")
    rows = [
        conditional(quiet, "STOP", triggerPrice=low, price=low, timeInForce="IOC").body,
        conditional(quiet, "TAKE_PROFIT", triggerPrice=high, price=high).body,
        conditional(quiet, "TRAILING_STOP_MARKET", callbackRate="1.5", activatePrice=high, reduceOnly="true").body,
    ]
    assert [row["orderType"] for row in rows] == ["STOP", "TAKE_PROFIT", "TRAILING_STOP_MARKET"]
    assert (rows[0]["price"], rows[0]["timeInForce"]) == (low, "IOC")
    assert (rows[2]["callbackRate"], rows[2]["activatePrice"], rows[2]["triggerPrice"]) == ("1.5", high, "0")
    quiet.signed("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")
    history = quiet.signed("GET", "/fapi/v1/allAlgoOrders", symbol="BTCUSDT", algoId=rows[0]["algoId"]).body
    assert [(row["algoId"], row["algoStatus"]) for row in history] == [(row["algoId"], "CANCELED") for row in rows]


@pytest.mark.parametrize(
    ("kind", "params", "code"),
    [
        ("TRAILING_STOP_MARKET", {}, -1102),
        ("TRAILING_STOP_MARKET", {"callbackRate": "11"}, -2007),
        ("STOP", {"triggerPrice": "30000"}, -1102),
        ("STOP_MARKET", {}, -1102),
        ("STOP_MARKET", {"triggerPrice": "30000", "price": "30000"}, -1106),
        ("TRAILING_STOP_MARKET", {"callbackRate": "1", "closePosition": "true", "quantity": ""}, -4136),
    ],
)
def test_conditional_orders_refused(quiet: Client, kind: str, params: dict[str, str], code: int) -> None:
    assert conditional(quiet, kind, **params).code == code


def test_the_countdown_is_started_and_stopped(quiet: Client) -> None:
    resting = limit(quiet, "BUY", price(quiet, "0.99")).body
    reply = quiet.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=60_000)
    assert reply.body == {"symbol": "BTCUSDT", "countdownTime": "60000"}
    assert quiet.signed("POST", "/fapi/v1/countdownCancelAll", symbol="BTCUSDT", countdownTime=0).status == 200
    assert quiet.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=resting["orderId"]).status == 200
