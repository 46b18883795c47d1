"""The public client against servers that misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from vortex.sim.server import peer
from vortex.sim.server.peer import Peer, PeerError, PublicClient, peer_at


@pytest.mark.parametrize(
    "url",
    [
        "http://fapi.binance.com", "https://fapi.binance.com.evil.org", "https://user@fapi.binance.com",
        "https://fapi.binance.com:444", "http://10.0.0.1:80", "http://127.0.0.1:1/x", "ftp://127.0.0.1", "", "live",
    ],
)  # fmt: skip
def test_only_binance_and_this_machine_are_allowed(url: str) -> None:
    with pytest.raises(ValueError, match=r"https://fapi\.binance\.com or http://127\.0\.0\.1:PORT is expected"):
        peer_at(url)


def test_streams_are_where_the_exchange_has_them() -> None:
    assert peer_at("https://fapi.binance.com/") == Peer("https://fapi.binance.com", "wss://fstream.binance.com")
    assert peer_at("http://127.0.0.1:8790") == Peer("http://127.0.0.1:8790", "ws://127.0.0.1:8790")
    assert peer_at("http://[::1]:8790") == Peer("http://[::1]:8790", "ws://[::1]:8790")


class Other:
    """Answers by path, and streams what it is told to."""

    def __init__(self) -> None:
        self.connections = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        match request.path:
            case "/moved":
                raise web.HTTPFound("http://127.0.0.1:9/elsewhere")
            case "/busy":
                return web.Response(status=429, text="too many", headers={"Retry-After": "7"})
            case _:
                return web.json_response({"asked": dict(request.query)})

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        """The first connection is closed after a message, the second falls silent after one, the third goes on."""
        self.connections += 1
        number = self.connections
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(f"hello {number} {request.query['streams']}")
        if number == 1:
            await socket.close()
        elif number == 2:
            await socket.receive()
        else:
            for count in range(3):
                await socket.send_str(f"more {count}")
            await socket.receive()
        return socket


@asynccontextmanager
async def other() -> AsyncIterator[tuple[Other, PublicClient]]:
    """A server and a client of it, on this machine."""
    site = Other()
    app = web.Application()
    app.router.add_get("/public/stream", site.stream)
    app.router.add_get("/{path:.*}", site.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        async with PublicClient(peer_at(f"http://127.0.0.1:{runner.addresses[0][1]}")) as client:
            yield site, client
    finally:
        await runner.cleanup()


def test_answers_and_refusals() -> None:
    async def ask() -> None:
        async with other() as (_, client):
            assert await client.get("/fapi/v1/klines", limit=5) == b'{"asked": {"limit": "5"}}'
            with pytest.raises(PeerError, match="redirects"):
                await client.get("/moved")
            with pytest.raises(PeerError, match="/busy: HTTP 429: too many") as caught:
                await client.get("/busy")
            assert caught.value.retry_after_s == 7.0
        async with PublicClient(Peer("http://127.0.0.1:9", "ws://127.0.0.1:9")) as nobody:
            with pytest.raises(PeerError, match="/x: ClientConnectorError"):
                await nobody.get("/x")

    asyncio.run(ask())


def test_a_connection_that_ends_or_falls_silent_is_renewed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peer, "SILENT_S", 1.0)  # in which a busy machine has sent what is sent at once
    monkeypatch.setattr(peer, "FIRST_DELAY_S", 0.01)
    heard: list[str] = []

    async def listen() -> None:
        async with other() as (site, client):
            done, ups = asyncio.Event(), 0

            def on_frame(frame: bytes) -> None:
                heard.append(frame.decode())
                if frame == b"more 2":
                    done.set()

            def on_up() -> None:
                nonlocal ups
                ups += 1

            listening = asyncio.create_task(client.listen("public", ["a@b", "c@d"], on_frame=on_frame, on_up=on_up))
            async with asyncio.timeout(30):
                await done.wait()
            listening.cancel()
            assert ups == site.connections == 3

    asyncio.run(listen())
    assert heard == [*(f"hello {number} a@b/c@d" for number in (1, 2, 3)), "more 0", "more 1", "more 2"]
