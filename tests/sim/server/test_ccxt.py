"""The real ccxt against the simulator: what it sends is understood, what it gets is read right."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from ccxt.async_support import binanceusdm
from ccxt.base.errors import (
    AuthenticationError,
    BaseError,
    DDoSProtection,
    ExchangeError,
    ExchangeNotAvailable,
    InsufficientFunds,
    InvalidOrder,
    MarginModeAlreadySet,
    OperationFailed,
    OperationRejected,
    OrderNotFound,
    RequestTimeout,
)

from tests.sim.server.kit import TIMEOUT_S, Client, Running

SYMBOL = "BTC/USDT:USDT"


def with_ccxt(exchange: Running, act: Callable[[Any], Awaitable[Any]], secret: str = "paper") -> Any:
    """Do something with a ccxt client that is pointed at the simulator; a call elsewhere gets a 404."""
    base = exchange.server.url
    urls = {f"fapi{kind}": f"{base}/fapi/v1" for kind in ("Public", "Private")}
    for version in ("V2", "V3"):
        urls |= {f"fapi{kind}{version}": f"{base}/fapi/{version.lower()}" for kind in ("Public", "Private")}
    leaks = dict.fromkeys(("public", "private", "sapi", "sapiV2", "sapiV3", "sapiV4"), f"{base}/leak")
    settings = {
        "apiKey": "paper",
        "secret": secret,
        "rateLimiterAlgorithm": "rollingWindow",
        "urls": {"api": urls | leaks | {"fapiData": f"{base}/futures/data"}},
        "options": {"fetchCurrencies": False, "recvWindow": 2_000, "fetchOpenOrders": {"warnWithoutSymbol": False}},
    }

    async def run() -> Any:
        client = binanceusdm(settings)
        client.exceptions["exact"].update(client.exceptions["linear"]["exact"])
        try:
            async with asyncio.timeout(TIMEOUT_S):
                return await act(client)
        finally:
            await client.close()

    return asyncio.run(run())


def test_markets_and_metadata(exchange: Running) -> None:
    async def act(ccxt: Any) -> None:
        market = (await ccxt.load_markets())[SYMBOL]
        assert market["active"]
        assert market["precision"] == {"amount": 0.001, "price": 0.1, "base": 1e-08, "quote": 1e-08}
        tiers = (await ccxt.fetch_leverage_tiers([SYMBOL]))[SYMBOL]
        assert tiers[0]["minNotional"] == 0
        assert tiers[0]["maxLeverage"] >= tiers[-1]["maxLeverage"]
        candles = await ccxt.fetch_ohlcv(SYMBOL, "1m", limit=99)
        assert len(candles) == 99
        assert all(low <= close <= high for _, _, high, low, close, _ in candles)
        ratios = await ccxt.fetch_long_short_ratio_history(SYMBOL, "5m", limit=3)
        assert [ratio["longShortRatio"] > 0 for ratio in ratios] == [True] * 3
        assert (await ccxt.fetch_funding_rate(SYMBOL))["fundingRate"] is not None
        assert (await ccxt.fetch_open_interest(SYMBOL))["openInterestAmount"] > 0
        book = await ccxt.fetch_order_book(SYMBOL, 20)
        assert book["bids"][0][0] < book["asks"][0][0]
        assert all(trade["price"] > 0 for trade in await ccxt.fetch_trades(SYMBOL, limit=5))
        assert abs(await ccxt.load_time_difference()) < 1_000
        assert (await ccxt.fetch_trading_fee(SYMBOL))["taker"] == 0.0005

    with_ccxt(exchange, act)


def test_a_protected_trade(exchange: Running, client: Client) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        before = (await ccxt.fetch_balance())["USDT"]["total"]
        entry = await ccxt.create_order(SYMBOL, "market", "buy", 0.01, None, {"newClientOrderId": "ccxt-entry"})
        assert (entry["status"], entry["filled"], entry["clientOrderId"]) == ("closed", 0.01, "ccxt-entry")
        for kind, factor, name in (("STOP_MARKET", 0.95, "ccxt-stop"), ("TAKE_PROFIT_MARKET", 1.05, "ccxt-take")):
            trigger = ccxt.price_to_precision(SYMBOL, entry["average"] * factor)
            params = {"triggerPrice": trigger, "closePosition": True, "workingType": "MARK_PRICE", "clientAlgoId": name}
            placed = await ccxt.create_order(SYMBOL, kind, "sell", None, None, params)
            assert (placed["status"], placed["clientOrderId"]) == ("open", name)
        resting = await ccxt.fetch_open_orders(SYMBOL, params={"trigger": True})
        assert {order["clientOrderId"] for order in resting} == {"ccxt-stop", "ccxt-take"}
        [position] = await ccxt.fetch_positions()
        assert (position["side"], position["contracts"], position["marginMode"]) == ("long", 0.01, "isolated")
        await ccxt.cancel_order(None, SYMBOL, {"trigger": True, "clientAlgoId": "ccxt-take"})
        stop = await ccxt.fetch_order(None, SYMBOL, {"trigger": True, "clientAlgoId": "ccxt-stop"})
        assert stop["status"] == "open"
        exit_order = await ccxt.create_order(SYMBOL, "market", "sell", 0.01, None, {"reduceOnly": True})
        assert await ccxt.fetch_open_orders(SYMBOL, params={"trigger": True}) == []
        assert await ccxt.fetch_positions() == []
        trades = await ccxt.fetch_my_trades(SYMBOL)
        ours = [trade for trade in trades if trade["order"] in (entry["id"], exit_order["id"])]
        assert sum(trade["amount"] for trade in ours) == pytest.approx(0.02)
        after = (await ccxt.fetch_balance())["USDT"]["total"]
        realized = sum(float(trade["info"]["realizedPnl"]) for trade in ours)
        fees = sum(trade["fee"]["cost"] for trade in ours)
        assert after - before == pytest.approx(realized - fees, abs=1e-6)

    with_ccxt(exchange, act)
    assert not [path for path in client.get("/sim/v1/requests").body["unknown"] if "leak" in path]


def test_prices_and_histories(exchange: Running) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        ticker = await ccxt.fetch_ticker(SYMBOL)
        assert ticker["low"] <= ticker["last"] <= ticker["high"]
        assert set(await ccxt.fetch_tickers()) == set(ccxt.symbols)
        best = (await ccxt.fetch_bids_asks([SYMBOL]))[SYMBOL]
        assert best["bid"] < best["ask"]
        assert (await ccxt.fetch_last_prices([SYMBOL]))[SYMBOL]["price"] > 0
        assert set(await ccxt.fetch_funding_rates()) == set(ccxt.symbols)
        assert len(await ccxt.fetch_funding_rate_history(SYMBOL, limit=3)) == 3
        assert [row["openInterestAmount"] > 0 for row in await ccxt.fetch_open_interest_history(SYMBOL, "5m")]
        takers = await ccxt.fapiDataGetTakerlongshortRatio({"symbol": "BTCUSDT", "period": "5m", "limit": 2})
        assert [float(row["buySellRatio"]) > 0 for row in takers] == [True, True]
        assert abs(await ccxt.fetch_time() - ccxt.milliseconds()) < 5_000

    with_ccxt(exchange, act)


@pytest.mark.usefixtures("client")
def test_settings_of_a_symbol(exchange: Running) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        await ccxt.set_leverage(9, SYMBOL)
        leverage = await ccxt.fetch_leverage(SYMBOL)
        assert (leverage["longLeverage"], leverage["shortLeverage"]) == (9, 9)
        with pytest.raises(OperationRejected, match="-4059"):
            await ccxt.set_position_mode(hedged=False)
        assert (await ccxt.fetch_position_mode())["hedged"] is False
        if (await ccxt.fetch_margin_mode(SYMBOL))["marginMode"] == "cross":
            await ccxt.set_margin_mode("isolated", SYMBOL)
        with pytest.raises(MarginModeAlreadySet):
            await ccxt.set_margin_mode("isolated", SYMBOL)
        assert (await ccxt.fapiPrivateGetMultiAssetsMargin())["multiAssetsMargin"] is False

    with_ccxt(exchange, act)


def test_lists_of_an_account_and_how_to_empty_them(exchange: Running, client: Client) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        placed = await ccxt.create_order(SYMBOL, "market", "buy", 0.01, None, {"newClientOrderId": "ccxt-list"})
        found = await ccxt.fetch_order(None, SYMBOL, {"clientOrderId": "ccxt-list"})
        assert found["id"] == placed["id"]
        [position] = await ccxt.fetch_positions([SYMBOL], {"useV2": True})
        assert position["leverage"] > 0
        await ccxt.create_order(SYMBOL, "market", "sell", None, None, {"stopLossPrice": 1000.0, "closePosition": True})
        assert await ccxt.fetch_open_orders() == []
        assert len(await ccxt.fetch_open_orders(None, params={"trigger": True})) == 1
        await ccxt.cancel_all_orders(SYMBOL)
        assert len(await ccxt.fetch_open_orders(SYMBOL, params={"trigger": True})) == 1
        await ccxt.cancel_all_orders(SYMBOL, {"trigger": True})
        assert await ccxt.fetch_open_orders(SYMBOL, params={"trigger": True}) == []
        assert int(ccxt.last_response_headers["X-MBX-USED-WEIGHT-1M"]) > 0

    with_ccxt(exchange, act)
    assert not [path for path in client.get("/sim/v1/requests").body["unknown"] if "leak" in path]


def test_resting_orders(exchange: Running, client: Client) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        best = (await ccxt.fetch_bids_asks([SYMBOL]))[SYMBOL]
        low, lower, high = (ccxt.price_to_precision(SYMBOL, best["bid"] * part) for part in (0.98, 0.97, 1.01))
        placed = await ccxt.create_order(SYMBOL, "limit", "buy", 0.01, low, {"newClientOrderId": "ccxt-rest"})
        assert (placed["status"], placed["price"], placed["timeInForce"]) == ("open", float(low), "GTC")
        changed = await ccxt.edit_order(placed["id"], SYMBOL, "limit", "buy", 0.01, lower)
        assert (changed["id"], changed["price"]) == (placed["id"], float(lower))
        with pytest.raises(BaseError, match="-5022"):
            await ccxt.create_order(SYMBOL, "limit", "buy", 0.01, high, {"postOnly": True})
        missed = await ccxt.create_order(SYMBOL, "limit", "buy", 0.01, low, {"timeInForce": "IOC"})
        assert missed["filled"] == 0
        assert [order["id"] for order in await ccxt.fetch_open_orders(SYMBOL)] == [placed["id"]]
        await ccxt.fapiPrivatePostCountdownCancelAll({"symbol": "BTCUSDT", "countdownTime": 60_000})
        assert (await ccxt.cancel_order(None, SYMBOL, {"clientOrderId": "ccxt-rest"}))["status"] == "canceled"
        assert {placed["id"], missed["id"]} <= {order["id"] for order in await ccxt.fetch_orders(SYMBOL)}

    with_ccxt(exchange, act)
    assert client.signed("GET", "/fapi/v3/positionRisk").body == []


@pytest.mark.usefixtures("client")
def test_listen_keys(exchange: Running) -> None:
    async def act(ccxt: Any) -> None:
        key = (await ccxt.fapiPrivatePostListenKey())["listenKey"]
        assert (await ccxt.fapiPrivatePutListenKey())["listenKey"] == key
        await ccxt.fapiPrivateDeleteListenKey()
        with pytest.raises(AuthenticationError, match="-1125"):
            await ccxt.fapiPrivatePutListenKey()

    with_ccxt(exchange, act)


FAULTS: dict[str, type[BaseError]] = {
    "timeout_after_apply": RequestTimeout,
    "reset_after_apply": ExchangeNotAvailable,
    "truncate": ExchangeError,
    "http:503": ExchangeNotAvailable,
    "http:429:5": DDoSProtection,
    "http:418:5": DDoSProtection,
    "code:-1007": RequestTimeout,
    "code:-1006@after": OperationFailed,
    "code:-2019": InsufficientFunds,
    "code:-2015": AuthenticationError,
}
WRONG_ANSWERS = ("empty_200", "html_200", "json:{}")


def test_faults_as_ccxt_sees_them(exchange: Running, client: Client) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        patience_ms = ccxt.timeout
        for do, kind in FAULTS.items():
            ccxt.timeout = 1_000 if do.startswith("timeout") else patience_ms
            with pytest.raises(kind):
                await ccxt.create_order(SYMBOL, "market", "sell", 0.01)
        for _ in WRONG_ANSWERS:  # it takes them for one
            assert (await ccxt.create_order(SYMBOL, "market", "sell", 0.01))["id"] is None

    client.send("DELETE", "/sim/v1/faults")
    for number, do in enumerate((*FAULTS, *WRONG_ANSWERS), start=1):
        client.fault(do, nth=number)
    with_ccxt(exchange, act)
    assert [row["hits"] for row in client.get("/sim/v1/faults").body] == [1] * (len(FAULTS) + len(WRONG_ANSWERS))
    client.send("DELETE", "/sim/v1/faults")


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        ({"reduceOnly": True}, InvalidOrder),
        ({"newClientOrderId": "no spaces"}, BaseError),
    ],
)
def test_refusals_have_their_class(exchange: Running, client: Client, params: dict[str, Any], kind: type) -> None:
    assert client.signed("GET", "/fapi/v3/positionRisk").body == []

    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        with pytest.raises(kind, match='"code":-'):
            await ccxt.create_order(SYMBOL, "market", "sell", 0.01, None, params)

    with_ccxt(exchange, act)


def test_errors_ccxt_names(exchange: Running) -> None:
    async def act(ccxt: Any) -> None:
        await ccxt.load_markets()
        with pytest.raises(OrderNotFound):
            await ccxt.fetch_order(None, SYMBOL, {"clientOrderId": "never"})
        with pytest.raises(OrderNotFound):
            await ccxt.cancel_order(None, SYMBOL, {"trigger": True, "clientAlgoId": "never"})

    async def forged(ccxt: Any) -> None:
        with pytest.raises(AuthenticationError, match="-1022"):
            await ccxt.fetch_balance()

    with_ccxt(exchange, act)
    with_ccxt(exchange, forged, secret="guess")
