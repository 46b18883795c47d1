"""What is ordered of the market, of conditional orders and in a person's name, on the wire and in the ledger."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.sim.server.kit import Client, Running, until


@pytest.fixture
def client(own: Running) -> Client:
    own.client.post_json("/sim/v1/reset", {})
    return own.client


def obey(client: Client, name: str, do: str, **fields: Any) -> None:
    reply = client.post_json(f"/sim/v1/{name}", {"symbol": "BTCUSDT", "do": do} | fields)
    assert (reply.status, reply.body) == (200, {"ok": True}), reply


def refused(client: Client, name: str, do: str, **fields: Any) -> str:
    reply = client.post_json(f"/sim/v1/{name}", {"symbol": "BTCUSDT", "do": do} | fields)
    assert reply.status == 400, reply
    assert isinstance(reply.body, str)
    return reply.body


def best(client: Client) -> tuple[Decimal, Decimal]:
    row = client.get("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT").body
    return Decimal(row["bidPrice"]), Decimal(row["askPrice"])


def contract(client: Client) -> Any:
    rows = {row["symbol"]: row for row in client.get("/fapi/v1/exchangeInfo").body["symbols"]}
    return rows["BTCUSDT"]


def tick_of(client: Client) -> Decimal:
    filters = {row["filterType"]: row for row in contract(client)["filters"]}
    return Decimal(filters["PRICE_FILTER"]["tickSize"])


def events(client: Client, event: str) -> list[Any]:
    return [line for line in client.ledger()["timeline"] if line["event"] == event]


def test_the_price_jumps_and_a_reset_brings_it_back(client: Client) -> None:
    before, _ = best(client)
    obey(client, "market", "price", to=str((before * 2).quantize(Decimal("0.1"))))
    until(lambda: best(client)[0] > before * Decimal("1.9") or None, "the price to jump")
    [line] = events(client, "MARKET")
    assert (line["symbol"], line["do"]) == ("BTCUSDT", "price")
    client.post_json("/sim/v1/reset", {})
    until(lambda: best(client)[0] < before * Decimal("1.1") or None, "the price to come back")


@pytest.mark.parametrize(("do", "seen"), [("crossed", lambda bid, ask: bid > ask), ("empty", lambda bid, _: bid == 0)])
def test_the_book_is_bent_for_a_while(client: Client, do: str, seen: Any) -> None:
    obey(client, "market", do, for_ms=400)
    until(lambda: seen(*best(client)) or None, "a bent book")
    until(lambda: 0 < best(client)[0] < best(client)[1] or None, "a book as it should be")


def test_status_and_filter_are_shown_and_obeyed(client: Client) -> None:
    obey(client, "market", "status", to="BREAK")
    assert contract(client)["status"] == "BREAK"
    assert client.market_order("BUY").status == 400
    obey(client, "market", "status", to="TRADING")
    tick = tick_of(client)
    obey(client, "market", "filter", tick_size=str(tick * 5))
    assert tick_of(client) == tick * 5
    bid, ask = best(client)
    assert bid < ask < bid * Decimal("1.01")
    client.post_json("/sim/v1/reset", {})
    assert (contract(client)["status"], tick_of(client)) == ("TRADING", tick)
    assert client.market_order("BUY").status == 200


def test_funding_settles_and_deleveraging_takes(client: Client) -> None:
    client.market_order("BUY")
    obey(client, "market", "funding", rate="0.001")
    [row] = client.ledger()["funding"]
    assert Decimal(row["amount_usdt"]) < 0
    until(
        lambda: client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT").body["lastFundingRate"] == "0.001" or None,
        "the rate to be shown",
    )
    obey(client, "market", "adl", quantity="0.004")
    assert [position["position_amt"] for position in client.ledger()["positions"]] == ["0.006"]
    assert events(client, "ADL")


@pytest.mark.parametrize(
    ("do", "status"), [("stuck_triggering", "TRIGGERING"), ("vanish", None), ("expire", "EXPIRED")]
)
def test_a_stop_suffers(client: Client, do: str, status: str | None) -> None:
    client.market_order("BUY")
    client.stop_order("SELL", "1000.0", clientAlgoId="stop")
    obey(client, "algo", do)
    found = client.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="stop")
    assert (found.body.get("algoStatus"), found.status) == (status, 400 if status is None else 200)


def test_a_person_trades(client: Client) -> None:
    obey(client, "user", "open", side="SHORT", quantity="0.01")
    obey(client, "user", "increase", quantity="0.02")
    obey(client, "user", "leverage", leverage=40)
    client.stop_order("BUY", "900000.0")
    obey(client, "user", "cancel_stop")
    [position] = client.ledger()["positions"]
    assert (position["position_amt"], position["leverage"]) == ("-0.030", 40)
    obey(client, "user", "close")
    assert client.ledger()["positions"] == []
    assert [line["do"] for line in events(client, "USER")] == ["open", "increase", "leverage", "cancel_stop", "close"]


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("market", {"symbol": "NOPE", "do": "freeze", "for_ms": 5}, ("symbol", "NOPE")),
        ("market", {"do": "price", "to": "0"}, ("price", "0")),
        ("market", {"do": "filter", "tick_size": "0.33"}, ("tick_size", "0.33")),
        ("market", {"do": "adl", "quantity": "1"}, ("position",)),
        ("algo", {"do": "vanish"}, ("stop",)),
        ("user", {"do": "close"}, ("position",)),
        ("user", {"do": "increase", "quantity": "1"}, ("position",)),
        ("user", {"do": "dance"}, ("do", "dance")),
    ],
)
def test_what_cannot_be_done_is_said(client: Client, name: str, fields: dict[str, Any], words: tuple[str, ...]) -> None:
    text = refused(client, name, **({"do": ""} | fields))
    assert [word for word in words if word not in text] == []


def test_a_query_may_see_the_past(client: Client) -> None:
    client.market_order("BUY", newClientOrderId="unseen")
    for path in ("/fapi/v1/order", "/fapi/v3/positionRisk", "/fapi/v3/account", "/fapi/v3/balance"):
        client.fault("lag:60000", method="GET", path=path)
    late = client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="unseen")
    assert (late.status, late.code) == (400, -2013)
    assert client.signed("GET", "/fapi/v3/positionRisk").body == []
    account = client.signed("GET", "/fapi/v3/account").body
    assert (account["totalWalletBalance"], account["positions"]) == ("10000", [])
    assert client.signed("GET", "/fapi/v3/balance").body[0]["crossWalletBalance"] == "10000.00000000"
    assert client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="unseen").status == 200
    assert len(client.signed("GET", "/fapi/v3/positionRisk").body) == 1
