from __future__ import annotations

import asyncio

import pytest
from ccxt.base.errors import ExchangeNotAvailable

from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.ccxt_client import StreamClient, at_place
from vortex.adapters.binance.ccxt_feed import CcxtFeed
from vortex.adapters.binance.hosts import HostRefused, Hosts, demo, live, simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.clock import SystemClock
from vortex.domain.indicators.flow import BookFlow

TIMEOUT_S = 20.0


def client_of(hosts: Hosts, loop: NetworkLoop) -> StreamClient:
    """A client that is never asked to connect."""
    clock = SystemClock()
    feed = CcxtFeed(
        loop=loop, hosts=hosts, clock=clock, public=PublicData(hosts, clock), flow_factory=BookFlow,
        generated_before_ms={}, sentiment_generated=True,
    )  # fmt: skip
    return StreamClient(hosts, clock, Budget(clock), feed, feed.notices)


@pytest.mark.parametrize(
    ("hosts", "address"),
    [
        (simulator("http://127.0.0.1:8790"), "ws://127.0.0.1:8790/market/ws/3"),
        (demo(), "wss://demo-fstream.binance.com/market/ws/3"),
        (live(), "wss://fstream.binance.com/market/ws/3"),
    ],
)
def test_each_mode_has_its_streams(hosts: Hosts, address: str, loop: NetworkLoop) -> None:
    client = client_of(hosts, loop)
    with at_place(3):
        assert f"{client.get_ws_url('linear', 'market')}/{client.stream()}" == address
    hosts.check(address)


def test_no_book_is_seeded_while_the_exchange_wants_silence(loop: NetworkLoop) -> None:
    async def seed() -> None:
        client = client_of(simulator("http://127.0.0.1:9"), loop)  # where nobody answers
        try:
            with pytest.raises(ExchangeNotAvailable):
                await client.fetch_order_book("BTCUSDT")
            client.budget.silence_ms(418, None, {"retry-after": "60"}, "")
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await client.fetch_order_book("BTCUSDT")
        finally:
            await client.close()

    loop.run(seed(), TIMEOUT_S)


def test_streams_are_held_to_the_hosts_of_the_mode(loop: NetworkLoop) -> None:
    async def leak() -> None:
        client = client_of(simulator("http://127.0.0.1:8790"), loop)
        try:
            client.client("wss://fstream.binance.com/public/ws/0")
        finally:
            await client.close()

    with pytest.raises(HostRefused, match="paper mode must not connect"):
        loop.run(leak(), TIMEOUT_S)
