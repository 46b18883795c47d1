"""The user stream against a server that plays the exchange's part."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from aiohttp import web
from loguru import logger

from tests.adapters.binance.probes import TIMEOUT_S, Probe
from tests.adapters.binance.resources import reply, user_frames
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.binance.user_stream import DOUBT_MS, KEEP_ALIVE_MS, NEWS_MS, RETRY_MS
from vortex.adapters.clock import SystemClock
from vortex.domain.order import (
    AccountUpdate,
    AlgoReport,
    AlgoStatus,
    FillAnnounced,
    MarginCall,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    PlaceOrder,
)
from vortex.messages import ExchangeReplied, UserStreamChanged

ENTRY = PlaceOrder(
    symbol="BTCUSDT",
    client_id="v7-main-BTCUSDT-1-1E",
    side=OrderSide.BUY,
    kind=OrderKind.MARKET,
    quantity=Decimal("0.010"),
)


class HastyClock(SystemClock):
    """Keeps listen keys alive every few milliseconds instead of every half hour."""

    def real_s(self, duration_ms: float) -> float:
        return 0.02 if duration_ms in (KEEP_ALIVE_MS, RETRY_MS) else super().real_s(duration_ms)


class DoubtingClock(SystemClock):
    """Trusts a stream again after some milliseconds."""

    def real_s(self, duration_ms: float) -> float:
        return 0.1 if duration_ms == DOUBT_MS else super().real_s(duration_ms)


class ImpatientClock(SystemClock):
    """Expects to hear of an order within some milliseconds."""

    def real_s(self, duration_ms: float) -> float:
        return 0.05 if duration_ms == NEWS_MS else super().real_s(duration_ms)


class PatientClock(SystemClock):
    """Waits for news of an order for as long as a test may take."""

    def real_s(self, duration_ms: float) -> float:
        return 600.0 if duration_ms == NEWS_MS else super().real_s(duration_ms)


class Keys:
    """Serves the clock, listen keys and an order that the stream says nothing of; a prolongation answers as told."""

    def __init__(self) -> None:
        self.issued = 0
        self.prolonged = 0
        self.thrice = threading.Event()
        self.refused = threading.Event()
        self.known = True
        self.busy = False

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        match request.method, request.path:
            case "POST", "/fapi/v1/listenKey":
                self.issued += 1
                self.known = True
                return web.json_response({"listenKey": f"canary{self.issued}"})
            case "PUT", _ if self.busy:
                self.refused.set()
                return web.json_response({"code": -1001, "msg": "Internal error."}, status=500)
            case "POST", "/fapi/v1/order":
                order = {**reply("POST /fapi/v1/order"), "clientOrderId": ENTRY.client_id}
                return web.json_response(order)
            case "PUT", "/fapi/v1/listenKey" if self.known:
                self.prolonged += 1
                if self.prolonged >= 3:
                    self.thrice.set()
                return web.json_response({"listenKey": f"canary{self.issued}"})
            case "PUT", _:
                return web.json_response({"code": -1125, "msg": "This listenKey does not exist."}, status=400)
        return web.json_response({"serverTime": SystemClock().now_ms()})


class Rig:
    def __init__(self, loop: NetworkLoop, server: ScriptedServer, clock: SystemClock) -> None:
        self.server = server
        self.server.answer = self.keys = Keys()
        self.probe = Probe()
        self.port = BinanceExchange(loop, simulator(server.url), Credentials(key="k", secret="s"), clock)
        self.port.start(self.probe)
        self.probe.expect(UserStreamChanged, lambda change: change.up)


class Overtaking(Keys):
    """Tells the stream of an order, and answers the request once that was heard."""

    def __init__(self, server: ScriptedServer, probe: Probe) -> None:
        super().__init__()
        self._server, self._probe = server, probe

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/order":
            await self._server.tell(user_frames()[2].decode())
            await asyncio.to_thread(self._probe.expect, OrderReport)
        return await super().__call__(request)


@pytest.fixture
def rig(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server, SystemClock())
    yield made
    made.port.stop()


@pytest.fixture
def hasty(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server, HastyClock())
    yield made
    made.port.stop()


def test_every_recorded_event_reaches_the_recipient_in_order(rig: Rig) -> None:
    for frame in user_frames():
        rig.server.push(frame.decode())
    rig.probe.expect(AlgoReport, lambda algo: algo.status is AlgoStatus.FINISHED)
    entry = [report.status for report in rig.probe.all(OrderReport) if report.client_id.endswith("E")]
    assert entry == [OrderStatus.NEW, OrderStatus.FILLED]
    assert len(rig.probe.all(AccountUpdate)) == 3


def test_an_expired_key_is_replaced_and_the_gap_is_told(rig: Rig) -> None:
    told = len(rig.probe.told)
    rig.server.push('{"e":"listenKeyExpired","E":1,"listenKey":"canary1"}')
    rig.probe.expect(UserStreamChanged, lambda change: not change.up and "Expired" in change.detail, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    rig.server.wait_for(lambda: rig.server.opened[-1] == "/private/ws?listenKey=canary2")
    assert rig.keys.issued == 2


def test_a_cut_stream_comes_back(rig: Rig) -> None:
    told = len(rig.probe.told)
    rig.server.drop()
    rig.probe.expect(UserStreamChanged, lambda change: not change.up, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)


def test_news_that_overtake_the_reply_are_news(loop: NetworkLoop, server: ScriptedServer) -> None:
    rig = Rig(loop, server, PatientClock())
    for answer, waits in ((Overtaking(server, rig.probe), False), (Keys(), True)):
        server.answer = answer
        told = len(rig.probe.told)
        rig.port.send(ENTRY, 30_000)
        rig.probe.expect(ExchangeReplied, after=told)
        assert (rig.port._user_stream._news is not None) is waits
    rig.port.stop()


def test_a_peer_that_no_longer_answers_is_given_up(
    loop: NetworkLoop, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vortex.adapters.binance.stream.IDLE_PING_S", 0.1)
    server.pongs = False
    rig = Rig(loop, server, SystemClock())
    told = len(rig.probe.told)
    rig.probe.expect(UserStreamChanged, lambda change: not change.up, after=told)
    server.pongs = True
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    rig.port.stop()


def test_an_ended_stream_is_opened_again(rig: Rig) -> None:
    told = len(rig.probe.told)
    rig.server.push('{"event":{"e":"eventStreamTerminated","E":1}}')
    rig.probe.expect(UserStreamChanged, lambda change: not change.up and "Terminated" in change.detail, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)


@pytest.mark.parametrize(
    "frame",
    [
        "{",
        "[1]",
        "{}",
        '{"e":"ORDER_TRADE_UPDATE"}',
        '{"e":"TRADE_LITE","E":1}',
        user_frames()[2].decode().replace('"X":"NEW"', '"X":"SOMETHING_NEW"'),
        user_frames()[2].decode().replace('"S":"BUY"', '"S":"BOTH"'),
    ],
)
def test_a_frame_that_is_not_understood_is_a_gap_and_does_not_end_the_stream(loop: NetworkLoop, server: ScriptedServer,
                                                                             frame: str) -> None:  # fmt: skip
    rig = Rig(loop, server, DoubtingClock())
    told = len(rig.probe.told)
    rig.server.push(frame)
    rig.server.push(user_frames()[2].decode())
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    rig.probe.expect(OrderReport)  # the next frame counts as ever
    changes = [message.up for message in rig.probe.told[told:] if isinstance(message, UserStreamChanged)]
    assert changes == [False, True]
    assert len(rig.server.opened) == 1  # the same connection
    rig.port.stop()


def test_events_of_one_type_that_go_back_in_time_are_a_gap(loop: NetworkLoop, server: ScriptedServer) -> None:
    rig = Rig(loop, server, DoubtingClock())
    told = len(rig.probe.told)
    lite = {"e": "TRADE_LITE", "T": 1, "s": "X", "c": "c", "i": 1}
    frames = [json.dumps({**lite, "E": 9 - number, "t": number}) for number in (1, 2)]
    call = '{"e":"MARGIN_CALL","E":1,"p":[{"s":"X"}]}'  # another type has an order of its own
    for frame in (call, *frames):
        rig.server.push(frame)
    rig.probe.expect(UserStreamChanged, lambda change: not change.up and change.detail == "out of order", after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    assert [fill.fill_id for fill in rig.probe.all(FillAnnounced)] == [1, 2]
    assert rig.probe.all(MarginCall) == [MarginCall(ts_ms=1, symbols=("X",))]
    rig.port.stop()


def test_what_nobody_handles_is_named_once_and_is_no_gap(rig: Rig) -> None:
    logged: list[str] = []
    handler = logger.add(logged.append, level="WARNING", format="{message}")
    for name in ("SOMETHING", "SOMETHING", "GRID_UPDATE", "STRATEGY_UPDATE"):
        rig.server.push(f'{{"e":"{name}"}}')
    told = len(rig.probe.told)
    rig.server.push(user_frames()[2].decode())
    rig.probe.expect(OrderReport)
    logger.remove(handler)
    assert len([line for line in logged if "SOMETHING" in line]) == 1
    assert not any("GRID" in line or "STRATEGY" in line for line in logged)
    assert not any(isinstance(message, UserStreamChanged) for message in rig.probe.told[told:])


def test_an_order_nothing_is_heard_of_means_a_silent_stream(loop: NetworkLoop, server: ScriptedServer) -> None:
    rig = Rig(loop, server, ImpatientClock())
    told = len(rig.probe.told)
    rig.port.send(ENTRY, 30_000)
    rig.probe.expect(UserStreamChanged, lambda change: not change.up and "silent" in change.detail, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    rig.port.stop()


def test_the_key_is_kept_alive_again_and_again(hasty: Rig) -> None:
    told = len(hasty.probe.told)
    assert hasty.keys.thrice.wait(TIMEOUT_S)
    assert hasty.keys.issued == 1
    assert not any(isinstance(message, UserStreamChanged) for message in hasty.probe.told[told:])


def test_a_key_that_could_not_be_prolonged_may_still_be_good(hasty: Rig) -> None:
    told = len(hasty.probe.told)
    hasty.keys.busy = True
    assert hasty.keys.refused.wait(TIMEOUT_S)
    hasty.keys.busy = False
    hasty.keys.thrice.clear()
    hasty.keys.prolonged = 0
    assert hasty.keys.thrice.wait(TIMEOUT_S)
    assert not any(isinstance(message, UserStreamChanged) for message in hasty.probe.told[told:])


def test_a_key_that_is_gone_is_replaced(hasty: Rig) -> None:
    told = len(hasty.probe.told)
    hasty.keys.known = False
    hasty.probe.expect(UserStreamChanged, lambda change: not change.up and "gone" in change.detail, after=told)
    hasty.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    assert hasty.keys.issued == 2
