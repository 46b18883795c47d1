"""Where each public figure is asked for when the crowd is watched at another host."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from aiohttp import web

from tests.adapters.binance.resources import reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Client, Credentials
from vortex.adapters.binance.hosts import Hosts, sentiment, simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.clock import SimulatorClock, SystemClock


async def answer(request: web.Request) -> web.StreamResponse:
    replies: dict[str, object] = {
        "/fapi/v1/klines": [],
        "/fapi/v1/fundingInfo": [],
        "/fapi/v1/premiumIndex": reply("GET /fapi/v1/premiumIndex"),
        "/fapi/v1/openInterest": reply("GET /fapi/v1/openInterest"),
        "/futures/data/globalLongShortAccountRatio": reply("GET /futures/data/globalLongShortAccountRatio"),
    }
    return web.json_response(replies[request.path], headers={"X-MBX-USED-WEIGHT-1M": "2000"})


@pytest.fixture
def crowd() -> Iterator[ScriptedServer]:
    made = ScriptedServer()
    yield made
    made.close()


def test_candles_come_from_the_venue_and_sentiment_from_the_crowd_s_host(
    loop: NetworkLoop, server: ScriptedServer, crowd: ScriptedServer
) -> None:
    server.answer = crowd.answer = answer
    clock = SimulatorClock(1_795_382_388_000, 1.0)  # 12 s before the end of a minute, with which a count ends
    budget = Budget(clock)
    demo = Hosts(mode="paper", rest=server.url, ratios=False)
    public = PublicData(demo, clock, budget, simulator(crowd.url))
    assert public.has_ratios
    assert not PublicData(demo, clock).has_ratios

    async def read() -> None:
        await public.funding("BTCUSDT")
        await public.open_interest("BTCUSDT")
        await public.funding_interval_h("BTCUSDT")
        await public.ratios("global", "BTCUSDT", "5m", 1)
        assert not budget.tight  # another host counts for itself
        await public.history("BTCUSDT", "1m", 0)
        await public.close()

    loop.run(read(), 20.0)
    assert [path.partition("?")[0] for path in server.asked] == ["/fapi/v1/klines"]
    assert len(crowd.asked) == 4
    assert budget.tight


def test_keys_never_go_to_a_host_that_is_only_read() -> None:
    clock = SystemClock()
    with pytest.raises(ValueError, match="keys do not belong"):
        Client(sentiment(), clock, Budget(clock), Credentials(key="k", secret="s"))
