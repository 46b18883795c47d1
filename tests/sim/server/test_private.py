from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from tests.sim.server.kit import Client, Running
from tests.sim.server.test_streams import Socket, connected

HEADERS = {"X-MBX-APIKEY": "paper"}


@pytest.fixture
def key(client: Client) -> str:
    text = client.send("POST", "/fapi/v1/listenKey", headers=HEADERS).body["listenKey"]
    assert isinstance(text, str)
    return text


async def first_event(client: Client, socket: Socket) -> Any:
    """What comes when leverage changes."""
    config = client.signed("GET", "/fapi/v1/symbolConfig", symbol="XRPUSDT").body[0]
    changing = asyncio.to_thread(
        client.signed, "POST", "/fapi/v1/leverage", symbol="XRPUSDT", leverage=config["leverage"] % 20 + 1
    )
    reply, event = await asyncio.gather(changing, socket.receive_json())
    assert reply.status == 200
    return event


@pytest.mark.parametrize("target", ["/private/ws?listenKey={}", "/private/ws/{}"])
def test_a_plain_socket_gets_plain_events(exchange: Running, client: Client, key: str, target: str) -> None:
    event = connected(exchange, target.format(key), lambda socket: first_event(client, socket))
    assert event["e"] == "ACCOUNT_CONFIG_UPDATE"


@pytest.mark.parametrize("target", ["/private/stream?streams={}", "/private/stream?listenKey={}&events=ORDER"])
def test_a_combined_socket_wraps_them_in_the_key(exchange: Running, client: Client, key: str, target: str) -> None:
    event = connected(exchange, target.format(key), lambda socket: first_event(client, socket))
    assert (event["stream"], event["data"]["e"]) == (key, "ACCOUNT_CONFIG_UPDATE")


def test_a_key_can_be_subscribed_and_left(exchange: Running, client: Client, key: str) -> None:
    async def act(socket: Socket) -> None:
        for number, (method, params) in enumerate([("SUBSCRIBE", [key]), ("UNSUBSCRIBE", [key]), ("SUBSCRIBE", [key])]):
            await socket.send_json({"method": method, "params": params, "id": number})
            assert await socket.receive_json() == {"result": None, "id": number}
        assert (await first_event(client, socket))["stream"] == key

    connected(exchange, "/private/stream", act)


@pytest.mark.parametrize("command", [{"method": "SUBSCRIBE", "params": ["nobody"]}, {"method": "SUBSCRIBE"}, {}])
def test_another_key_is_refused(exchange: Running, client: Client, command: dict[str, Any]) -> None:
    async def act(socket: Socket) -> None:
        await socket.send_json(command | {"id": 1})
        assert (await socket.receive_json())["error"]["code"] == 2

    connected(exchange, "/private/ws", act)
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        connected(exchange, "/private/ws/nobody", act)
    assert refusal.value.status == 400
    assert client.get("/fapi/v1/ping").status == 200
