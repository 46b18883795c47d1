from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.sim.server.kit import SYMBOLS, Client, options_of, running, until

KEY = {"X-MBX-APIKEY": "paper"}


def some_trades(client: Client) -> Any:
    def three() -> Any:
        found = client.get("/fapi/v1/trades", symbol="BTCUSDT", limit=3).body
        return found if len(found) == 3 else None

    return until(three, "three trades")


def test_trades_are_the_newest_and_can_be_paged(client: Client) -> None:
    newest = some_trades(client)
    assert [row["id"] for row in newest] == sorted(row["id"] for row in newest)
    assert Decimal(newest[0]["quoteQty"]) == Decimal(newest[0]["price"]) * Decimal(newest[0]["qty"])
    page = client.send("GET", f"/fapi/v1/historicalTrades?symbol=BTCUSDT&fromId={newest[0]['id']}&limit=2", "", KEY)
    assert page.body == newest[:2]
    assert len(client.send("GET", "/fapi/v1/historicalTrades?symbol=BTCUSDT&limit=1", "", KEY).body) == 1
    assert client.get("/fapi/v1/historicalTrades", symbol="BTCUSDT").code == -2014


@pytest.mark.parametrize("name", ["v1/ticker/price", "v2/ticker/price", "v1/ticker/bookTicker", "v1/ticker/24hr"])
def test_tickers_of_one_symbol_or_of_all(client: Client, name: str) -> None:
    assert client.get(f"/fapi/{name}", symbol="XRPUSDT").body["symbol"] == "XRPUSDT"
    assert {row["symbol"] for row in client.get(f"/fapi/{name}").body} == set(SYMBOLS)
    assert client.get(f"/fapi/{name}", symbol="NOPE").code == -1121


def test_prices_agree_with_each_other(client: Client) -> None:
    some_trades(client)
    best = client.get("/fapi/v1/ticker/bookTicker", symbol="BTCUSDT").body
    price = Decimal(client.get("/fapi/v1/ticker/price", symbol="BTCUSDT").body["price"])
    day = client.get("/fapi/v1/ticker/24hr", symbol="BTCUSDT").body
    assert Decimal(best["bidPrice"]) < Decimal(best["askPrice"])
    assert abs(price / Decimal(best["bidPrice"]) - 1) < Decimal("0.01")
    assert Decimal(day["lowPrice"]) <= Decimal(day["lastPrice"]) <= Decimal(day["highPrice"])
    assert Decimal(day["priceChange"]) == Decimal(day["lastPrice"]) - Decimal(day["openPrice"])
    assert Decimal(day["lowPrice"]) <= Decimal(day["weightedAvgPrice"]) <= Decimal(day["highPrice"])
    assert 23 * 3_600_000 < day["closeTime"] - day["openTime"] <= 24 * 3_600_000


def test_a_day_has_24_hours_before_the_first_candle_forms_too(capture: Path) -> None:
    with running(options_of(capture)) as fresh:
        day = fresh.client.get("/fapi/v1/ticker/24hr", symbol="BTCUSDT").body
    assert 23 * 3_600_000 < day["closeTime"] - day["openTime"] <= 24 * 3_600_000


def test_funding_settled_every_eight_hours(client: Client) -> None:
    mark = client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT").body
    rows = client.get("/fapi/v1/fundingRate", symbol="BTCUSDT", limit=3).body
    assert [mark["nextFundingTime"] - row["fundingTime"] for row in rows] == [back * 28_800_000 for back in (3, 2, 1)]
    window = {"startTime": rows[1]["fundingTime"], "endTime": rows[1]["fundingTime"]}
    assert client.get("/fapi/v1/fundingRate", symbol="BTCUSDT", **window).body == rows[1:2]


@pytest.mark.parametrize(("period", "period_ms"), [("5m", 300_000), ("15m", 900_000), ("1h", 3_600_000)])
def test_taker_volumes_are_those_of_the_candles(client: Client, period: str, period_ms: int) -> None:
    rows = client.get("/futures/data/takerlongshortRatio", symbol="BTCUSDT", period=period, limit=4).body
    assert len(rows) == 4
    starts = [row["timestamp"] for row in rows]
    assert starts == list(range(starts[0], starts[0] + 4 * period_ms, period_ms))
    candles = client.get(
        "/fapi/v1/klines", symbol="BTCUSDT", interval="1m", startTime=starts[1], endTime=starts[2] - 1
    ).body
    total = Decimal(rows[1]["buyVol"]) + Decimal(rows[1]["sellVol"])
    assert total == pytest.approx(sum(Decimal(candle[5]) for candle in candles), rel=Decimal("0.01"))
    assert client.get("/futures/data/takerlongshortRatio", symbol="BTCUSDT", period="7m").code == -1130
