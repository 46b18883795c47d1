from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.sim.server.kit import SYMBOLS, Client, Running
from vortex.sim.server.text import ROWS_AT_ONCE


@pytest.fixture
def client(own: Running) -> Iterator[Client]:
    own.client.ahead_ms = own.client.get("/sim/v1/clock").body["now_ms"] - time.time() * 1_000
    yield own.client
    own.client.post_json("/sim/v1/clock", {"speed": 1.0, "offset_ms": 0})


def test_the_market_names_its_source_and_its_generated_part(client: Client) -> None:
    market = client.get("/sim/v1/market").body
    assert market["sources"] == [
        {"label": "recording of 2024-08-08, replicated", "symbols": list(SYMBOLS), "replicated": True}
    ]
    assert market["label"] == "recording of 2024-08-08, replicated"
    now_ms = client.get("/sim/v1/clock").body["now_ms"]
    assert all(abs(until_ms - now_ms) < 120_000 for until_ms in market["generated_before_ms"].values())


def test_speed_scales_the_whole_clock(client: Client) -> None:
    assert client.post_json("/sim/v1/clock", {"speed": 50.0}).body == {"ok": True}
    first_s, first = time.monotonic(), client.get("/sim/v1/clock").body
    time.sleep(0.1)
    second = client.get("/sim/v1/clock").body
    elapsed_ms = (time.monotonic() - first_s) * 1_000
    assert first["speed"] == 50.0
    assert 50 * 100 <= second["now_ms"] - first["now_ms"] <= 50 * elapsed_ms


def test_an_offset_shifts_what_clients_see_and_nothing_else(client: Client) -> None:
    client.post_json("/sim/v1/clock", {"offset_ms": 3_600_000})
    own_ms = client.get("/sim/v1/clock").body["now_ms"]
    shown_ms = client.get("/fapi/v1/time").body["serverTime"]
    assert own_ms <= shown_ms - 3_600_000 <= client.get("/sim/v1/clock").body["now_ms"]
    assert client.signed("GET", "/fapi/v3/account").code == -1021
    book = client.get("/fapi/v1/depth", symbol="BTCUSDT").body
    assert book["E"] - own_ms > 3_590_000
    shifted_ms = client.get("/fapi/v1/time").body["serverTime"]
    asset = client.signed("GET", "/fapi/v3/account", timestamp=shifted_ms).body["assets"][0]
    assert asset["updateTime"] - own_ms > 3_590_000
    assert client.get("/sim/v1/ledger").body["now_ms"] - own_ms < 60_000


def test_fills_are_found_by_shown_times(client: Client) -> None:
    client.post_json("/sim/v1/clock", {"offset_ms": -600_000})
    sent_ms = client.get("/fapi/v1/time").body["serverTime"]
    client.market_order("BUY", timestamp=sent_ms)
    client.market_order("SELL", timestamp=sent_ms, reduceOnly="true")
    found = client.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", startTime=sent_ms, timestamp=sent_ms).body
    assert {fill["side"] for fill in found} == {"BUY", "SELL"}
    assert all(sent_ms <= fill["time"] < sent_ms + 60_000 for fill in found)


@pytest.mark.parametrize(
    "body",
    [
        "", "{", "[]", "{}", "[" * 10_000, '{"speed": 0}', '{"speed": -1}', '{"speed": "fast"}', '{"speed": NaN}',
        '{"speed": 1e400}', '{"speed": true}', '{"offset": 5}', '{"offset_ms": 0.5}', '{"offset_ms": 1e30}',
        '{"speed": 2, "offset_ms": 1000000000001}', f'{{"offset_ms": -{"9" * 50}}}',
    ],
)  # fmt: skip
def test_a_bad_command_is_answered_in_words_and_changes_nothing(client: Client, body: str) -> None:
    reply = client.send("POST", "/sim/v1/clock", body)
    assert reply.status == 400
    assert isinstance(reply.body, str)
    assert reply.body
    clock = client.get("/sim/v1/clock").body
    assert set(clock) == {"now_ms", "speed"}
    assert clock["speed"] == 1.0
    assert abs(client.get("/fapi/v1/time").body["serverTime"] - clock["now_ms"]) < 10_000


@pytest.mark.parametrize(
    ("method", "command"),
    [
        ("PUT", "faults"), ("GET", "faults/1"), ("GET", "stream"), ("GET", "algo"), ("DELETE", "user"),
        ("PUT", "reset"), ("PUT", "clock"), ("POST", "ledger"), ("GET", ""),
    ],
)  # fmt: skip
def test_what_is_no_command_here_is_named(client: Client, method: str, command: str) -> None:
    reply = client.send(method, f"/sim/v1/{command}", "{}")
    assert (reply.status, reply.body) == (404, f"no command {method} /sim/v1/{command}")


def test_an_unknown_command_is_no_unknown_path(client: Client) -> None:
    assert client.get("/sim/v1/nothing").status == 404
    assert client.get("/sim/v1/requests").body["unknown"] == {}


TEXT, FLAG, NUMBER = str, bool, int
ORDER = {
    "order_id": NUMBER, "client_id": TEXT, "symbol": TEXT, "side": TEXT, "type": TEXT, "qty": TEXT,
    "reduce_only": FLAG, "close_position": FLAG, "status": TEXT, "code": NUMBER, "executed_qty": TEXT,
    "avg_price": TEXT, "received_ms": NUMBER, "states": list,
}  # fmt: skip
SHAPES: dict[str, dict[str, type]] = {
    "positions": {
        "symbol": TEXT, "position_amt": TEXT, "entry_price": TEXT, "mark_price": TEXT, "leverage": NUMBER,
        "isolated_wallet_usdt": TEXT, "liq_price": TEXT, "unrealized_pnl_usdt": TEXT,
    },
    "orders": ORDER,
    "algo_orders": ORDER | {"algo_id": NUMBER, "trigger_price": TEXT, "working_type": TEXT, "child_order_id": NUMBER},
    "fills": {
        "id": NUMBER, "order_id": NUMBER, "client_id": TEXT, "symbol": TEXT, "side": TEXT, "qty": TEXT, "price": TEXT,
        "commission": TEXT, "commission_asset": TEXT, "realized_pnl": TEXT, "maker": FLAG, "ts_ms": NUMBER,
    },
    "timeline": {
        "seq": NUMBER, "ts_ms": NUMBER, "symbol": TEXT, "event": TEXT, "position_amt": TEXT, "stop_working": FLAG,
    },
}  # fmt: skip
NULLABLE = {"order_id", "algo_id", "code", "child_order_id", "liq_price"}


def fits(name: str, value: object, kind: type) -> bool:
    return type(value) is kind or (value is None and name in NULLABLE)


def test_the_ledger_has_every_field_in_its_type(client: Client) -> None:
    client.market_order("BUY")
    client.market_order("BUY", "0")
    client.stop_order("SELL", "1000.0")
    client.stop_order("SELL", "1000.0")
    ledger = client.get("/sim/v1/ledger").body
    assert set(ledger) == {"now_ms", "wallet_usdt", "funding", *SHAPES}
    assert (type(ledger["now_ms"]), type(ledger["wallet_usdt"]), ledger["funding"]) == (NUMBER, TEXT, [])
    for part, shape in SHAPES.items():
        assert ledger[part]
        for row in ledger[part]:
            assert {name: row[name] for name, kind in shape.items() if not fits(name, row[name], kind)} == {}
    assert {(row["status"], row["code"], row["order_id"]) for row in ledger["orders"]} >= {("REJECTED", -4003, None)}
    assert [row["code"] for row in ledger["algo_orders"]] == [None, -4130]
    assert all(set(state) == {"ts_ms", "status"} for row in ledger["orders"] for state in row["states"])
    client.flatten()


def test_the_ledger_goes_out_bit_by_bit(own: Running, client: Client) -> None:
    for _ in range(45):  # each order leaves four lines in the timeline: more than one piece
        client.market_order("BUY")
        client.market_order("SELL", reduceOnly="true")
    client.flatten()  # no position: nothing in the ledger moves with the market
    sent, made = client.get("/sim/v1/ledger").body, own.do(lambda server: server.venue.core.ledger(0))
    assert len(made["timeline"]) > ROWS_AT_ONCE
    assert sent | {"now_ms": 0} == made
