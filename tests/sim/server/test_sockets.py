"""Pings, pongs and who gives none, on a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import aiohttp

from tests.sim.server.kit import Running
from tests.sim.server.test_streams import Socket
from vortex.sim.server.app import SimServer
from vortex.sim.server.sockets import PING_S, PONG_S, Outlet

TARGET = "/public/stream?streams=slowusdt@trade"


def later(change: Callable[[Outlet], None]) -> Callable[[SimServer], None]:
    """Change what is known of the one socket of these tests, and look at all of them."""

    def act(server: SimServer) -> None:
        sockets = server.venue.sockets
        for outlet in server.venue.hub._readers["slowusdt@trade"]:
            change(outlet)
        sockets._looked_s = 0.0
        sockets.tick(server.venue.clock.now_ms())

    return act


async def with_socket(exchange: Running, act: Callable[[Socket], asyncio.Future[None]]) -> None:
    async with (
        asyncio.timeout(20),
        aiohttp.ClientSession() as session,
        session.ws_connect(exchange.server.ws_url + TARGET, autoping=False) as socket,
    ):
        await act(socket)


def test_the_server_pings_and_hears_the_pong(exchange: Running) -> None:
    def long_ago(outlet: Outlet) -> None:
        outlet.pinged_s -= PING_S
        outlet.ponged_s -= PONG_S - 60

    def pong_heard(server: SimServer) -> bool:
        [outlet] = server.venue.hub._readers["slowusdt@trade"]
        return outlet.ponged_s >= outlet.pinged_s

    async def act(socket: Socket) -> None:
        await asyncio.to_thread(exchange.do, later(long_ago))
        ping = await socket.receive()
        assert ping.type is aiohttp.WSMsgType.PING
        assert ping.data.isdigit()
        await socket.pong(ping.data)
        await socket.ping(b"mine")
        pong = await socket.receive()  # answered in order: the server has read what came before
        assert (pong.type, bytes(pong.data)) == (aiohttp.WSMsgType.PONG, b"mine")
        assert await asyncio.to_thread(exchange.do, pong_heard)

    asyncio.run(with_socket(exchange, lambda socket: asyncio.ensure_future(act(socket))))


def test_who_answers_no_ping_is_cut(exchange: Running) -> None:
    def silent(outlet: Outlet) -> None:
        outlet.ponged_s -= PONG_S + 1

    async def act(socket: Socket) -> None:
        await asyncio.to_thread(exchange.do, later(silent))
        assert (await socket.receive()).type is aiohttp.WSMsgType.CLOSED

    asyncio.run(with_socket(exchange, lambda socket: asyncio.ensure_future(act(socket))))
