"""Every fault of the streams, on real sockets and in the ledger."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from itertools import pairwise
from typing import Any, TypeAlias

import aiohttp
import pytest

from tests.sim.server.kit import TIMEOUT_S, Client, Running, until
from vortex.sim.server.lines import Route
from vortex.sim.server.sockets import LIFE_MS

Socket: TypeAlias = aiohttp.ClientWebSocketResponse
Act: TypeAlias = Callable[[Socket], Awaitable[Any]]
BOOKS = "/public/stream?streams=btcusdt@depth20@100ms"
KEY = {"X-MBX-APIKEY": "paper"}
ENDS = (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSING, aiohttp.WSMsgType.CLOSED, aiohttp.WSMsgType.ERROR)


@pytest.fixture
def client(own: Running) -> Client:
    own.client.post_json("/sim/v1/reset", {})
    return own.client


def on_socket(own: Running, target: str, act: Act, **options: Any) -> Any:
    async def run() -> Any:
        async with (
            asyncio.timeout(TIMEOUT_S),
            aiohttp.ClientSession() as session,
            session.ws_connect(own.server.ws_url + target, **options) as socket,
        ):
            return await act(socket)

    return asyncio.run(run())


async def order(client: Client, do: str, route: str | None = "public", **fields: Any) -> None:
    body = {"do": do, "route": route} | fields
    reply = await asyncio.to_thread(client.post_json, "/sim/v1/stream", body)
    assert (reply.status, reply.body) == (200, {"ok": True})


def noted(client: Client) -> list[tuple[str, str]]:
    lines = client.faults_noted()
    assert {(line["symbol"], line["position_amt"], line["stop_working"]) for line in lines} <= {(None, None, None)}
    return [(line["do"], line["route"]) for line in lines]


async def ended(socket: Socket) -> int | None:
    """Read until the connection ends; the code of a goodbye, None when there was none."""
    while (message := await socket.receive()).type not in ENDS:
        pass
    return int(message.data) if message.type is aiohttp.WSMsgType.CLOSE else None


async def books(socket: Socket, count: int) -> list[Any]:
    return [(await socket.receive_json())["data"] for _ in range(count)]


def whole(frame: str) -> bool:
    try:
        json.loads(frame)
    except json.JSONDecodeError:
        return False
    return True


def gaps(frames: list[Any]) -> int:
    return sum(after["pu"] != before["u"] for before, after in pairwise(frames))


def test_drop_cuts_every_socket_of_its_route(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> None:
        await books(socket, 1)
        await order(client, "drop")
        assert await ended(socket) is None

    on_socket(own, BOOKS, act)
    assert len(on_socket(own, BOOKS, lambda socket: books(socket, 1))) == 1
    assert noted(client) == [("drop", "public")]


def test_drop_for_a_while_refuses_new_connections(own: Running, client: Client) -> None:
    asyncio.run(order(client, "drop", for_ms=60_000))
    with pytest.raises(aiohttp.WSServerHandshakeError) as refusal:
        on_socket(own, BOOKS, lambda socket: books(socket, 1))
    assert refusal.value.status == 503
    market = "/market/stream?streams=btcusdt@markPrice@1s"
    assert len(on_socket(own, market, lambda socket: books(socket, 1))) == 1
    asyncio.run(order(client, "drop", for_ms=1))
    assert len(on_socket(own, BOOKS, lambda socket: books(socket, 1))) == 1


def test_silence_answers_pings_and_commands_and_sends_no_data(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> int:
        await order(client, "silence", for_ms=800)
        await socket.ping(b"there?")
        await socket.send_json({"method": "LIST_SUBSCRIPTIONS", "id": 1})
        while (await socket.receive()).type is not aiohttp.WSMsgType.PONG:
            pass
        assert (await socket.receive_json())["id"] == 1
        return int((await socket.receive_json())["data"]["E"])

    heard_ms = on_socket(own, BOOKS, act, autoping=False)
    [line] = client.faults_noted()
    assert heard_ms - line["ts_ms"] > 650  # events are shown a little later than they happen
    assert noted(client) == [("silence", "public")]


def test_half_open_neither_sends_nor_answers_and_new_connections_hang(own: Running, client: Client) -> None:
    async def connect() -> float:
        async with aiohttp.ClientSession() as session, session.ws_connect(own.server.ws_url + BOOKS):
            return time.monotonic()

    async def act(socket: Socket) -> None:
        await books(socket, 1)
        began_s = time.monotonic()  # before the order: whatever is late from here on lasts longer, and not shorter
        await order(client, "half_open", for_ms=700)
        connecting = asyncio.create_task(connect())
        await socket.ping(b"there?")
        while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT and time.monotonic() - began_s < 0.3:
            pass  # what was on its way
        pong_s = time.monotonic() - began_s
        while message.type is not aiohttp.WSMsgType.PONG:
            message, pong_s = await socket.receive(), time.monotonic() - began_s
        assert pong_s > 0.65
        assert await connecting - began_s > 0.65
        await books_after(socket)

    on_socket(own, BOOKS, act, autoping=False)
    assert noted(client) == [("half_open", "public")]


async def books_after(socket: Socket) -> None:
    assert "stream" in await socket.receive_json()


def test_who_does_not_wait_to_be_admitted_leaves_nothing_behind(
    own: Running, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    async def impatient() -> None:
        async with aiohttp.ClientSession() as session:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.1), session.ws_connect(own.server.ws_url + BOOKS):
                    pass

    asyncio.run(order(client, "half_open", for_ms=60_000))
    asyncio.run(impatient())
    asyncio.run(order(client, "half_open", for_ms=1))
    assert on_socket(own, BOOKS, lambda socket: books(socket, 1))
    assert own.do(lambda server: len(server.venue.lines[Route.PUBLIC].readers)) <= 1
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


async def first_spoiled(socket: Socket) -> None:
    """Frames on their way when the order came are whole."""
    while whole(await socket.receive_str()):
        pass


def test_malformed_frames_come_in_three_kinds(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> list[Any]:
        await order(client, "malformed", for_ms=60_000)
        await first_spoiled(socket)
        frames = [(await socket.receive_json())["data"] for _ in range(2)]
        await first_spoiled(socket)
        return frames

    mistyped, nameless = on_socket(own, BOOKS, act)
    assert (mistyped["e"], mistyped["E"], mistyped["s"], mistyped["b"]) == ("depthUpdate", "wrong", 0, None)
    assert "s" not in nameless
    assert len(nameless["b"]) == 20


def test_one_malformed_frame_without_a_duration(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> list[Any]:
        await order(client, "malformed")
        await first_spoiled(socket)
        return await books(socket, 4)

    frames = on_socket(own, BOOKS, act)
    assert gaps(frames) == 0
    assert noted(client) == [("malformed", "public")]


async def books_until(socket: Socket, enough: Callable[[list[Any]], bool]) -> list[Any]:
    frames: list[Any] = []
    while not enough(frames):
        frames += await books(socket, 1)
    return frames


def test_a_gap_in_the_books_is_seen_in_their_ids(own: Running, client: Client) -> None:
    def newest() -> int:
        return int(client.get("/fapi/v1/depth", symbol="BTCUSDT").body["lastUpdateId"])

    async def act(socket: Socket) -> list[Any]:
        first = await books(socket, 1)
        await order(client, "gap", for_ms=60_000)
        begun = await asyncio.to_thread(newest)
        await asyncio.to_thread(until, lambda: newest() > begun, "a book that is lost")
        await order(client, "gap", for_ms=1)
        return first + await books_until(socket, lambda frames: gaps(first + frames) == 1) + await books(socket, 3)

    frames = on_socket(own, BOOKS, act)
    assert gaps(frames[:-3]) == 1
    assert gaps(frames[-4:]) == 0
    assert noted(client) == [("gap", "public")] * 2


def test_duplicates_come_twice(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> list[Any]:
        await order(client, "duplicate", for_ms=60_000)
        await books_until(socket, lambda frames: len(frames) != len({frame["u"] for frame in frames}))
        return await books(socket, 6)

    ids = [frame["u"] for frame in on_socket(own, BOOKS, act)]
    assert ids[::2] == ids[1::2] == sorted(set(ids))
    assert noted(client) == [("duplicate", "public")]


def test_neighbours_are_swapped_and_none_is_lost(own: Running, client: Client) -> None:
    def swapped(frames: list[Any]) -> bool:
        ids = [frame["u"] for frame in frames]
        return ids != sorted(ids)

    async def act(socket: Socket) -> list[Any]:
        await books(socket, 1)
        await order(client, "reorder", for_ms=60_000)
        frames = await books_until(socket, swapped)
        await order(client, "reorder", for_ms=1)
        return frames + await books_until(socket, lambda more: len(more) > 8 and not swapped(more[-4:]))

    frames = on_socket(own, BOOKS, act)
    assert gaps(sorted(frames, key=lambda frame: int(frame["u"]))) == 0
    assert noted(client) == [("reorder", "public")] * 2


# ----------------------------------------------------------------------------------------------------- the user stream


def listen_key(client: Client) -> str:
    key = client.send("POST", "/fapi/v1/listenKey", headers=KEY).body["listenKey"]
    assert isinstance(key, str)
    return key


def test_private_events_are_lost_in_a_gap(own: Running, client: Client) -> None:
    def now_ms() -> int:
        return int(client.get("/sim/v1/clock").body["now_ms"])

    async def act(socket: Socket) -> list[Any]:
        await order(client, "gap", "private", for_ms=60_000)
        await asyncio.to_thread(client.market_order, "BUY", newClientOrderId="lost")
        told_ms = await asyncio.to_thread(now_ms) + 200  # events have a way of some milliseconds of their own
        await asyncio.to_thread(until, lambda: now_ms() > told_ms, "the events of the order to be due")
        await order(client, "gap", "private", for_ms=1)
        await asyncio.to_thread(client.market_order, "SELL", newClientOrderId="seen")
        frames: list[Any] = []
        while not frames or frames[-1].get("o", {}).get("X") != "FILLED":
            frames.append(await socket.receive_json())
        return frames

    frames = on_socket(own, f"/private/ws?listenKey={listen_key(client)}", act)
    assert {frame["o"]["c"] for frame in frames if "o" in frame} == {"seen"}
    assert [order["client_id"] for order in client.ledger()["orders"]] == ["lost", "seen"]


def test_an_expired_listen_key_is_told_and_its_sockets_are_closed(own: Running, client: Client) -> None:
    key = listen_key(client)

    async def act(socket: Socket) -> int | None:
        await order(client, "expire_listen_key", "private")
        frame = await socket.receive_json()
        assert (frame["e"], frame["listenKey"]) == ("listenKeyExpired", key)
        return await ended(socket)

    assert on_socket(own, f"/private/ws?listenKey={key}", act) == aiohttp.WSCloseCode.OK
    assert client.send("PUT", "/fapi/v1/listenKey", headers=KEY).code == -1125
    assert listen_key(client) != key
    assert noted(client) == [("expire_listen_key", "private")]


def test_a_deleted_listen_key_closes_its_sockets(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> int | None:
        await asyncio.to_thread(client.send, "DELETE", "/fapi/v1/listenKey", headers=KEY)
        return await ended(socket)

    assert on_socket(own, f"/private/ws?listenKey={listen_key(client)}", act) == aiohttp.WSCloseCode.OK


def test_a_connection_ends_after_a_day(own: Running, client: Client) -> None:
    async def act(socket: Socket) -> int | None:
        def a_day_later() -> None:
            now_ms = own.server.venue.clock.now_ms()
            own.server.venue.sockets._looked_s = 0.0
            own.server.venue.sockets.tick(now_ms + LIFE_MS)

        await books(socket, 1)
        await asyncio.to_thread(own.do, lambda _: a_day_later())
        return await ended(socket)

    assert on_socket(own, BOOKS, act) == aiohttp.WSCloseCode.OK
    assert client.faults_noted() == []


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"do": "drop"}, ("route", "drop", "public market private")),
        ({"do": "shout", "route": "public"}, ("do", "shout")),
        ({"do": "gap", "route": "secret"}, ("route", "secret")),
        ({"do": "gap", "route": "public", "for_ms": 0}, ("for_ms", "0")),
        ({"do": "gap", "route": "public", "for_ms": "long"}, ("for_ms", "long")),
        ({"do": "gap", "route": "public", "until": 5}, ("until", "5")),
        ({"do": "expire_listen_key", "route": "public"}, ("route", "public")),
        ({"route": "public"}, ("do",)),
    ],
)
def test_a_malformed_order_is_refused_by_field_and_value(
    client: Client, body: dict[str, Any], words: tuple[str, ...]
) -> None:
    reply = client.post_json("/sim/v1/stream", body)
    assert reply.status == 400
    assert [word for word in words if word not in reply.body] == []
    assert client.faults_noted() == []


def test_there_must_be_a_key_to_expire(client: Client) -> None:
    client.send("DELETE", "/fapi/v1/listenKey", headers=KEY)
    reply = client.post_json("/sim/v1/stream", {"do": "expire_listen_key"})
    assert (reply.status, reply.body) == (400, "there is no listen key that could expire")
