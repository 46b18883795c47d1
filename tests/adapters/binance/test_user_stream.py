"""The user stream against a server that plays the exchange's part."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from aiohttp import web
from loguru import logger

from tests.adapters.binance.probes import TIMEOUT_S, Probe
from tests.adapters.binance.resources import user_frames
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.binance.user_stream import KEEP_ALIVE_MS, RETRY_MS
from vortex.adapters.clock import SystemClock
from vortex.domain.order import AccountUpdate, AlgoReport, AlgoStatus, OrderReport, OrderStatus
from vortex.messages import UserStreamChanged


class HastyClock(SystemClock):
    """Keeps listen keys alive every few milliseconds instead of every half hour."""

    def real_s(self, duration_ms: float) -> float:
        return 0.02 if duration_ms in (KEEP_ALIVE_MS, RETRY_MS) else super().real_s(duration_ms)


class Keys:
    """Serves the clock and listen keys; a prolongation answers as told."""

    def __init__(self) -> None:
        self.issued = 0
        self.prolonged = 0
        self.thrice = threading.Event()
        self.known = True

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        match request.method, request.path:
            case "POST", "/fapi/v1/listenKey":
                self.issued += 1
                self.known = True
                return web.json_response({"listenKey": f"canary{self.issued}"})
            case "PUT", "/fapi/v1/listenKey" if self.known:
                self.prolonged += 1
                if self.prolonged == 3:
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
    rig.probe.expect(UserStreamChanged, lambda change: not change.up and "expired" in change.detail, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    rig.server.wait_for(lambda: rig.server.opened[-1] == "/private/ws?listenKey=canary2")
    assert rig.keys.issued == 2


def test_a_cut_stream_comes_back(rig: Rig) -> None:
    told = len(rig.probe.told)
    rig.server.drop()
    rig.probe.expect(UserStreamChanged, lambda change: not change.up, after=told)
    rig.probe.expect(UserStreamChanged, lambda change: change.up, after=told)


def test_events_nobody_knows_and_broken_frames_do_no_harm(rig: Rig) -> None:
    logged: list[str] = []
    handler = logger.add(logged.append, level="WARNING", format="{message}")
    for frame in (
        '{"e":"MARGIN_CALL"}',
        '{"e":"MARGIN_CALL"}',
        "{",
        '{"e":"ORDER_TRADE_UPDATE"}',
        '{"e":"TRADE_LITE"}',
    ):
        rig.server.push(frame)
    rig.server.push(user_frames()[2].decode())
    rig.probe.expect(OrderReport)
    logger.remove(handler)
    assert len([line for line in logged if "MARGIN_CALL" in line]) == 1
    assert len([line for line in logged if "malformed" in line]) == 1
    assert not any("TRADE_LITE" in line for line in logged)


def test_the_key_is_kept_alive_again_and_again(hasty: Rig) -> None:
    told = len(hasty.probe.told)
    assert hasty.keys.thrice.wait(TIMEOUT_S)
    assert hasty.keys.issued == 1
    assert len(hasty.probe.told) == told


def test_a_key_that_is_gone_is_replaced(hasty: Rig) -> None:
    told = len(hasty.probe.told)
    hasty.keys.known = False
    hasty.probe.expect(UserStreamChanged, lambda change: not change.up and "gone" in change.detail, after=told)
    hasty.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    assert hasty.keys.issued == 2
