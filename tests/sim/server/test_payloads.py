"""What the simulator answers has the field names and types of recorded and documented payloads."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from tests.kit.recordings import recording
from tests.sim.server.kit import TIMEOUT_S, Client, Running
from vortex.sim.server.streams import STREAM_ROUTES, Route

pytestmark = pytest.mark.shared


@pytest.fixture(scope="session")
def payloads() -> dict[str, Any]:
    lines = recording("payloads/payloads.jsonl").read_text().splitlines()
    found = [json.loads(line) for line in lines]
    return {row["id"]: row["payload"] for row in found}


def kind(value: object) -> str:
    """The JSON type, with a number in a string told apart from other text."""
    if isinstance(value, bool):
        return "flag"
    if isinstance(value, str):
        return "decimal" if value.lstrip("-").replace(".", "", 1).isdigit() else "text"
    return type(value).__name__


def differences(wanted: Any, got: Any, *, but: frozenset[str] = frozenset(), path: str = "") -> list[str]:
    """Fields of `wanted` that `got` lacks or has in another type; lists are compared by their first items."""
    if isinstance(wanted, dict) and isinstance(got, dict):
        missing = [f"{path}.{name} is missing" for name in wanted if name not in got and name not in but]
        common = [name for name in wanted if name in got and name not in but]
        return missing + [d for n in common for d in differences(wanted[n], got[n], but=but, path=f"{path}.{n}")]
    if isinstance(wanted, list) and isinstance(got, list):
        return differences(wanted[0], got[0], but=but, path=f"{path}[0]") if wanted and got else []
    if wanted is None or got is None or kind(wanted) == kind(got) or "" in (wanted, got):
        return []
    return [f"{path}: {wanted!r} against {got!r}"]


def test_the_comparison_finds_what_differs() -> None:
    wanted = {"a": "1.0", "b": 1, "c": [{"d": True}]}
    assert differences(wanted, {"a": "2", "b": 3, "c": [{"d": False}], "more": 1}) == []
    assert len(differences(wanted, {"a": 2.0, "b": "1", "c": [{}]})) == 3
    assert differences(wanted, {}, but=frozenset("abc")) == []


REST = [
    ("py_http_responses_http_futures_market_exchange_info", "/fapi/v1/exchangeInfo", {}, ""),
    ("py_http_responses_http_futures_market_depth", "/fapi/v1/depth", {"symbol": "BTCUSDT"}, ""),
    ("py_http_responses_http_futures_market_klines", "/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m"}, ""),
    ("py_http_responses_http_futures_market_premium_index", "/fapi/v1/premiumIndex", {"symbol": "BTCUSDT"}, ""),
    ("py_http_responses_http_futures_market_open_interest", "/fapi/v1/openInterest", {"symbol": "BTCUSDT"}, ""),
    # The documentation prints these timestamps as text; the exchange sends numbers, as ccxt's recorded examples show.
    (
        "py_http_responses_http_futures_market_global_long_short_account_ratio",
        "/futures/data/globalLongShortAccountRatio",
        {"symbol": "BTCUSDT", "period": "5m"},
        "timestamp",
    ),
    (
        "py_http_responses_http_futures_market_top_long_short_account_ratio",
        "/futures/data/topLongShortAccountRatio",
        {"symbol": "BTCUSDT", "period": "5m"},
        "timestamp",
    ),
    (
        "py_http_responses_http_futures_market_top_long_short_position_ratio",
        "/futures/data/topLongShortPositionRatio",
        {"symbol": "BTCUSDT", "period": "5m"},
        "timestamp",
    ),
    (
        "py_http_responses_http_futures_market_open_interest_historical",
        "/futures/data/openInterestHist",
        {"symbol": "BTCUSDT", "period": "5m"},
        "timestamp",
    ),
    ("l2_snapshot::linear_swap", "/fapi/v1/depth", {"symbol": "BTCUSDT"}, ""),
]


@pytest.mark.parametrize(("name", "path", "params", "but"), REST, ids=[row[0] for row in REST])
def test_market_replies(
    client: Client, payloads: dict[str, Any], name: str, path: str, params: dict[str, str], but: str
) -> None:
    reply = client.get(path, **params)
    assert reply.status == 200
    assert differences(payloads[name], reply.body, but=frozenset({but})) == []


SIGNED = [
    ("rs_http_json_account_info_v2", "/fapi/v2/account", {}),
    ("rs_http_json_position_risk", "/fapi/v2/positionRisk", {"symbol": "BTCUSDT"}),
    ("py_http_responses_http_futures_account_positions_one_way", "/fapi/v2/positionRisk", {"symbol": "BTCUSDT"}),
    ("py_http_responses_http_futures_account_symbol_config", "/fapi/v1/symbolConfig", {"symbol": "BTCUSDT"}),
    ("py_http_responses_http_futures_account_position_side_dual", "/fapi/v1/positionSide/dual", {}),
    ("py_http_responses_http_futures_wallet_commission_rate_btcusdt", "/fapi/v1/commissionRate", {"symbol": "BTCUSDT"}),
    ("py_http_responses_http_futures_account_trades", "/fapi/v1/userTrades", {"symbol": "BTCUSDT"}),
    ("rs_http_json_open_algo_orders", "/fapi/v1/openAlgoOrders", {"symbol": "BTCUSDT"}),
]
NOT_OURS = {
    # `type` there is `orderType` in the exchange's own replies, recorded by ccxt.
    "rs_http_json_open_algo_orders": {"type"},
    # In the account, positions are the short rows of v3.
    "rs_http_json_account_info_v2": {"positions"},
}


@pytest.mark.parametrize(("name", "path", "params"), SIGNED, ids=[row[0] for row in SIGNED])
def test_account_replies(
    client: Client, payloads: dict[str, Any], name: str, path: str, params: dict[str, str]
) -> None:
    client.market_order("BUY")
    client.stop_order("SELL", f"{lowest(client):.1f}")
    reply = client.signed("GET", path, **params)
    assert reply.status == 200
    assert differences(payloads[name], reply.body, but=frozenset(NOT_OURS.get(name, ()))) == []


def test_an_order_reply(client: Client, payloads: dict[str, Any]) -> None:
    assert differences(payloads["rs_http_json_order_response"], client.market_order("BUY").body) == []


MARKET_STREAMS = {
    "trade::linear_swap": "btcusdt@aggTrade",
    "rs_market_data_json_agg_trade_stream": "btcusdt@aggTrade",
    "candlestick::linear_swap": "btcusdt@kline_1m",
    "rs_market_data_json_kline_stream_open": "btcusdt@kline_15m",
    "funding_rate::linear_swap": "btcusdt@markPrice@1s",
    "rs_market_data_json_mark_price_stream": "btcusdt@markPrice@1s",
    "l2_topk::linear_swap": "btcusdt@depth20@100ms",
    "py_ws_messages_ws_futures_depth_update": "btcusdt@depth20@100ms",
    "py_ws_messages_ws_futures_depth_diff_update": "btcusdt@depth@100ms",
    "py_ws_messages_ws_futures_book_ticker": "btcusdt@bookTicker",
}
LATER_FIELDS = frozenset({"st", "ps"})
"""Two fields that some recordings have in market frames and others of the same stream have not."""


def test_market_frames(exchange: Running, payloads: dict[str, Any]) -> None:
    frames: dict[str, Any] = {}
    for route in Route:
        names = {name for name in MARKET_STREAMS.values() if STREAM_ROUTES[name.partition("@")[2]] is route}
        frames |= asyncio.run(first_frames(exchange, f"/{route}/stream?streams={'/'.join(sorted(names))}", names))
    for name, stream in MARKET_STREAMS.items():
        wanted = payloads[name].get("data", payloads[name])
        assert differences(wanted, frames[stream]["data"], but=LATER_FIELDS) == [], name
        assert set(frames[stream]) == {"stream", "data"}


async def first_frames(exchange: Running, target: str, streams: set[str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    async with (
        asyncio.timeout(TIMEOUT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(exchange.server.ws_url + target) as socket,
    ):
        while set(found) < streams:
            frame = await socket.receive_json()
            found.setdefault(frame["stream"], frame)
    return found


USER = [
    ("py_ws_messages_ws_futures_order_update_new_reduce_only_qty", "ORDER_TRADE_UPDATE", "NEW"),
    ("py_ws_messages_ws_futures_order_update_trade_reduce_only_qty", "ORDER_TRADE_UPDATE", "FILLED"),
    ("rs_user_data_json_order_update_trade", "ORDER_TRADE_UPDATE", "FILLED"),
    ("rs_user_data_json_account_update", "ACCOUNT_UPDATE", ""),
    ("rs_user_data_json_algo_update_new", "ALGO_UPDATE", "NEW"),
    ("rs_user_data_json_algo_update_canceled", "ALGO_UPDATE", "CANCELED"),
]
TRAILING = frozenset({"AP", "cr", "W", "rm"})
"""Fields of trailing stops, of good-till-date orders, and a reason given only when there is one."""


def test_user_frames(exchange: Running, client: Client, payloads: dict[str, Any]) -> None:
    frames = asyncio.run(user_frames(exchange, client))
    for name, event, status in USER:
        wanted = payloads[name].get("data", payloads[name])
        got = next(f for f in frames if f["e"] == event and f.get("o", {}).get("X", "") == status)
        assert differences(wanted, got, but=TRAILING) == [], name


async def user_frames(exchange: Running, client: Client) -> list[Any]:
    """The events of an entry, a stop and its cancellation."""
    key = client.send("POST", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": "paper"}).body["listenKey"]
    frames: list[Any] = []

    def act() -> None:
        client.market_order("BUY")
        client.stop_order("SELL", f"{lowest(client):.1f}")
        client.signed("DELETE", "/fapi/v1/algoOpenOrders", symbol="BTCUSDT")

    async with (
        asyncio.timeout(TIMEOUT_S),
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{exchange.server.ws_url}/private/ws?listenKey={key}") as socket,
    ):
        acting = asyncio.create_task(asyncio.to_thread(act))
        while not frames or frames[-1].get("o", {}).get("X") != "CANCELED":
            frames.append(await socket.receive_json())
        await acting
    return frames


def lowest(client: Client) -> Decimal:
    """A trigger price far below the market."""
    return Decimal(client.get("/fapi/v1/depth", symbol="BTCUSDT").body["bids"][0][0]) * Decimal("0.8")
