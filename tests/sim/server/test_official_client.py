"""The exchange's own Python client against the simulator: it has a model of every reply and frame."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_common.errors import BadRequestError, UnauthorizedError
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

from tests.sim.server.kit import TIMEOUT_S, Client, Running

SYMBOL = {"symbol": "BTCUSDT"}
FIVE = SYMBOL | {"period": "5m"}
ANSWERED: list[tuple[str, dict[str, Any]]] = [
    ("test_connectivity", {}),
    ("check_server_time", {}),
    ("exchange_information", {}),
    ("order_book", SYMBOL | {"limit": 100}),
    ("recent_trades_list", SYMBOL),
    ("old_trades_lookup", SYMBOL),
    ("compressed_aggregate_trades_list", SYMBOL),
    ("kline_candlestick_data", SYMBOL | {"interval": "1m"}),
    ("mark_price", SYMBOL),
    ("mark_price", {}),
    ("get_funding_rate_history", SYMBOL),
    ("get_funding_rate_info", {}),
    ("ticker24hr_price_change_statistics", SYMBOL),
    ("ticker24hr_price_change_statistics", {}),
    ("symbol_price_ticker", SYMBOL),
    ("symbol_price_ticker_v2", {}),
    ("symbol_order_book_ticker", SYMBOL),
    ("symbol_order_book_ticker", {}),
    ("open_interest", SYMBOL),
    ("open_interest_statistics", FIVE),
    ("long_short_ratio", FIVE),
    ("top_trader_long_short_ratio_accounts", FIVE),
    ("top_trader_long_short_ratio_positions", FIVE),
    ("taker_buy_sell_volume", FIVE),
    ("account_information_v2", {}),
    ("account_information_v3", {}),
    ("futures_account_balance_v2", {}),
    ("futures_account_balance_v3", {}),
    ("get_bnb_burn_status", {}),
    ("get_current_multi_assets_mode", {}),
    ("get_current_position_mode", {}),
    ("notional_and_leverage_brackets", SYMBOL),
    ("symbol_configuration", SYMBOL),
    ("user_commission_rate", SYMBOL),
    ("query_user_rate_limit", {}),
    ("position_information_v2", SYMBOL),
    ("position_information_v3", SYMBOL),
    ("position_adl_quantile_estimation", {}),
    ("account_trade_list", SYMBOL),
    ("current_all_open_orders", SYMBOL),
    ("current_all_algo_open_orders", SYMBOL),
    ("all_orders", SYMBOL),
    ("query_all_algo_orders", SYMBOL),
    ("get_income_history", {}),
    ("auto_cancel_all_open_orders", SYMBOL | {"countdown_time": 0}),
]


def official(exchange: Running, secret: str = "paper") -> Any:
    rest = ConfigurationRestAPI(
        api_key="paper", api_secret=secret, base_path=exchange.server.url, retries=0, timeout=20_000
    )
    streams = ConfigurationWebSocketStreams(stream_url=exchange.server.ws_url)
    return DerivativesTradingUsdsFutures(config_rest_api=rest, config_ws_streams=streams)


def complaints(caplog: pytest.LogCaptureFixture) -> list[str]:
    """It warns of what its models do not take as it is, and goes on."""
    return [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.WARNING]


@pytest.fixture(autouse=True)
def no_complaints(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    yield
    assert complaints(caplog) == []


def test_every_question_is_answered_as_its_models_say(
    exchange: Running, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.market_order("BUY")
    client.stop_order("SELL", "1000.0")
    api = official(exchange).rest_api
    for name, params in ANSWERED:
        assert getattr(api, name)(**params).data() is not None, name
        assert complaints(caplog) == [], name
    api._session.close()


@pytest.mark.usefixtures("client")
def test_a_trade_with_its_stop(exchange: Running) -> None:
    api = official(exchange).rest_api
    api.change_initial_leverage(**SYMBOL, leverage=7)
    order = SYMBOL | {"type": "MARKET", "quantity": 0.01, "new_order_resp_type": "RESULT"}
    entry = api.new_order(**order, side="BUY", new_client_order_id="official-entry")
    assert (entry.data().status, entry.data().executed_qty) == ("FILLED", "0.010")
    assert {limit.intervalNum for limit in entry.rate_limits} == {1, 10}
    placed = api.new_algo_order(
        **SYMBOL, algo_type="CONDITIONAL", side="SELL", type="STOP_MARKET", trigger_price=1000.0, close_position="true",
        working_type="MARK_PRICE", client_algo_id="official-stop",
    ).data()  # fmt: skip
    assert (placed.algo_status, placed.close_position) == ("NEW", True)
    assert api.query_algo_order(client_algo_id="official-stop").data().algo_id == placed.algo_id
    [position] = api.position_information_v3(**SYMBOL).data()
    assert position.position_amt == "0.010"
    assert api.cancel_algo_order(algo_id=placed.algo_id).data().client_algo_id == "official-stop"
    found = api.query_order(**SYMBOL, orig_client_order_id="official-entry").data()
    assert found.order_id == entry.data().order_id
    api.new_order(**order, side="SELL", reduce_only="true")
    realized = [Decimal(trade.realized_pnl) for trade in api.account_trade_list(**SYMBOL).data()]
    assert any(realized)
    assert api.position_information_v3(**SYMBOL).data() == []
    api._session.close()


@pytest.mark.usefixtures("client")
def test_a_resting_order(exchange: Running) -> None:
    api = official(exchange).rest_api
    best = Decimal(api.symbol_order_book_ticker(**SYMBOL).data().actual_instance.bid_price)
    price, lower = (float((best * part).quantize(Decimal("0.1"))) for part in (Decimal("0.98"), Decimal("0.97")))
    order = SYMBOL | {"side": "BUY", "quantity": 0.01}
    placed = api.new_order(**order, type="LIMIT", time_in_force="GTC", price=price, new_client_order_id="rest").data()
    assert placed.status == "NEW"
    changed = api.modify_order(**order, price=lower, orig_client_order_id="rest").data()
    assert (changed.order_id, float(changed.price)) == (placed.order_id, lower)
    assert [row.client_order_id for row in api.current_all_open_orders(**SYMBOL).data()] == ["rest"]
    assert api.cancel_order(**SYMBOL, orig_client_order_id="rest").data().status == "CANCELED"
    api._session.close()


def test_what_is_refused(exchange: Running, client: Client) -> None:
    def code(act: Callable[[], object], kind: type[Exception] = BadRequestError) -> Any:
        with pytest.raises(kind) as refusal:
            act()
        return refusal.value.args[0]

    api = official(exchange).rest_api
    assert code(lambda: api.cancel_order(**SYMBOL, order_id=999_999)) == -2011
    assert code(lambda: api.query_order(**SYMBOL, order_id=999_999)) == -2013
    assert code(lambda: api.order_book(symbol="NOPE")) == -1121
    client.fault("code:-2015", method="GET", path="/fapi/v3/account")
    assert code(api.account_information_v3, UnauthorizedError) == -2015
    client.send("DELETE", "/sim/v1/faults")
    forger = official(exchange, secret="guess").rest_api
    assert code(forger.account_information_v3) == -1022
    for session in (api._session, forger._session):
        session.close()


STREAMS: list[tuple[str, dict[str, Any]]] = [
    ("partial_book_depth_streams", {"symbol": "btcusdt", "levels": 20, "update_speed": "100ms"}),
    ("diff_book_depth_streams", {"symbol": "btcusdt", "update_speed": "100ms"}),
    ("aggregate_trade_streams", {"symbol": "btcusdt"}),
    ("kline_candlestick_streams", {"symbol": "btcusdt", "interval": "1m"}),
    ("mark_price_stream", {"symbol": "btcusdt", "update_speed": "1s"}),
]


def test_streams_of_the_market_and_of_the_account(
    exchange: Running, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("binance_common.websocket.SUBSCRIBE_MESSAGE_DELAY_SECONDS", 0.0)  # it paces itself
    client_api = official(exchange)
    key = client_api.rest_api.start_user_data_stream().data().listen_key
    heard: dict[str, list[Any]] = {name: [] for name, _ in STREAMS} | {"user": []}

    def enough() -> bool:
        return all(heard.values()) and len(heard["user"]) >= 8

    def trade() -> None:
        client.market_order("BUY")
        client.stop_order("SELL", "1000.0")
        client.flatten()

    async def listen() -> None:
        streams, done = client_api.websocket_streams, asyncio.Event()

        def take(name: str, frame: Any) -> None:
            heard[name].append(frame)
            if enough():
                done.set()

        await streams.create_connection()
        for name, params in STREAMS:
            (await getattr(streams, name)(**params)).on("message", partial(take, name))
        (await streams.user_data(key)).on("message", partial(take, "user"))
        await asyncio.to_thread(trade)
        async with asyncio.timeout(TIMEOUT_S):
            await done.wait()
        await streams.close_connection(close_session=True)

    asyncio.run(listen())
    client_api.rest_api._session.close()
    kinds = {type(event.actual_instance).__name__ for event in heard["user"]}
    assert {"OrderTradeUpdate", "AccountUpdate", "AlgoUpdate"} <= kinds
    assert all(frame.s == "BTCUSDT" for name, _ in STREAMS for frame in heard[name])
