"""The outcome table, code by code: what became of a request, by what the exchange answered to it, over real sockets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.binance.outcome_table import (
    ALGO,
    CALLS,
    ENTRY_ID,
    OF_ONE_CALL,
    ORDER,
    REFUSED_CODES,
    SAME_FOR_ALL,
    STOP_ID,
    UNPROVEN_CODES,
    Call,
    Row,
)
from tests.adapters.binance.probes import Probe
from tests.adapters.binance.resources import reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.errors import REFUSALS
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SystemClock
from vortex.domain.order import Done, Outcome, Refused, Unknown
from vortex.messages import ExchangeReplied, UserStreamChanged

PATIENT_MS, HASTY_MS = 30_000, 100
STATUS_OF_CODE = {-2014: 401, -2015: 401, -1003: 429, -1015: 429}
WORDS = {
    "503_unknown": (503, {"code": -1000, "msg": "Unknown error, please check your request or try again later."}),
    "503_busy": (503, {"msg": "Service Unavailable."}),
    "503_throttled": (503, {"code": -1008, "msg": "Request throttled by system-level protection."}),
    "503_margin": (503, {"code": -2019, "msg": "Margin is insufficient."}),
    "408_timeout": (408, {"code": -1007, "msg": "Timeout waiting for response from backend server."}),
}


class FaultyExchange:
    """Answers as the recorded exchange did, except the calls of one method and path, for which it has a fault."""

    def __init__(self) -> None:
        self.call: Call | None = None
        self.do = ""
        self._good: dict[tuple[str, str], Any] = {
            (method, path): reply(f"{method} {path}")
            for method, path in (
                ("GET", "/fapi/v1/openOrders"), ("GET", "/fapi/v1/openAlgoOrders"), ("GET", "/fapi/v3/account"),
                ("GET", "/fapi/v2/positionRisk"), ("GET", "/fapi/v1/userTrades"), ("POST", "/fapi/v1/leverage"),
            )
        }  # fmt: skip
        for method in ("POST", "GET", "DELETE"):
            self._good[method, ORDER] = {**reply("POST /fapi/v1/order"), "clientOrderId": ENTRY_ID}
            self._good[method, ALGO] = {**reply("POST /fapi/v1/algoOrder"), "clientAlgoId": STOP_ID}
        self._good["DELETE", ALGO] = {"algoId": 1, "clientAlgoId": STOP_ID, "code": "200", "msg": "success"}
        self._good["POST", "/fapi/v1/listenKey"] = {"listenKey": "k"}

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().now_ms()})
        good = json.dumps(self._good[request.method, request.path])
        call = self.call
        if self.do and call is not None and (request.method, request.path) == (call.method, call.path):
            return await self._fault(request, good)
        return web.Response(text=good, content_type="application/json")

    async def _fault(self, request: web.Request, good: str) -> web.StreamResponse:
        word, _, rest = self.do.partition(":")
        match word:
            case "code":
                body = json.dumps({"code": int(rest), "msg": "said the exchange"})
                status = STATUS_OF_CODE.get(int(rest), 400)
                return web.Response(status=status, text=body, content_type="application/json")
            case "http" if rest in WORDS:
                return web.json_response(WORDS[rest][1], status=WORDS[rest][0])
            case "http":
                number, _, wait = rest.partition(":")
                headers = {"Retry-After": wait or "1"} if number in ("429", "418") else {}
                return web.Response(status=int(number), text="<html>", content_type="text/html", headers=headers)
            case "json":
                return web.Response(text=rest, content_type="application/json")
            case "truncate":
                return web.Response(text=good[: len(good) // 2], content_type="application/json")
            case "timeout_before_apply":
                await asyncio.sleep(10 * HASTY_MS / 1_000)
            case "reset_before_apply":
                assert request.transport is not None
                request.transport.abort()
        return web.Response(text="<html>hello</html>" if word == "html_200" else "", content_type="text/html")


class Rig:
    def __init__(self) -> None:
        self.faults: list[tuple[str, str]] = []
        self._loop = NetworkLoop(on_fault=lambda name, text: self.faults.append((name, text)))
        self._loop.start()
        self._server = ScriptedServer()
        self._server.answer = self.exchange = FaultyExchange()
        self._probe = Probe()
        keys = Credentials(key="canary-key", secret="canary-secret")
        self._port = BinanceExchange(self._loop, simulator(self._server.url), keys, SystemClock())
        self._port.start(self._probe)
        self._probe.expect(UserStreamChanged)

    def outcome(self, call: Call, do: str) -> Outcome:
        self.exchange.call, self.exchange.do = call, do
        seen = len(self._probe.told)
        self._port.send(call.request, HASTY_MS if do.startswith("timeout") else PATIENT_MS)
        return self._probe.expect(ExchangeReplied, lambda answer: answer.request is call.request, after=seen).outcome

    def close(self) -> None:
        self._port.stop()
        self._server.close()
        self._loop.stop()
        assert self.faults == []


@pytest.fixture(scope="module")
def rig() -> Iterator[Rig]:
    made = Rig()
    yield made
    made.close()


def check(rig: Rig, call: Call, row: Row) -> None:
    outcome = rig.outcome(call, row.do)
    where = f"{call.method} {call.path} {row.do}: {outcome}"
    expected = {"DONE": Done, "REFUSED": Refused, "UNKNOWN": Unknown}[row.verdict]
    assert isinstance(outcome, expected), where
    if isinstance(outcome, Refused):
        assert (outcome.code, outcome.retry_after_ms) == (row.code, row.retry_ms), where
    if not isinstance(outcome, Done):
        assert "canary" not in outcome.text


@pytest.mark.parametrize("row", SAME_FOR_ALL, ids=lambda row: row.do)
def test_what_an_answer_proves_whatever_was_asked(rig: Rig, row: Row) -> None:
    for call in CALLS:
        check(rig, call, row)


@pytest.mark.parametrize(
    ("call", "row"), OF_ONE_CALL, ids=lambda part: f"{part.method}-{part.path}" if isinstance(part, Call) else part.do
)
def test_what_an_answer_proves_about_one_request(rig: Rig, call: Call, row: Row) -> None:
    check(rig, call, row)


def test_the_table_has_every_family_of_refusals_and_no_code_twice() -> None:
    limited = {-1003, -1015}  # rows of their own
    for family, codes in REFUSALS:
        assert {*codes} & ({*REFUSED_CODES} | limited), family
    assert len({*REFUSED_CODES, *UNPROVEN_CODES}) == len(REFUSED_CODES) + len(UNPROVEN_CODES)
