from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.sim.server.kit import TIMEOUT_S, Client, Running
from vortex.sim.server.app import SimServer
from vortex.sim.server.sockets import MAX_WAITING
from vortex.sim.server.streams import MAX_STREAMS

Socket: TypeAlias = aiohttp.ClientWebSocketResponse
PUBLIC = "btcusdt@depth20@100ms"
MARKET = ("btcusdt@aggTrade", "btcusdt@kline_1m", "btcusdt@kline_15m", "btcusdt@markPrice@1s", "btcusdt@forceOrder")


def connected(exchange: Running, target: str, act: Callable[[Socket], Awaitable[Any]]) -> Any:
    """Do something with an open socket."""

    async def run() -> Any:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.ws_connect(f"ws://127.0.0.1:{exchange.port}{target}") as socket,
        ):
            return await act(socket)

    return asyncio.run(run())


async def first_of_each(socket: Socket, streams: set[str]) -> dict[str, Any]:
    """The first frame of every one of these streams."""
    found: dict[str, Any] = {}
    while set(found) < streams:
        frame = await socket.receive_json()
        found.setdefault(frame["stream"], frame["data"])
    return found


def test_books_hold_twenty_levels_in_an_unbroken_chain(exchange: Running) -> None:
    async def act(socket: Socket) -> list[Any]:
        return [(await socket.receive_json())["data"] for _ in range(5)]

    books = connected(exchange, f"/public/stream?streams={PUBLIC}", act)
    for book in books:
        bids, asks = ([Decimal(price) for price, _ in book[side]] for side in ("b", "a"))
        assert len(bids) == len(asks) == 20
        assert bids == sorted(bids, reverse=True)
        assert asks == sorted(asks)
        assert bids[0] < asks[0]
    assert [book["pu"] for book in books[1:]] == [book["u"] for book in books[:-1]]
    assert 0.2 < (books[-1]["E"] - books[0]["E"]) / 1_000 < 1.0


def test_market_streams_flow(exchange: Running) -> None:
    flowing = set(MARKET[:4])

    async def act(socket: Socket) -> dict[str, Any]:
        return await first_of_each(socket, flowing)

    frames = connected(exchange, f"/market/stream?streams={'/'.join(MARKET)}", act)
    assert frames["btcusdt@aggTrade"]["s"] == "BTCUSDT"
    candle = frames["btcusdt@kline_15m"]["k"]
    assert candle["T"] - candle["t"] == 900_000 - 1
    assert Decimal(candle["l"]) <= Decimal(candle["c"]) <= Decimal(candle["h"])
    mark = frames["btcusdt@markPrice@1s"]
    assert mark["T"] > mark["E"]
    assert Decimal(mark["p"]) > 0


def test_subscribing_and_unsubscribing_on_a_live_connection(exchange: Running) -> None:
    async def act(socket: Socket) -> None:
        await socket.send_json({"method": "SUBSCRIBE", "params": [PUBLIC, "ethusdt@depth20@100ms"], "id": 1})
        assert await socket.receive_json() == {"result": None, "id": 1}
        assert (await socket.receive_json())["stream"] == PUBLIC
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 2})
        while "id" not in (reply := await socket.receive_json()):
            assert reply["stream"] == PUBLIC
        assert reply == {"result": [PUBLIC, "ethusdt@depth20@100ms"], "id": 2}
        await socket.send_json({"method": "UNSUBSCRIBE", "params": [PUBLIC], "id": 3})
        while (await socket.receive_json()) != {"result": None, "id": 3}:
            pass
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 4})
        assert await socket.receive_json() == {"result": ["ethusdt@depth20@100ms"], "id": 4}

    connected(exchange, "/public/stream", act)
    assert not exchange.do(lambda server: server.venue.hub.wanted(PUBLIC))


@pytest.mark.parametrize("tail", ["", "/0", "/17"])
def test_a_plain_connection_takes_commands_and_wraps_nothing(exchange: Running, tail: str) -> None:
    async def act(socket: Socket) -> None:
        await socket.send_json({"method": "SUBSCRIBE", "params": [PUBLIC], "id": 1})
        assert await socket.receive_json() == {"result": None, "id": 1}
        frame = await socket.receive_json()
        assert (frame["e"], frame["s"]) == ("depthUpdate", "BTCUSDT")
        await socket.send_json({"method": "SUBSCRIBE", "params": [MARKET[0]], "id": 2})
        while "error" not in (reply := await socket.receive_json()):
            pass
        assert (reply["error"]["code"], reply["id"]) == (2, 2)

    connected(exchange, f"/public/ws{tail}", act)


def test_a_plain_address_may_name_its_streams(exchange: Running) -> None:
    async def act(socket: Socket) -> set[str]:
        kinds: set[str] = set()
        while len(kinds) < 2:
            kinds.add((await socket.receive_json())["e"])
        return kinds

    assert connected(exchange, f"/market/ws/{MARKET[0]}/{MARKET[1]}", act) == {"aggTrade", "kline"}


def test_a_connection_carries_two_hundred_streams_and_no_more(exchange: Running) -> None:
    streams = [f"s{number}usdt@depth20@100ms" for number in range(MAX_STREAMS)]

    async def act(socket: Socket) -> None:
        await socket.send_json({"method": "SUBSCRIBE", "params": [*streams, streams[0]], "id": 1})
        assert await socket.receive_json() == {"result": None, "id": 1}
        await socket.send_json({"method": "SUBSCRIBE", "params": [PUBLIC], "id": 2})
        assert "200 streams" in (await socket.receive_json())["error"]["msg"]
        await socket.send_json({"method": "UNSUBSCRIBE", "params": streams[:1], "id": 3})
        await socket.send_json({"method": "SUBSCRIBE", "params": [PUBLIC], "id": 4})
        assert [(await socket.receive_json()).get("result", "refused") for _ in range(2)] == [None, None]

    connected(exchange, "/public/ws", act)


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@aggTrade"], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": ["btcusdt@depth5"], "id": 1}', 2),
        ('{"method": "SUBSCRIBE", "params": "btcusdt@depth20@100ms", "id": 1}', 2),
        ('{"method": "DANCE", "id": 1}', 2),
        ("[]", 2),
        ("{", 3),
    ],
)
def test_a_refused_command_leaves_the_connection_up(exchange: Running, command: str, code: int) -> None:
    async def act(socket: Socket) -> None:
        await socket.send_str(command)
        assert (await socket.receive_json())["error"]["code"] == code
        await socket.send_json({"method": "SUBSCRIBE", "params": [PUBLIC], "id": 9})
        assert await socket.receive_json() == {"result": None, "id": 9}

    connected(exchange, "/public/stream", act)


@pytest.mark.parametrize(
    "target",
    [
        f"/market/stream?streams={PUBLIC}",
        "/public/stream?streams=btcusdt@aggTrade",
        "/public/ws/btcusdt@aggTrade",
        f"/public/ws/{'/'.join(f's{number}usdt@bookTicker' for number in range(MAX_STREAMS + 1))}",
        "/private/ws?listenKey=no",
    ],
)
def test_a_stream_of_another_route_or_key_is_refused_at_the_door(exchange: Running, target: str) -> None:
    async def never(_socket: Socket) -> None:
        raise AssertionError("the connection was accepted")

    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        connected(exchange, target, never)
    assert refusal.value.status == 400


def test_the_user_stream_tells_a_whole_trade(exchange: Running, client: Client) -> None:
    key = client.send("POST", "/fapi/v1/listenKey", headers={"X-MBX-APIKEY": "paper"}).body["listenKey"]
    trigger = f"{Decimal(client.get('/fapi/v1/depth', symbol='BTCUSDT').body['bids'][0][0]) * Decimal('0.9'):.1f}"

    def trade() -> None:
        client.signed("POST", "/fapi/v1/leverage", symbol="BTCUSDT", leverage=11)
        client.market_order("BUY", newClientOrderId="stream-entry")
        client.stop_order("SELL", trigger, clientAlgoId="stream-stop")
        client.signed("DELETE", "/fapi/v1/algoOrder", clientAlgoId="stream-stop")
        client.market_order("SELL", newClientOrderId="stream-exit", reduceOnly="true")

    async def act(socket: Socket) -> list[Any]:
        doing = asyncio.create_task(asyncio.to_thread(trade))
        frames: list[Any] = []
        while not any(
            f["e"] == "ORDER_TRADE_UPDATE" and f["o"]["c"] == "stream-exit" and f["o"]["X"] == "FILLED" for f in frames
        ):
            frames.append(await socket.receive_json())
        await doing
        return frames

    frames = connected(exchange, f"/private/ws?listenKey={key}", act)
    [config] = [frame["ac"] for frame in frames if frame["e"] == "ACCOUNT_CONFIG_UPDATE"]
    assert config == {"s": "BTCUSDT", "l": 11}
    entry = [f["o"] for f in frames if f["e"] == "ORDER_TRADE_UPDATE" and f["o"]["c"] == "stream-entry"]
    assert [entry[0]["x"], entry[0]["X"], entry[-1]["x"], entry[-1]["X"]] == ["NEW", "NEW", "TRADE", "FILLED"]
    assert sum(Decimal(order["l"]) for order in entry) == Decimal("0.010")
    assert [f["o"]["X"] for f in frames if f["e"] == "ALGO_UPDATE"] == ["NEW", "CANCELED"]
    accounts = [frame["a"] for frame in frames if frame["e"] == "ACCOUNT_UPDATE" and frame["a"]["m"] == "ORDER"]
    held, flat = accounts[len(entry) - 2], accounts[-1]
    assert held["P"][0]["pa"] == "0.010"
    set_aside = Decimal(held["B"][0]["wb"]) - Decimal(held["B"][0]["cw"])
    assert set_aside == pytest.approx(Decimal(held["P"][0]["iw"]), abs=Decimal("2e-8"))
    assert set_aside > 0
    assert Decimal(flat["P"][0]["pa"]) == 0
    assert Decimal(flat["B"][0]["wb"]) == pytest.approx(Decimal(flat["B"][0]["cw"]), abs=Decimal("1e-8"))


def test_a_reader_that_does_not_keep_up_is_disconnected(exchange: Running) -> None:
    stream = "slowusdt@depth20@100ms"

    async def act(socket: Socket) -> None:
        def flood(server: SimServer) -> bool:
            # More than the sockets' own buffers hold, at once: the writer cannot drain meanwhile.
            for _ in range(MAX_WAITING + 1):
                server.venue.hub.publish(stream, "x" * 1_000)
            return server.venue.hub.wanted(stream)

        while await asyncio.to_thread(exchange.do, flood):
            pass
        while (await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass

    connected(exchange, f"/public/stream?streams={stream}", act)
    assert exchange.client.get("/fapi/v1/ping").body == {}


def test_stopping_says_goodbye(exchange: Running) -> None:
    async def act(socket: Socket) -> None:
        await asyncio.to_thread(close_sockets, exchange)
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
            pass
        assert message.type is aiohttp.WSMsgType.CLOSE
        assert message.data == aiohttp.WSCloseCode.GOING_AWAY

    connected(exchange, f"/public/stream?streams={PUBLIC}", act)


def close_sockets(exchange: Running) -> None:
    exchange.wait(exchange.server.venue.sockets.close())
