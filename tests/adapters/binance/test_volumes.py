"""A week of minutes from a server that has them, or some of them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
import pytest
from aiohttp import web

from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.public import PublicData
from vortex.adapters.binance.volumes import ROWS, volume_history
from vortex.adapters.clock import SimulatorClock
from vortex.domain.indicators.toxicity import DAY_MS
from vortex.domain.market import VolumeHistory

NOW = 1_795_382_388_000
MIDNIGHT = NOW // DAY_MS * DAY_MS


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


def fetch(server: ScriptedServer, generated_before_ms: int = 0) -> VolumeHistory:
    hosts = simulator(server.url)

    async def run() -> VolumeHistory:
        public = PublicData(hosts, SimulatorClock(NOW, 1.0))
        try:
            return await volume_history(public, "BTCUSDT", generated_before_ms, NOW)
        finally:
            await public.close()

    return asyncio.run(run())


async def klines(request: web.Request) -> web.StreamResponse:
    start_ms, limit = int(request.query["startTime"]), int(request.query["limit"])
    opens = range(start_ms, min(start_ms + limit * 60_000, NOW), 60_000)
    return web.json_response([[each, "1", "1", "1", "1", "3", each + 59_999, "3", 2, "1", "1", "0"] for each in opens])


async def nothing(_request: web.Request) -> web.StreamResponse:
    return web.json_response([])


async def nonsense(_request: web.Request) -> web.StreamResponse:
    return web.json_response([[1, 2]])


def test_it_is_whole_days_and_today_without_the_forming_minute(server: ScriptedServer) -> None:
    server.answer = klines
    minutes = fetch(server).minutes
    assert minutes[0].open_ms == MIDNIGHT - 7 * DAY_MS
    assert [each.open_ms for each in minutes] == list(range(minutes[0].open_ms, NOW // 60_000 * 60_000, 60_000))
    assert len(minutes) > ROWS
    assert (minutes[0].volume, minutes[0].bought) == (3.0, 1.0)


def test_what_was_generated_is_left_out(server: ScriptedServer) -> None:
    server.answer = klines
    minutes = fetch(server, generated_before_ms=NOW - 600_001).minutes
    assert len(minutes) == 9
    assert minutes[0].open_ms >= NOW - 600_001


def test_a_symbol_without_any_has_none(server: ScriptedServer) -> None:
    server.answer = nothing
    assert fetch(server).minutes == ()


def test_another_shape_is_refused(server: ScriptedServer) -> None:
    server.answer = nonsense
    with pytest.raises(msgspec.ValidationError):
        fetch(server)
