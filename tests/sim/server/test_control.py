from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.server.kit import SYMBOLS, Client, Running, options_of, running


@pytest.fixture(scope="module")
def own(capture: Path) -> Iterator[Running]:
    """An exchange whose clock these tests may turn."""
    with running(options_of(capture)) as server:
        yield server


@pytest.fixture
def client(own: Running) -> Iterator[Client]:
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
    assert 3_599_000 < client.get("/fapi/v1/time").body["serverTime"] - own_ms < 3_601_000
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
    "body", [{}, {"speed": 0}, {"speed": -1}, {"speed": "fast"}, {"offset": 5}, [], {"offset_ms": 0.5}]
)
def test_a_bad_command_is_answered_in_words(client: Client, body: object) -> None:
    reply = client.post_json("/sim/v1/clock", body)
    assert reply.status == 400
    assert reply.body


def test_an_unknown_command_is_no_unknown_path(client: Client) -> None:
    assert client.get("/sim/v1/nothing").status == 404
    assert client.get("/sim/v1/requests").body["unknown"] == {}


def test_the_ledger_has_its_parts(client: Client) -> None:
    ledger = client.get("/sim/v1/ledger").body
    parts = {"now_ms", "wallet_usdt", "positions", "orders", "algo_orders", "fills", "funding", "timeline"}
    assert set(ledger) == parts
