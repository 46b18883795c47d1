"""What happens on the wire to a client that asks too much."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from tests.sim.server.kit import Client, Running
from vortex.sim.server.usage import ORDERS_PER_10S, PATIENCE, WEIGHT_PER_MINUTE

DEPTH_WEIGHT = 20


@pytest.fixture
def client(own: Running) -> Iterator[Client]:
    """A client with the whole of a minute, and of ten seconds, before it."""
    own.client.post_json("/sim/v1/reset", {})
    ahead_ms = 60_500 - own.client.get("/fapi/v1/time").body["serverTime"] % 60_000
    own.client.post_json("/sim/v1/clock", {"offset_ms": ahead_ms})
    own.client.ahead_ms = float(ahead_ms)
    yield own.client
    own.client.ahead_ms = 0.0


def ask(client: Client) -> tuple[int, int]:
    reply = client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1_000)
    return reply.status, int(reply.headers["X-MBX-USED-WEIGHT-1M"])


def test_429_then_418_and_streams_go_on(own: Running, client: Client) -> None:
    allowed = WEIGHT_PER_MINUTE // DEPTH_WEIGHT
    assert [ask(client) for _ in range(allowed)][-1] == (200, WEIGHT_PER_MINUTE)
    for _ in range(PATIENCE):
        refused = client.get("/fapi/v1/time")
        assert (refused.status, refused.code) == (429, -1003)
        assert 0 < int(refused.headers["RETRY-AFTER"]) <= 60
    for method, path in (("GET", "/fapi/v1/time"), ("POST", "/fapi/v1/order")):
        banned = client.signed(method, path, symbol="BTCUSDT")
        assert (banned.status, banned.code) == (418, -1003)
        assert 110 < int(banned.headers["RETRY-AFTER"]) <= 120
        assert "banned until" in banned.body["msg"]
    assert client.ledger()["orders"] == []
    asyncio.run(one_book(own))
    client.post_json("/sim/v1/reset", {})
    assert ask(client) == (200, DEPTH_WEIGHT)


async def one_book(own: Running) -> None:
    url = f"{own.server.ws_url}/public/stream?streams=btcusdt@depth20@100ms"
    async with asyncio.timeout(20), aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        assert "data" in await socket.receive_json()


def test_too_many_orders_in_ten_seconds(client: Client) -> None:
    def place() -> tuple[int, int, int]:
        reply = client.signed("POST", "/fapi/v1/order", symbol="BTCUSDT")  # counted, and refused for what it lacks
        return reply.status, reply.code, int(reply.headers["X-MBX-ORDER-COUNT-10S"])

    replies = [place() for _ in range(2 * ORDERS_PER_10S + 1)]
    refused = [reply for reply in replies if reply[1] == -1015]
    assert {reply[0] for reply in refused} == {429}
    assert refused[0][2] == ORDERS_PER_10S + 1
    assert replies[0][:2] == (400, -1102)


def test_every_reply_tells_the_weight(client: Client) -> None:
    for reply in (client.get("/fapi/v1/ping"), client.get("/no/such/path"), client.get("/fapi/v1/depth", symbol="NO")):
        assert reply.headers["X-MBX-USED-WEIGHT-1M"].isdigit()
