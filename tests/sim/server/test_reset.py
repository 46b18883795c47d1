from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path

from tests.sim.server.kit import Client, options_of, running


def clients_orders(client: Client) -> list[str]:
    return [order["client_id"] for order in client.ledger()["orders"]]


def test_a_reset_begins_anew_and_the_market_goes_on(capture: Path) -> None:
    with running(options_of(capture, balance_usdt=Decimal(5_000))) as server:
        client = server.client
        client.market_order("BUY")
        client.stop_order("SELL", "1000.0")
        client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=3)
        client.get("/no/such/path")
        client.fault("code:-2019", nth=5)
        client.post_json("/sim/v1/stream", {"do": "silence", "route": "public", "for_ms": 60_000})
        client.post_json("/sim/v1/clock", {"offset_ms": 1_000_000})
        assert client.post_json("/sim/v1/reset", {}).body == {"ok": True}
        ledger = client.ledger()
        assert (ledger.pop("wallet_usdt"), ledger.pop("now_ms") > 0) == ("5000", True)
        assert {name: rows for name, rows in ledger.items() if rows} == {}
        assert client.get("/sim/v1/faults").body == []
        assert client.get("/sim/v1/requests").body == {"known": {}, "unknown": {}}
        assert abs(client.get("/fapi/v1/time").body["serverTime"] - time.time() * 1_000) < 5_000
        assert client.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT").body[0]["leverage"] == 20
        assert client.signed("GET", "/fapi/v1/openAlgoOrders").body == []
        order = client.market_order("SELL").body
        assert (order["status"], order["orderId"]) == ("FILLED", 1)


def test_what_is_on_disk_is_reset_too(capture: Path, tmp_path: Path) -> None:
    options = options_of(capture, state=tmp_path / "sim.db")
    with running(options) as server:
        for number in range(3):
            server.client.market_order("BUY", newClientOrderId=f"old{number}")
    with running(options) as server:
        assert len(clients_orders(server.client)) == 3
        server.client.post_json("/sim/v1/reset", {})
        server.client.market_order("BUY", newClientOrderId="new")
        last = server.client.ledger()
    with running(options) as server:
        again = server.client.ledger()
        assert clients_orders(server.client) == ["new"]
        assert again["timeline"] == last["timeline"]
        assert again["wallet_usdt"] == last["wallet_usdt"]
