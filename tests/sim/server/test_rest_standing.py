from __future__ import annotations

from decimal import Decimal

from tests.sim.server.kit import Client


def test_the_balance_is_the_accounts(client: Client) -> None:
    client.market_order("BUY")
    for version in (2, 3):
        [row] = client.signed("GET", f"/fapi/v{version}/balance").body
        [asset] = client.signed("GET", "/fapi/v3/account").body["assets"]
        assert row["asset"] == "USDT"
        assert row["balance"] == asset["walletBalance"]
        assert Decimal(row["crossWalletBalance"]) < Decimal(row["balance"])


def test_limits_and_places_in_the_queue(client: Client) -> None:
    limits = client.signed("GET", "/fapi/v1/rateLimit/order").body
    assert [(row["interval"], row["intervalNum"], row["limit"]) for row in limits] == [
        ("SECOND", 10, 300), ("MINUTE", 1, 1_200),
    ]  # fmt: skip
    assert client.signed("GET", "/fapi/v1/adlQuantile").body == []
    client.market_order("SELL")
    [row] = client.signed("GET", "/fapi/v1/adlQuantile", symbol="BTCUSDT").body
    assert (row["symbol"], row["adlQuantile"]["BOTH"]) == ("BTCUSDT", 1)
