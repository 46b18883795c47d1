"""The Exchange port against a server that misbehaves: exactly one answer each, judged by code, without secrets."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import TypeAlias

import pytest
from aiohttp import web
from loguru import logger

from tests.adapters.binance.probes import Probe
from tests.adapters.binance.resources import reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Client, Credentials
from vortex.adapters.binance.hosts import HostRefused, simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SimulatorClock, SystemClock
from vortex.domain.order import (
    CancelOrder,
    ClockMeasured,
    Done,
    ExchangeRequest,
    OrderKind,
    OrderReport,
    OrderSide,
    Outcome,
    PlaceOrder,
    QueryAccount,
    QuerySymbol,
    Refused,
    Unknown,
)
from vortex.messages import ExchangeReplied, UserStreamChanged
from vortex.ports import Clock, Usage

KEY, SECRET = "canary-key", "canary-secret"
PATIENT_MS = 30_000
ROUNDED_MS = 5
"""What whole milliseconds of several clocks may make of a difference."""
ENTRY = PlaceOrder(
    symbol="BTCUSDT",
    client_id="v7-main-BTCUSDT-1-1E",
    side=OrderSide.BUY,
    kind=OrderKind.MARKET,
    quantity=Decimal("0.010"),
)
Body: TypeAlias = Callable[[web.Request], web.StreamResponse]


class Script:
    """Serves the clock and a listen key, counts calls, and answers orders as a test says."""

    def __init__(self, order: Body, clock: Clock | None = None) -> None:
        self._order = order
        self._clock = clock or SystemClock()
        self.calls: Counter[str] = Counter()
        self.forms: list[dict[str, str]] = []

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        self.calls[f"{request.method} {request.path}"] += 1
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": self._clock.now_ms()})
        if request.path == "/fapi/v1/listenKey":
            return web.json_response({"listenKey": "canary-listen-key"})
        self.forms.append(dict(await request.post()) | dict(request.query))  # type: ignore[arg-type]  # no files here
        return self._order(request)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lines.append, level="DEBUG", format="{message}")
    yield lines
    logger.remove(handler)


@pytest.fixture
def exchange(loop: NetworkLoop, server: ScriptedServer) -> Iterator[BinanceExchange]:
    adapter = BinanceExchange(loop, simulator(server.url), Credentials(key=KEY, secret=SECRET), SystemClock())
    yield adapter
    adapter.stop()


def started(exchange: BinanceExchange) -> Probe:
    probe = Probe()
    exchange.start(probe)
    probe.expect(UserStreamChanged)
    return probe


def ask(exchange: BinanceExchange, request: ExchangeRequest, timeout_ms: int = PATIENT_MS) -> Outcome:
    probe = started(exchange)
    exchange.send(request, timeout_ms)
    answer = probe.expect(ExchangeReplied)
    assert answer.request is request
    assert probe.all(ExchangeReplied) == [answer]
    return answer.outcome


def raw(status: int, body: str, kind: str = "application/json", **headers: str) -> Body:
    return lambda _: web.Response(status=status, text=body, content_type=kind, headers=headers)


def error(status: int, code: int) -> Body:
    return raw(status, json.dumps({"code": code, "msg": "said the exchange"}))


def cut_off(_: web.Request) -> web.StreamResponse:
    return web.Response(text=json.dumps(reply("POST /fapi/v1/order"))[:60], content_type="application/json")


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (error(400, -2019), -2019),
        (error(400, -4164), -4164),
        (error(401, -2015), -2015),
        (error(503, -1008), -1008),
        (error(429, -1003), -1003),
        (raw(418, "<html>banned</html>", "text/html", **{"Retry-After": "30"}), 418),
        (error(400, -4116), None),
        (error(400, -1007), None),
        (error(503, -1000), None),
        (raw(502, "<html>bad gateway</html>", "text/html"), None),
        (raw(200, ""), None),
        (raw(200, "{}"), None),
        (raw(200, "[]"), None),
        (raw(200, "<html>hello</html>", "text/html"), None),
        (raw(200, '"text"'), None),
        (raw(200, '{"code":-1000,"msg":"with HTTP 200"}'), None),
        (cut_off, None),
    ],
)
def test_what_became_of_an_order(
    exchange: BinanceExchange, server: ScriptedServer, logged: list[str], caplog: pytest.LogCaptureFixture,
    answer: Body, expected: int | None,
) -> None:  # fmt: skip
    caplog.set_level(1)
    server.answer = script = Script(answer)
    outcome = ask(exchange, ENTRY)
    assert isinstance(outcome, Refused if expected else Unknown)
    if isinstance(outcome, Refused):
        assert outcome.code == expected
    assert script.calls["POST /fapi/v1/order"] == 1  # an order is never sent twice
    assert "canary" not in repr(outcome) + "".join(logged) + caplog.text


def test_an_order_says_what_it_must_and_its_answer_is_typed(exchange: BinanceExchange, server: ScriptedServer) -> None:
    server.answer = script = Script(lambda _: web.json_response(reply("POST /fapi/v1/order")))
    outcome = ask(exchange, ENTRY)
    assert isinstance(outcome, Done)
    assert isinstance(outcome.value, OrderReport)
    form = script.forms[0]
    assert {name: form[name] for name in ("symbol", "side", "type", "quantity", "newClientOrderId")} == {
        "symbol": "BTCUSDT", "side": "BUY", "type": "MARKET", "quantity": "0.010",
        "newClientOrderId": ENTRY.client_id,
    }  # fmt: skip
    assert (form["newOrderRespType"], form["recvWindow"]) == ("RESULT", "2000")
    assert "reduceOnly" not in form


def test_a_protective_order_closes_the_position_on_mark_price(
    exchange: BinanceExchange, server: ScriptedServer
) -> None:
    server.answer = script = Script(lambda _: web.json_response(reply("POST /fapi/v1/algoOrder")))
    stop = PlaceOrder(
        symbol="BTCUSDT", client_id="v7-main-BTCUSDT-1-1S", side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
        trigger_price=Decimal("0.00001000"), close_position=True, reduce_only=True,
    )  # fmt: skip
    assert isinstance(ask(exchange, stop), Done)
    form = script.forms[0]
    assert (form["workingType"], form["closePosition"], form["algoType"]) == ("MARK_PRICE", "true", "CONDITIONAL")
    assert form["triggerPrice"] == "0.00001000"
    assert form.keys().isdisjoint({"quantity", "reduceOnly"})


def test_an_order_without_an_amount_is_never_sent(exchange: BinanceExchange, server: ScriptedServer) -> None:
    server.answer = script = Script(error(400, -1))
    bad = PlaceOrder(symbol="X", client_id="c", side=OrderSide.BUY, kind=OrderKind.MARKET)
    assert isinstance(ask(exchange, bad), Unknown)
    assert script.calls["POST /fapi/v1/order"] == 0


def test_no_answer_in_time_is_unknown(exchange: BinanceExchange, server: ScriptedServer) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/order":
            await asyncio.sleep(30)
        return await Script(error(400, -1))(request)

    server.answer = hang
    assert ask(exchange, ENTRY, timeout_ms=200) == Unknown(text="no answer within 200 ms")


def test_a_connection_that_is_refused_is_unknown(loop: NetworkLoop) -> None:
    gone = ScriptedServer()
    hosts = simulator(gone.url)
    gone.close()
    adapter = BinanceExchange(loop, hosts, Credentials(key=KEY, secret=SECRET), SystemClock())
    probe = Probe()
    adapter.start(probe)
    try:
        adapter.send(ENTRY, PATIENT_MS)
        assert isinstance(probe.expect(ExchangeReplied).outcome, Unknown)
        with pytest.raises(OSError, match="does not answer"):
            adapter.list_symbols()
    finally:
        adapter.stop()


def test_stop_answers_what_is_under_way_and_what_comes_later(exchange: BinanceExchange, server: ScriptedServer) -> None:
    async def hang(request: web.Request) -> web.StreamResponse:
        if request.path.startswith("/fapi/v1/order"):
            await asyncio.sleep(30)
        return await Script(error(400, -1))(request)

    server.answer = hang
    probe = started(exchange)
    for _ in range(40):
        exchange.send(ENTRY, 10_000)
    exchange.stop()
    exchange.send(QueryAccount(), 1_000)
    answers = probe.all(ExchangeReplied)
    assert len(answers) == 41
    assert all(isinstance(answer.outcome, Unknown) for answer in answers)


def test_a_query_without_evidence_is_unknown(exchange: BinanceExchange, server: ScriptedServer) -> None:
    server.answer = Script(raw(200, "[]"))  # no position row, no orders, no fills
    outcome = ask(exchange, QuerySymbol(symbol="BTCUSDT", fills_since_ms=0))
    assert isinstance(outcome, Unknown)
    assert "no row" in outcome.text


def test_a_cancel_of_what_is_gone_is_refused_with_its_code(exchange: BinanceExchange, server: ScriptedServer) -> None:
    server.answer = Script(error(400, -2011))
    outcome = ask(exchange, CancelOrder(symbol="BTCUSDT", client_id="c", conditional=True))
    assert isinstance(outcome, Refused)
    assert outcome.code == -2011


def test_outside_the_window_reads_the_clock_again_and_sends_nothing_twice(
    exchange: BinanceExchange, server: ScriptedServer
) -> None:
    server.answer = script = Script(error(400, -1021))
    outcome = ask(exchange, ENTRY)
    assert isinstance(outcome, Refused)
    exchange._ask(exchange._client.read_clock())
    server.wait_for(lambda: server.asked.count("/fapi/v1/time") >= 9)  # the one after the refusal may end after ours
    assert script.calls["POST /fapi/v1/order"] == 1
    assert server.asked.count("/fapi/v1/time") == 9  # three readings each: at the start, after the refusal, and ours


def test_requests_are_signed_with_the_exchange_s_time(exchange: BinanceExchange, server: ScriptedServer) -> None:
    script = Script(lambda _: web.json_response(reply("POST /fapi/v1/order")))
    ahead_ms = 3_600_000

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().now_ms() + ahead_ms})
        return await script(request)

    server.answer = answer
    before_ms = SystemClock().now_ms()
    probe = started(exchange)
    exchange.send(ENTRY, PATIENT_MS)
    probe.expect(ExchangeReplied)
    measured = probe.expect(ClockMeasured)
    took_ms = SystemClock().now_ms() - before_ms
    error_ms = measured.round_trip_ms / 2 + ROUNDED_MS
    assert before_ms - error_ms <= int(script.forms[0]["timestamp"]) - ahead_ms <= before_ms + took_ms + error_ms
    assert abs(measured.offset_ms - ahead_ms) <= error_ms
    assert 0.0 <= measured.round_trip_ms <= took_ms + ROUNDED_MS


@pytest.mark.parametrize("body", ["[]", "{}", "7"])
def test_a_clock_that_cannot_be_read_holds_no_request_back(
    exchange: BinanceExchange, server: ScriptedServer, body: str
) -> None:
    script = Script(lambda _: web.json_response(reply("POST /fapi/v1/order")))

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body) if request.path == "/fapi/v1/time" else await script(request)

    server.answer = answer
    assert isinstance(ask(exchange, ENTRY), Done)


def test_what_is_used_is_the_exchange_s_own_count(loop: NetworkLoop, server: ScriptedServer) -> None:
    clock = SimulatorClock(1_795_382_380_000, 1.0)  # ten seconds begin, and twenty of the minute are left
    exchange = BinanceExchange(loop, simulator(server.url), Credentials(key=KEY, secret=SECRET), clock)
    counts = {"X-MBX-USED-WEIGHT-1M": "321", "X-MBX-ORDER-COUNT-10S": "3", "X-MBX-ORDER-COUNT-1M": "5"}
    server.answer = Script(raw(400, '{"code":-2019,"msg":"x"}', **counts), clock)
    ask(exchange, ENTRY)
    assert exchange.usage() == Usage(weight_1m=321, orders_10s=3, orders_1m=5)
    exchange.stop()


def test_silence_that_is_asked_for_is_told_and_holds_no_order_back(
    exchange: BinanceExchange, server: ScriptedServer
) -> None:
    server.answer = script = Script(raw(429, '{"code":-1003,"msg":"x"}', **{"Retry-After": "7"}))
    before_ms = SystemClock().now_ms()
    outcome = ask(exchange, ENTRY)
    assert isinstance(outcome, Refused)
    assert (outcome.code, outcome.retry_after_ms) == (-1003, 7_000)
    after_ms = SystemClock().now_ms()
    assert before_ms + 7_000 - ROUNDED_MS <= exchange.usage().silent_until_ms <= after_ms + 7_000 + ROUNDED_MS
    exchange.send(ENTRY, PATIENT_MS)
    server.wait_for(lambda: script.calls["POST /fapi/v1/order"] == 2)


def test_a_client_refuses_another_mode_s_host_before_sending(loop: NetworkLoop, server: ScriptedServer) -> None:
    async def leak() -> None:
        client = Client(
            simulator(server.url), SystemClock(), Budget(SystemClock()), Credentials(key=KEY, secret=SECRET)
        )
        client.urls["api"]["fapiPrivate"] = "https://fapi.binance.com/fapi/v1"
        try:
            await client.fapiPrivateGetOrder({"symbol": "BTCUSDT"})
        finally:
            await client.close()

    with pytest.raises(HostRefused):
        loop.run(leak(), 20.0)


def test_credentials_do_not_print_themselves() -> None:
    credentials = Credentials(key=KEY, secret=SECRET)
    assert "canary" not in repr(credentials) + str(credentials)


def test_a_refusal_that_quotes_our_keys_is_kept_without_them(exchange: BinanceExchange, server: ScriptedServer) -> None:
    """What the exchange says is logged, and kept in the journal with the order."""
    server.answer = Script(raw(400, json.dumps({"code": -2019, "msg": f"not for {KEY} with {SECRET}"})))
    outcome = ask(exchange, ENTRY)
    assert isinstance(outcome, Refused)
    assert "not for [...] with [...]" in outcome.text
