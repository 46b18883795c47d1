from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from vortex.sim.server.lines import DEFAULT_MS, Line, Lines, Route, StreamFault, StreamOrder

BOOK = b'{"e":"depthUpdate","s":"BTCUSDT","u":7,"b":[["1","2"]]}'


class Reader:
    """What a socket is to its line."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def abort(self) -> None:
        self.told.append("abort")

    def pause(self) -> None:
        self.told.append("pause")

    def resume(self) -> None:
        self.told.append("resume")


class Way:
    """A line with a clock of its own and what came out of it."""

    def __init__(self) -> None:
        self.now_ms = 1_000
        self.line = Line(lambda: self.now_ms)
        self.reader = Reader()
        self.line.readers.add(self.reader)
        self.out: list[bytes] = []

    def carry(self, *frames: bytes, stream: str = "a") -> list[bytes]:
        for frame in frames:
            self.line.carry(stream, frame, self.out.append)
        came, self.out[:] = list(self.out), []
        return came


def test_a_line_carries_what_it_is_given() -> None:
    assert Way().carry(b"1", b"2") == [b"1", b"2"]


@pytest.mark.parametrize("fault", [StreamFault.SILENCE, StreamFault.GAP, StreamFault.HALF_OPEN])
def test_some_faults_lose_frames_while_they_last(fault: StreamFault) -> None:
    way = Way()
    way.line.disturb(fault, None)
    assert way.carry(b"1") == []
    way.now_ms += DEFAULT_MS[fault]
    assert way.carry(b"2") == [b"2"]


def test_faults_add_up_and_one_of_the_same_kind_begins_anew() -> None:
    way = Way()
    way.line.disturb(StreamFault.DUPLICATE, 100)
    way.line.disturb(StreamFault.REORDER, 50)
    assert way.carry(b"1", b"2") == [b"2", b"2", b"1", b"1"]
    way.now_ms += 60
    assert way.carry(b"3") == [b"3", b"3"]
    way.line.disturb(StreamFault.DUPLICATE, 100)
    way.now_ms += 60
    assert way.carry(b"4") == [b"4", b"4"]


def test_only_neighbours_of_one_stream_are_swapped() -> None:
    way = Way()
    way.line.disturb(StreamFault.REORDER, 100)
    assert way.carry(b"a1") == []
    assert way.carry(b"b1", b"b2", stream="b") == [b"b2", b"b1"]
    assert way.carry(b"a2", b"a3") == [b"a2", b"a1"]
    way.now_ms += 100
    assert way.carry(b"a4") == [b"a3", b"a4"]


def test_what_is_held_back_comes_when_the_fault_ends() -> None:
    way = Way()
    way.line.disturb(StreamFault.REORDER, 100)
    way.carry(b"1")
    way.line.tick()
    assert way.carry() == []
    way.now_ms += 100
    way.line.tick()
    assert way.carry() == [b"1"]


def test_malformed_frames_take_turns() -> None:
    way = Way()
    way.line.disturb(StreamFault.MALFORMED, 100)
    assert way.carry(BOOK, BOOK, BOOK, BOOK) == [
        BOOK[: len(BOOK) // 2],
        b'{"e":"depthUpdate","s":0,"u":"wrong","b":null}',
        b'{"e":"depthUpdate","u":7,"b":[["1","2"]]}',
        BOOK[: len(BOOK) // 2],
    ]
    way.line.disturb(StreamFault.MALFORMED, None)
    assert way.carry(BOOK, BOOK) == [BOOK[: len(BOOK) // 2], BOOK]


def test_half_open_pauses_readers_and_keeps_others_out() -> None:
    async def act() -> None:
        way = Way()
        way.line.disturb(StreamFault.HALF_OPEN, 100)
        coming = asyncio.create_task(way.line.admit())
        await asyncio.sleep(0)
        assert not coming.done()
        way.now_ms += 100
        way.line.tick()
        assert await coming
        assert way.reader.told == ["pause", "resume"]

    asyncio.run(act())


def test_a_drop_cuts_readers_and_refuses_others_for_its_time() -> None:
    async def act() -> None:
        way = Way()
        way.line.disturb(StreamFault.DROP, 100)
        assert (way.reader.told, await way.line.admit()) == (["abort"], False)
        way.now_ms += 100
        assert await way.line.admit()
        way.line.disturb(StreamFault.DROP, None)
        assert await way.line.admit()

    asyncio.run(act())


def test_clearing_ends_every_fault_of_every_route() -> None:
    lines, out = Lines(lambda: 0), list[bytes]()
    for route in Route:
        for fault in (StreamFault.HALF_OPEN, StreamFault.DUPLICATE, StreamFault.DROP):
            lines[route].disturb(fault, 1_000)
    lines.clear()
    for route in Route:
        lines[route].carry("a", b"1", out.append)
        assert asyncio.run(lines[route].admit())
    assert out == [b"1"] * len(Route)


@pytest.mark.parametrize(
    ("order", "route"),
    [
        (StreamOrder(do=StreamFault.GAP, route=Route.MARKET), Route.MARKET),
        (StreamOrder(do=StreamFault.EXPIRE_LISTEN_KEY), Route.PRIVATE),
        (StreamOrder(do=StreamFault.EXPIRE_LISTEN_KEY, route=Route.PRIVATE), Route.PRIVATE),
    ],
)
def test_the_route_of_an_order(order: StreamOrder, route: Route) -> None:
    assert order.checked_route() is route


@pytest.mark.parametrize(
    "order", [StreamOrder(do=StreamFault.GAP), StreamOrder(do=StreamFault.EXPIRE_LISTEN_KEY, route=Route.MARKET)]
)
def test_an_order_without_a_route_that_fits(order: StreamOrder) -> None:
    check: Callable[[], Route] = order.checked_route
    with pytest.raises(ValueError, match=r"^route: "):
        check()
