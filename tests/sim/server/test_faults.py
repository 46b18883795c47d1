"""Every fault of the HTTP side, on the wire and in the ledger."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from http.client import IncompleteRead
from pathlib import Path
from typing import Any

import pytest

from tests.sim.server.kit import TIMEOUT_S, Client, Reply, Running, options_of, running, until

ORDER = "/fapi/v1/order"


@pytest.fixture
def client(own: Running) -> Client:
    own.client.post_json("/sim/v1/reset", {})
    own.client.post_json("/sim/v1/clock", {"speed": 1.0})
    own.client.patience_s = 20.0
    own.client.ahead_ms = own.client.get("/sim/v1/clock").body["now_ms"] - time.time() * 1_000
    return own.client


def orders_placed(client: Client) -> list[str]:
    return [order["client_id"] for order in client.ledger()["orders"]]


def buy(client: Client, name: str = "f") -> Reply:
    return client.market_order("BUY", newClientOrderId=name)


def raw_buy(client: Client, name: str = "f") -> Reply:
    """The reply as text, whatever it holds."""
    client.send = client.raw  # type: ignore[method-assign]  # for one call
    try:
        return buy(client, name)
    finally:
        del client.send


# -------------------------------------------------------------------------------------------------------- which fires


def test_a_rule_fires_from_nth_on_as_often_as_told(client: Client) -> None:
    rule = client.fault("code:-2019", nth=2, times=2)
    assert [buy(client, f"f{number}").status for number in range(4)] == [200, 400, 400, 200]
    assert orders_placed(client) == ["f0", "f3"]
    [row] = client.get("/sim/v1/faults").body
    assert row == {
        "id": rule, "method": "POST", "path": ORDER, "symbol": None, "nth": 2, "times": 2, "do": "code:-2019",
        "seen": 4, "hits": 2,
    }  # fmt: skip


def test_counting_begins_with_the_posting(client: Client) -> None:
    buy(client)
    client.fault("code:-2019")
    assert buy(client).code == -2019


def test_of_those_due_the_first_posted_fires_alone_and_all_count(client: Client) -> None:
    client.fault("code:-1111", nth=2)
    client.fault("code:-2019", times=3)
    client.fault("code:-4164", nth=3)
    assert [buy(client).code for _ in range(3)] == [-2019, -1111, -2019]
    rows = client.get("/sim/v1/faults").body
    assert [(row["seen"], row["hits"]) for row in rows] == [(3, 1), (3, 2), (3, 0)]


@pytest.mark.parametrize(
    ("rule", "hits"),
    [
        ({"method": "*", "path": "*"}, 3),
        ({"method": "GET", "path": "*"}, 2),
        ({"method": "*", "path": "/fapi/v1/depth"}, 2),
        ({"method": "GET", "path": "/fapi/v1/depth", "symbol": "XRPUSDT"}, 1),
        ({"method": "GET", "path": "/fapi/v1/dept"}, 0),
        ({"method": "*", "path": "*", "symbol": "ETHUSDT"}, 0),
    ],
)
def test_what_a_rule_matches(client: Client, rule: dict[str, str], hits: int) -> None:
    client.fault("delay:0", times=9, **rule)
    client.get("/fapi/v1/depth", symbol="BTCUSDT")
    client.get("/fapi/v1/depth", symbol="XRPUSDT", limit=5)
    client.signed("POST", "/fapi/v1/leverage", symbol="XRPUSDT", leverage=5)
    client.get("/sim/v1/clock")
    [row] = client.get("/sim/v1/faults").body
    assert row["hits"] == row["seen"] == hits


def test_rules_are_deleted_one_by_one_or_all(client: Client) -> None:
    first, second, third = (client.fault("code:-2019", nth=99) for _ in range(3))
    assert client.send("DELETE", f"/sim/v1/faults/{second}").body == {"ok": True}
    assert [row["id"] for row in client.get("/sim/v1/faults").body] == [first, third]
    assert client.send("DELETE", f"/sim/v1/faults/{second}").status == 404
    assert client.send("DELETE", "/sim/v1/faults/x").status == 404
    assert client.send("DELETE", "/sim/v1/faults").body == {"ok": True}
    assert client.get("/sim/v1/faults").body == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"do": "explode"}, ("do", "explode", "timeout_after_apply")),
        ({"do": "delay:soon"}, ("do", "delay:soon")),
        ({"do": "delay:99999999999"}, ("do", "delay:99999999999")),
        ({"do": "code:2019"}, ("do", "code:2019")),
        ({"do": "http:200"}, ("do", "http:200")),
        ({"do": "http:499"}, ("do", "http:499")),
        ({"do": "http:429@after"}, ("do", "http:429@after")),
        ({"do": "http:429:999999999"}, ("do", "999999999")),
        ({"do": 7}, ("do", "7")),
        ({"method": "FETCH"}, ("method", "FETCH")),
        ({"path": "fapi/v1/order"}, ("path", "fapi/v1/order")),
        ({"path": "/fapi/v1/order?symbol=A"}, ("path", "?symbol=A")),
        ({"path": "/fapi/v1/*"}, ("path", "/fapi/v1/*")),
        ({"path": "/sim/v1/ledger"}, ("path", "/sim/v1/ledger")),
        ({"symbol": 5}, ("symbol", "5")),
        ({"nth": 0}, ("nth", "0")),
        ({"times": "often"}, ("times", "often")),
        ({"when": "now"}, ("when", "now")),
    ],
)
def test_a_malformed_rule_is_refused_by_field_and_value(
    client: Client, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    order = {"method": "POST", "path": ORDER, "do": "truncate"} | change
    reply = client.post_json("/sim/v1/faults", order)
    assert reply.status == 400
    assert [word for word in words if word not in reply.body] == []
    assert client.get("/sim/v1/faults").body == []


@pytest.mark.parametrize("body", ["", "[]", "{", "{}", '{"method": "POST", "path": "*"}'])
def test_what_is_no_rule_at_all(client: Client, body: str) -> None:
    reply = client.send("POST", "/sim/v1/faults", body)
    assert reply.status == 400
    assert reply.body


# ----------------------------------------------------------------------------------------------------------- effects


def hangs(client: Client) -> None:
    client.patience_s = 0.3
    with pytest.raises(TimeoutError):
        buy(client)
    client.patience_s = 20.0
    until(client.faults_noted, "the request, which nobody waits for any more, to arrive")


def is_reset(client: Client) -> None:
    with pytest.raises(ConnectionResetError):
        buy(client)


def is_cut(client: Client) -> None:
    with pytest.raises(IncompleteRead) as broken:
        buy(client)
    cut = broken.value.partial
    assert broken.value.expected
    assert abs(len(cut) - broken.value.expected) <= 1
    with pytest.raises(json.JSONDecodeError):
        json.loads(cut)


def replies(status: int, text: str = "", code: int | None = None, retry: str | None = None) -> Callable[[Client], None]:
    def check(client: Client) -> None:
        reply = raw_buy(client)
        assert reply.status == status
        assert text in reply.body
        assert code is None or json.loads(reply.body)["code"] == code
        assert reply.headers.get("RETRY-AFTER") == retry
        assert reply.headers["X-MBX-USED-WEIGHT-1M"].isdigit()

    return check


def is_empty(client: Client) -> None:
    reply = raw_buy(client)
    assert (reply.status, reply.body) == (200, "")


EFFECTS: list[tuple[str, Callable[[Client], None], bool]] = [
    ("timeout_after_apply", hangs, True),
    ("timeout_before_apply", hangs, False),
    ("reset_after_apply", is_reset, True),
    ("reset_before_apply", is_reset, False),
    ("truncate", is_cut, True),
    ("empty_200", is_empty, True),
    ("html_200", replies(200, "<html>"), True),
    ("http:503_unknown", replies(503, "Unknown error, please check your request or try again later."), True),
    ("http:503", replies(503, "Service Unavailable."), False),
    ("http:429", replies(429, code=-1003, retry="1"), False),
    ("http:429:7", replies(429, code=-1003, retry="7"), False),
    ("http:418", replies(418, "banned", code=-1003, retry="1"), False),
    ("http:418:30", replies(418, code=-1003, retry="30"), False),
    ("http:502", replies(502, "Bad Gateway."), False),
    ("http:504@after", replies(504, "Gateway Timeout."), True),
    ("code:-2019", replies(400, "Margin is insufficient.", code=-2019), False),
    ("code:-2015", replies(401, code=-2015), False),
    ("code:-1008", replies(503, code=-1008), False),
    ("code:-1007", replies(408, code=-1007), False),
    ("code:-1015", replies(429, code=-1015, retry="1"), False),
    ("code:-9999", replies(400, code=-9999), False),
    ("code:-1006@after", replies(500, "Execution status unknown.", code=-1006), True),
    ("json:{}", replies(200, "{}"), True),
    ('json:[{"a": NaN', replies(200, '[{"a": NaN'), True),
    ("delay:0", replies(200, "clientOrderId"), True),
]


@pytest.mark.parametrize(("do", "check", "applied"), EFFECTS, ids=[effect[0] for effect in EFFECTS])
def test_an_effect_on_the_wire_and_in_the_ledger(
    client: Client, do: str, check: Callable[[Client], None], *, applied: bool
) -> None:
    rule = client.fault(do)
    check(client)
    if applied:
        until(lambda: orders_placed(client), "the order, which is on its way for some milliseconds")
    assert orders_placed(client) == (["f"] if applied else [])
    [noted] = client.faults_noted()
    assert noted["symbol"] == "BTCUSDT"
    assert (noted["position_amt"], noted["stop_working"]) == ("0", False)
    assert (noted["do"], noted["id"], noted["method"], noted["path"]) == (do, str(rule), "POST", ORDER)
    assert buy(client, "next").status == 200


HELD_MS = 2_500
"""Longer than a busy machine runs somebody else."""


def test_a_delay_holds_the_reply_back_and_not_the_order(client: Client) -> None:
    client.fault(f"delay:{HELD_MS}")
    began_s = time.monotonic()
    order = buy(client).body
    assert time.monotonic() - began_s >= HELD_MS / 1_000
    [row] = client.ledger()["orders"]
    assert order["status"] == "FILLED"
    [noted] = client.faults_noted()
    assert row["received_ms"] - noted["ts_ms"] < HELD_MS


def test_a_delay_is_of_the_exchanges_clock(client: Client) -> None:
    client.post_json("/sim/v1/clock", {"speed": 100.0})
    client.fault("delay:20000", method="GET", path="/fapi/v1/time")
    began_s = time.monotonic()
    client.get("/fapi/v1/time")
    assert 0.2 <= time.monotonic() - began_s < 5.0


def test_a_request_that_names_no_symbol_is_noted_without_one(client: Client) -> None:
    client.fault("http:503", method="GET", path="/fapi/v1/time")
    assert client.get("/fapi/v1/time").status == 503
    [noted] = client.faults_noted()
    assert (noted["symbol"], noted["position_amt"], noted["stop_working"]) == (None, None, None)


def test_the_id_of_a_conditional_order_names_its_symbol(client: Client) -> None:
    client.market_order("BUY")
    assert client.stop_order("SELL", "1000.0", clientAlgoId="named").status == 200
    client.fault("code:-1021", method="*", path="/fapi/v1/algoOrder", symbol="BTCUSDT", times=9)
    assert client.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="named").code == -1021
    assert client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="named").code == -1021
    assert client.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="nobody").code == -2013
    assert client.signed("GET", "/fapi/v1/algoOrder", algoId="x").code == -1102
    assert [line["symbol"] for line in client.faults_noted()] == ["BTCUSDT"] * 2


def test_a_limit_by_rule_bans_nothing(client: Client) -> None:
    client.fault("http:418:60", method="GET", path="/fapi/v1/time", times=20)
    assert {client.get("/fapi/v1/time").status for _ in range(20)} == {418}
    assert client.get("/fapi/v1/time").status == 200


def test_an_unknown_path_can_be_broken_too(client: Client) -> None:
    client.fault("json:[]", method="GET", path="/sapi/v1/system/status")
    assert client.get("/sapi/v1/system/status").body == []


def test_a_stop_does_not_wait_for_held_requests(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vortex.sim.server.app.STOP_TIMEOUT_S", 2 * TIMEOUT_S)  # who waits so long is not waited for
    with running(options_of(capture)) as server, socket.create_connection(("127.0.0.1", server.port), 20.0) as held:
        server.client.fault("timeout_after_apply", method="GET", path="/fapi/v1/time")
        held.sendall(b"GET /fapi/v1/time HTTP/1.1\r\nHost: sim\r\n\r\n")
        until(lambda: server.client.get("/sim/v1/faults").body[0]["hits"], "the request to be held")
        server.stop_server()
        assert held.recv(1_000) == b""
