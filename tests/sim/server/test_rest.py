from __future__ import annotations

import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from tests.sim.server.kit import SYMBOLS, Client, Running, options_of, running, until
from vortex.sim.core.commands import ChangeFilter, ChangeStatus, CoreCommand, MovePrice
from vortex.sim.server.app import SimServer


def mark_price(client: Client) -> Decimal:
    return Decimal(client.get("/fapi/v1/premiumIndex", symbol="BTCUSDT").body["markPrice"])


def tick(price: Decimal) -> str:
    return f"{price.quantize(Decimal('0.1')):f}"


def test_public_market_data(client: Client) -> None:
    symbols = {row["symbol"]: row for row in client.get("/fapi/v1/exchangeInfo").body["symbols"]}
    assert tuple(symbols) == SYMBOLS
    filters = {row["filterType"]: row for row in symbols["BTCUSDT"]["filters"]}
    assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == Decimal("0.1")
    book = client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=5).body
    assert len(book["bids"]) == len(book["asks"]) == 5
    assert Decimal(book["bids"][0][0]) < Decimal(book["asks"][0][0])
    assert client.get("/fapi/v1/openInterest", symbol="BTCUSDT").body["symbol"] == "BTCUSDT"
    assert client.get("/fapi/v1/fundingInfo").body[0]["fundingIntervalHours"] == 8


def test_candles_are_gapless_and_end_with_the_forming_one(client: Client) -> None:
    rows = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=240).body
    opens = [row[0] for row in rows]
    assert opens == list(range(opens[0], opens[0] + 240 * 60_000, 60_000))
    now_ms = client.get("/fapi/v1/time").body["serverTime"]
    assert opens[-1] <= now_ms < opens[-1] + 2 * 60_000
    assert all(len(row) == 12 for row in rows)


def test_candles_from_a_start_time_begin_there(client: Client) -> None:
    rows = client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="15m", limit=20).body
    start_ms, end_ms = rows[4][0], rows[12][0]
    window = {"symbol": "BTCUSDT", "interval": "15m", "startTime": start_ms}
    assert [row[0] for row in client.get("/fapi/v1/klines", **window, limit=3).body] == [row[0] for row in rows[4:7]]
    ranged = client.get("/fapi/v1/klines", **window, endTime=end_ms).body
    assert [row[0] for row in ranged] == [row[0] for row in rows[4:13]]


def test_ratios_are_shares_on_their_grid(client: Client) -> None:
    for name in ("globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio"):
        rows = client.get(f"/futures/data/{name}", symbol="BTCUSDT", period="1h", limit=4).body
        assert len(rows) == 4
        for row in rows:
            assert Decimal(row["longAccount"]) + Decimal(row["shortAccount"]) == 1
            assert row["timestamp"] % 3_600_000 == 0
    history = client.get("/futures/data/openInterestHist", symbol="BTCUSDT", period="5m", limit=2).body
    assert [Decimal(row["sumOpenInterest"]) > 0 for row in history] == [True, True]


def test_trades_can_be_paged_by_id(exchange: Running) -> None:
    client = exchange.client

    def trades() -> Any:
        found = client.get("/fapi/v1/aggTrades", symbol="BTCUSDT", limit=3).body
        return found if len(found) == 3 else None

    newest = until(trades, "three trades")
    page = client.get("/fapi/v1/aggTrades", symbol="BTCUSDT", fromId=newest[0]["a"], limit=2).body
    assert page == newest[:2]


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/fapi/v1/depth", {}, -1102),
        ("/fapi/v1/depth", {"symbol": "NOPE"}, -1121),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/futures/data/globalLongShortAccountRatio", {"symbol": "BTCUSDT", "period": "7m"}, -1130),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "many"}, -1102),
    ],
)
def test_market_refusals(client: Client, path: str, params: dict[str, str], code: int) -> None:
    reply = client.get(path, **params)
    assert (reply.status, reply.code) == (400, code)


def test_who_may_trade(exchange: Running) -> None:
    stranger = Client(exchange.port, key="stranger").signed("GET", "/fapi/v3/account")
    assert (stranger.status, stranger.code) == (401, -2014)
    forger = Client(exchange.port, secret="guess").signed("GET", "/fapi/v3/account")
    assert (forger.status, forger.code) == (400, -1022)
    stale = exchange.client.signed("GET", "/fapi/v3/account", timestamp=round(time.time() * 1000) - 10_000)
    assert (stale.status, stale.code) == (400, -1021)
    unsigned = exchange.client.send("POST", "/fapi/v1/order", "a=1", {"X-MBX-APIKEY": "paper"})
    assert unsigned.code == -1102


BINARY = {"Content-Type": "application/x-www-form-urlencoded; charset=nowhere", "X-MBX-APIKEY": "paper"}


@pytest.mark.parametrize(
    ("target", "body", "headers", "code"),
    [
        ("/fapi/v1/order", b"\xff\xfe=1&signature=a", BINARY, -1022),
        ("/fapi/v1/order?symbol=%ff&signature=%fe", b"", BINARY, -1022),
        ("/fapi/v1/order", b"", {"X-MBX-APIKEY": "\xff\xfe"}, -2014),
    ],
)
def test_what_is_no_text_is_refused_as_any_other(
    client: Client, target: str, body: bytes, headers: dict[str, str], code: int
) -> None:
    reply = client.send("POST", target, body, headers)
    assert reply.code == code
    assert reply.body["msg"]


def test_a_form_is_signed_without_its_query(exchange: Running) -> None:
    reply = exchange.client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=7)
    assert reply.body["leverage"] == 7
    assert reply.body["symbol"] == "BTCUSDT"
    assert exchange.client.signed("GET", "/fapi/v1/symbolConfig", symbol="BTCUSDT").body[0]["leverage"] == 7


def test_an_unknown_path_is_counted(exchange: Running) -> None:
    reply = exchange.client.send("GET", "/sapi/v1/margin/allPairs")
    assert (reply.status, reply.code) == (404, -5000)
    assert exchange.client.send("PATCH", "/fapi/v1/order").status == 404
    counts = exchange.client.get("/sim/v1/requests").body
    assert counts["unknown"]["GET /sapi/v1/margin/allPairs"] >= 1
    assert counts["unknown"]["PATCH /fapi/v1/order"] >= 1


def test_every_reply_tells_the_weight_used(client: Client) -> None:
    first = client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)
    second = client.signed("POST", "/fapi/v1/order", symbol="BTCUSDT")
    assert int(first.headers["X-MBX-USED-WEIGHT-1M"]) >= 20
    assert {"X-MBX-USED-WEIGHT-1M", "X-MBX-ORDER-COUNT-1M", "X-MBX-ORDER-COUNT-10S"} <= set(second.headers)


def test_a_market_order_from_entry_to_exit(client: Client) -> None:
    opened = client.market_order("BUY", newClientOrderId="rest-entry").body
    assert (opened["status"], opened["executedQty"], opened["clientOrderId"]) == ("FILLED", "0.010", "rest-entry")
    [position] = client.signed("GET", "/fapi/v3/positionRisk").body
    assert position["positionAmt"] == "0.010"
    assert Decimal(position["entryPrice"]) == Decimal(opened["avgPrice"])
    found = client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="rest-entry").body
    assert found == client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=opened["orderId"]).body
    assert client.market_order("SELL", reduceOnly="true").body["status"] == "FILLED"
    assert client.signed("GET", "/fapi/v3/positionRisk").body == []
    fills = client.signed("GET", "/fapi/v1/userTrades", symbol="BTCUSDT", orderId=opened["orderId"]).body
    assert sum(Decimal(fill["qty"]) for fill in fills) == Decimal("0.010")
    ledger = {fill["id"]: fill for fill in client.get("/sim/v1/ledger").body["fills"]}
    for fill in fills:
        assert Decimal(ledger[fill["id"]]["commission"]) == Decimal(fill["commission"])
        assert Decimal(ledger[fill["id"]]["realized_pnl"]) == Decimal(fill["realizedPnl"])


def test_an_acknowledged_order_says_nothing_of_its_execution(client: Client) -> None:
    reply = client.market_order("BUY", newOrderRespType="ACK", newClientOrderId="rest-ack").body
    assert (reply["status"], reply["executedQty"], reply["avgPrice"]) == ("NEW", "0", "0")
    found = client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", origClientOrderId="rest-ack").body
    assert found["status"] == "FILLED"


def test_protection_rests_and_is_cancelled(client: Client) -> None:
    client.market_order("BUY")
    stop = client.stop_order("SELL", tick(mark_price(client) * Decimal("0.97")), clientAlgoId="rest-stop").body
    assert (stop["algoStatus"], stop["closePosition"], stop["orderType"]) == ("NEW", True, "STOP_MARKET")
    profit = tick(mark_price(client) * Decimal("1.03"))
    assert client.stop_order("SELL", profit, type="TAKE_PROFIT_MARKET").status == 200
    resting = client.signed("GET", "/fapi/v1/openAlgoOrders", symbol="BTCUSDT").body
    assert {row["orderType"] for row in resting} == {"STOP_MARKET", "TAKE_PROFIT_MARKET"}
    gone = client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="rest-stop").body
    assert (gone["clientAlgoId"], gone["code"], gone["msg"]) == ("rest-stop", "200", "success")
    again = client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="rest-stop")
    assert (again.status, again.code) == (400, -2011)
    assert client.signed("GET", "/fapi/v1/algoOrder", algoId=stop["algoId"]).body["algoStatus"] == "CANCELED"
    assert client.signed("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT").body["code"] == 200
    assert client.signed("GET", "/fapi/v1/openAlgoOrders").body == []


def test_a_take_profit_within_reach_closes_the_position(exchange: Running, client: Client) -> None:
    client.market_order("BUY")
    trigger = tick(mark_price(client) + Decimal(50))  # farther than the mark moves while the order is on its way
    placed = client.stop_order("SELL", trigger, type="TAKE_PROFIT_MARKET", clientAlgoId="rest-take")
    assert placed.status == 200, placed

    def raise_mark(server: SimServer) -> None:
        mark = server.venue.core.market("BTCUSDT").mark
        assert mark is not None
        server.venue.core.on_market(structs.replace(mark, mark_price=mark.mark_price + 100))

    exchange.do(raise_mark)
    algo = client.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="rest-take").body
    assert algo["algoStatus"] == "FINISHED"
    assert Decimal(algo["actualQty"]) == Decimal("0.010")
    child = client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=algo["actualOrderId"]).body
    assert (child["clientOrderId"], child["status"]) == ("rest-take", "FILLED")
    assert Decimal(algo["actualPrice"]) == Decimal(child["avgPrice"])
    assert client.signed("GET", "/fapi/v3/positionRisk").body == []


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"symbol": "NOPE"}, -1121),
        ({"side": "LONG"}, -1117),
        ({"type": "STOP_MARKET", "stopPrice": "1"}, -4120),
        ({"type": "LIMIT", "price": "60000"}, -1102),
        ({"type": "LIMIT", "timeInForce": "GTC", "price": "1"}, -4164),
        ({"type": "LIMIT", "timeInForce": "NOW", "price": "60000"}, -1115),
        ({"type": "STOP_MARKET"}, -4120),
        ({"type": "ICEBERG"}, -1116),
        ({"closePosition": "true"}, -4136),
        ({"quantity": "0.0001"}, -1111),
        ({"quantity": "0"}, -4003),
        ({"quantity": "x"}, -1102),
        ({"positionSide": "LONG"}, -4061),
        ({"newClientOrderId": "no spaces"}, -4015),
        ({"quantity": "10"}, -2019),
        ({"quantity": "5000"}, -4005),
        ({"reduceOnly": "true"}, -2022),
    ],
)
def test_order_refusals(client: Client, params: dict[str, str], code: int) -> None:
    reply = client.market_order(**({"side": "BUY"} | params))
    assert (reply.status, reply.code) == (400, code)


@pytest.mark.parametrize(
    ("params", "code"),
    [
        ({"algoType": "VP"}, -1130),
        ({"type": "TRAILING_STOP_MARKET", "closePosition": "false", "quantity": "0.010"}, -1102),
        ({"type": "MARKET"}, -1116),
        ({"triggerPrice": ""}, -1102),
        ({"workingType": "LAST"}, -1102),
        ({"quantity": "0.010"}, -4137),
    ],
)
def test_conditional_order_refusals(client: Client, params: dict[str, str], code: int) -> None:
    reply = client.stop_order("SELL", "50000", **params)
    assert (reply.status, reply.code) == (400, code)


def test_unknown_orders(client: Client) -> None:
    assert client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT", orderId=999_999).code == -2013
    assert client.signed("GET", "/fapi/v1/order", symbol="BTCUSDT").code == -1102
    assert client.signed("DELETE", "/fapi/v1/order", symbol="BTCUSDT", orderId=999_999).code == -2011
    assert client.signed("GET", "/fapi/v1/algoOrder", clientAlgoId="never").code == -2013
    assert client.signed("GET", "/fapi/v1/openOrders").body == []
    assert client.signed("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT").body["code"] == 200


def test_account_settings(client: Client) -> None:
    assert client.signed("GET", "/fapi/v1/positionSide/dual").body == {"dualSidePosition": False}
    assert client.signed("GET", "/fapi/v1/multiAssetsMargin").body == {"multiAssetsMargin": False}
    assert client.signed("POST", "/fapi/v1/positionSide/dual", dualSidePosition="false").code == -4059
    assert client.signed("GET", "/fapi/v1/commissionRate", symbol="BTCUSDT").body["takerCommissionRate"] == "0.0005"
    assert client.signed("POST", "/fapi/v1/marginType", symbol="XRPUSDT", marginType="ISOLATED").status == 200
    assert client.signed("POST", "/fapi/v1/marginType", symbol="XRPUSDT", marginType="ISOLATED").code == -4046
    brackets = client.signed("GET", "/fapi/v1/leverageBracket", symbol="BTCUSDT").body[0]["brackets"]
    assert [row["bracket"] for row in brackets] == list(range(1, len(brackets) + 1))


def test_the_second_version_adds_leverage_and_lists_flat_symbols(client: Client) -> None:
    client.market_order("SELL")
    rows = {row["symbol"]: row for row in client.signed("GET", "/fapi/v2/positionRisk").body}
    assert set(rows) == set(SYMBOLS)
    assert rows["BTCUSDT"]["positionAmt"] == "-0.010"
    assert int(rows["BTCUSDT"]["leverage"]) > 0
    assert Decimal(rows["XRPUSDT"]["positionAmt"]) == 0
    newer, older = (client.signed("GET", f"/fapi/v{version}/account").body for version in (3, 2))
    assert older["canTrade"] is True
    assert older["totalWalletBalance"] == newer["totalWalletBalance"]
    [asset] = newer["assets"]
    assert asset["updateTime"] > 0
    isolated = Decimal(asset["walletBalance"]) - Decimal(asset["crossWalletBalance"])
    assert isolated == pytest.approx(Decimal(rows["BTCUSDT"]["isolatedWallet"]), abs=Decimal("2e-8"))
    assert isolated > 0


def test_listen_keys(exchange: Running) -> None:
    headers = {"X-MBX-APIKEY": "paper"}
    key = exchange.client.send("POST", "/fapi/v1/listenKey", headers=headers).body["listenKey"]
    assert exchange.client.send("POST", "/fapi/v1/listenKey", headers=headers).body["listenKey"] == key
    assert exchange.client.send("PUT", "/fapi/v1/listenKey", headers=headers).body["listenKey"] == key
    assert exchange.client.send("DELETE", "/fapi/v1/listenKey", headers=headers).body == {}
    assert exchange.client.send("PUT", "/fapi/v1/listenKey", headers=headers).code == -1125
    assert exchange.client.send("POST", "/fapi/v1/listenKey").code == -2014


def test_what_commands_change_is_what_everybody_is_shown(capture: Path) -> None:
    with running(options_of(capture)) as own:

        def command(order: CoreCommand) -> None:
            own.do(lambda server: server.venue.world.command(server.venue.clock.now_ms(), order))

        def contract() -> Any:
            return own.client.get("/fapi/v1/exchangeInfo").body["symbols"][0]

        command(ChangeFilter(symbol="BTCUSDT", tick_size=Decimal("0.5")))
        command(ChangeStatus(symbol="BTCUSDT", to="SETTLING"))
        assert contract()["status"] == "SETTLING"
        assert contract()["filters"][0]["tickSize"] == "0.5"
        assert own.client.market_order("BUY").code == -4108
        command(MovePrice(symbol="BTCUSDT", to=Decimal(5_000)))

        def low() -> bool:
            bid = Decimal(own.client.get("/fapi/v1/depth", symbol="BTCUSDT").body["bids"][0][0])
            last = own.client.get("/fapi/v1/klines", symbol="BTCUSDT", interval="1m", limit=1).body[0]
            return max(bid, mark_price(own.client), Decimal(last[4])) < 6_000

        until(low, "the moved price")
