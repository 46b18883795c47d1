"""What a request of the port asks of the exchange, beyond one call and its reply."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.binance.outcome_table import ENTRY
from tests.adapters.binance.probes import Probe
from tests.adapters.binance.resources import reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.calls import WEEK_MS
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SystemClock
from vortex.domain.order import (
    Done,
    ExchangeRequest,
    Outcome,
    PrepareSymbol,
    QuerySymbol,
    Refused,
    SymbolSetup,
    SymbolState,
    Unknown,
)
from vortex.messages import ExchangeReplied

FLAT = [{**reply("GET /fapi/v2/positionRisk")[0], "positionAmt": "0"}]
HELD = reply("GET /fapi/v2/positionRisk")
PREPARE = PrepareSymbol(symbol="BTCUSDT")
PATIENT_MS = 30_000


class Exchange:
    """Answers as recorded: on cross margin, flat, without orders; `replies` may be changed."""

    def __init__(self) -> None:
        self.calls: Counter[str] = Counter()
        self.replies: dict[str, Any] = {
            f"GET {path}": reply(f"GET {path}")
            for path in (
                "/fapi/v1/exchangeInfo", "/fapi/v1/symbolConfig", "/fapi/v1/leverageBracket", "/fapi/v1/commissionRate",
                "/fapi/v1/openOrders",
            )
        } | {
            "GET /fapi/v2/positionRisk": FLAT,
            "GET /fapi/v1/openAlgoOrders": [],
            "POST /fapi/v1/marginType": {"code": 200, "msg": "success"},
            "POST /fapi/v1/listenKey": {"listenKey": "k"},
        }  # fmt: skip

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        call = f"{request.method} {request.path}"
        self.calls[call] += 1
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().now_ms()})
        answer = self.replies[call]
        refused = isinstance(answer, dict) and answer.get("code", 200) < 0
        return web.json_response(answer, status=400 if refused else 200)

    def set_tick(self, tick: str) -> None:
        info = json.loads(json.dumps(self.replies["GET /fapi/v1/exchangeInfo"]))
        (symbol,) = [row for row in info["symbols"] if row["symbol"] == "BTCUSDT"]
        (price,) = [row for row in symbol["filters"] if row["filterType"] == "PRICE_FILTER"]
        price["tickSize"] = tick
        self.replies["GET /fapi/v1/exchangeInfo"] = info


class Rig:
    def __init__(self, loop: NetworkLoop, server: ScriptedServer) -> None:
        server.answer = self.exchange = Exchange()
        self.port = BinanceExchange(loop, simulator(server.url), Credentials(key="k", secret="s"), SystemClock())
        self._probe = Probe()
        self.port.start(self._probe)

    def ask(self, request: ExchangeRequest) -> Outcome:
        seen = len(self._probe.told)
        self.port.send(request, PATIENT_MS)
        return self._probe.expect(ExchangeReplied, after=seen).outcome

    def tick_size(self) -> Decimal:
        outcome = self.ask(PREPARE)
        assert isinstance(outcome, Done), outcome
        assert isinstance(outcome.value, SymbolSetup)
        return outcome.value.rules.tick_size


@pytest.fixture
def rig(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server)
    yield made
    made.port.stop()


def test_a_free_symbol_on_cross_margin_becomes_isolated(rig: Rig) -> None:
    assert isinstance(rig.ask(PREPARE), Done)
    assert rig.exchange.calls["POST /fapi/v1/marginType"] == 1


def test_an_isolated_symbol_is_left_as_it_is(rig: Rig) -> None:
    config = {**reply("GET /fapi/v1/symbolConfig")[0], "marginType": "ISOLATED"}
    rig.exchange.replies |= {"GET /fapi/v1/symbolConfig": [config], "GET /fapi/v2/positionRisk": HELD}
    assert isinstance(rig.ask(PREPARE), Done)
    assert rig.exchange.calls["POST /fapi/v1/marginType"] == 0


def test_a_symbol_in_a_break_is_listed_but_not_prepared_until_it_trades_again(rig: Rig) -> None:
    info = reply("GET /fapi/v1/exchangeInfo")
    broken = {**info, "symbols": [info["symbols"][0] | {"status": "BREAK"}]}
    rig.exchange.replies["GET /fapi/v1/exchangeInfo"] = broken
    assert rig.port.list_symbols() == {"BTCUSDT"}
    outcome = rig.ask(PREPARE)
    assert isinstance(outcome, Refused)
    assert outcome.code == -4141
    rig.exchange.replies["GET /fapi/v1/exchangeInfo"] = info
    assert isinstance(rig.ask(PREPARE), Done)


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"GET /fapi/v2/positionRisk": HELD}, -4048, "holds 0.010"),
        ({"GET /fapi/v1/openOrders": [{**reply("POST /fapi/v1/order"), "status": "NEW"}]}, -4047, "1 open orders"),
        ({"GET /fapi/v1/openAlgoOrders": [reply("POST /fapi/v1/algoOrder")] * 2}, -4047, "2 open orders"),
    ],
)
def test_a_symbol_in_use_on_cross_margin_is_refused_in_clear_words(
    rig: Rig, changed: dict[str, Any], code: int, words: str
) -> None:
    rig.exchange.replies |= changed
    outcome = rig.ask(PREPARE)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert "BTCUSDT is on cross margin" in outcome.text
    assert words in outcome.text
    assert rig.exchange.calls["POST /fapi/v1/marginType"] == 0


@pytest.mark.parametrize("path", ["/fapi/v1/openOrders", "/fapi/v1/openAlgoOrders", "/fapi/v2/positionRisk"])
def test_whether_a_symbol_is_in_use_needs_evidence(rig: Rig, path: str) -> None:
    rig.exchange.replies[f"GET {path}"] = {}
    assert isinstance(rig.ask(PREPARE), Unknown)
    assert rig.exchange.calls["POST /fapi/v1/marginType"] == 0


@pytest.mark.parametrize(("code", "read_again"), [(-1111, True), (-4014, True), (-2019, False)])
def test_filters_are_read_again_when_a_refusal_says_that_they_changed(
    rig: Rig, code: int, read_again: bool  # noqa: FBT001  # a table
) -> None:  # fmt: skip
    before = rig.tick_size()
    rig.exchange.set_tick("0.5")
    assert rig.tick_size() == before
    rig.exchange.replies["POST /fapi/v1/order"] = {"code": code, "msg": "said the exchange"}
    assert isinstance(rig.ask(ENTRY), Refused)
    assert (rig.tick_size() == Decimal("0.5")) is read_again
    assert rig.exchange.calls["GET /fapi/v1/exchangeInfo"] == (2 if read_again else 1)


class Trades(Exchange):
    """One symbol's executions as Binance lists them: by time within a week, by id without end."""

    def __init__(self, *times_ms: int) -> None:
        super().__init__()
        order = reply("POST /fapi/v1/order")
        self.replies["GET /fapi/v1/order"] = order
        self._rows = [
            {**reply("GET /fapi/v1/userTrades")[0], "id": number, "time": time_ms, "orderId": order["orderId"]}
            for number, time_ms in enumerate(times_ms, start=1)
        ]

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/fapi/v1/userTrades":
            return await super().__call__(request)
        self.calls[f"GET {request.path}"] += 1
        start_ms, first = int(request.query.get("startTime", 0)), int(request.query.get("fromId", 0))
        assert (start_ms == 0) is (first > 0)  # the exchange takes one of the two
        end_ms = start_ms + WEEK_MS if start_ms else 2**60
        found = [row for row in self._rows if start_ms <= row["time"] < end_ms and row["id"] >= first]
        return web.json_response(found[: int(request.query["limit"])])


DAY_MS = 86_400_000


@pytest.mark.parametrize(
    ("since_days", "ages_days", "seen", "calls"),
    [
        (1, [], 0, 1),
        (1, [0.5], 1, 1),
        (6, [8, 3], 1, 1),
        (30, [29, 28, 15, 1], 4, 2),
        (30, [20, 1], 2, 3),
        (30, [], 0, 5),
        (20_000, [300, 170, 1], 2, 3),  # no further back than half a year
        (1, [0.5] * 2_500, 2_500, 3),
    ],
)
def test_executions_are_found_however_long_ago(
    loop: NetworkLoop, server: ScriptedServer, since_days: int, ages_days: list[float], seen: int, calls: int
) -> None:
    now_ms = SystemClock().now_ms()
    rig = Rig(loop, server)
    server.answer = exchange = Trades(*(now_ms - int(age * DAY_MS) for age in ages_days))
    since_ms = max(1, now_ms - since_days * DAY_MS)
    outcome = rig.ask(QuerySymbol(symbol="BTCUSDT", fills_since_ms=since_ms))
    rig.port.stop()
    assert isinstance(outcome, Done), outcome
    assert isinstance(outcome.value, SymbolState)
    fills = [fill.fill_id for fill in outcome.value.fills]
    assert fills == sorted(set(fills))
    assert (len(fills), exchange.calls["GET /fapi/v1/userTrades"]) == (seen, calls)
