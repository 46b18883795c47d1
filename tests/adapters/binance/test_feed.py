"""The MarketFeed port against a server that misbehaves: bad frames, bad books, silence, cut connections."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.binance.probes import Sink
from tests.adapters.binance.resources import market_frames, reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.feed import BinanceFeed
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.clock import SimulatorClock
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Book, Candle, MarkPrice, Sentiment, Trades

SPEED = 20.0
FRAMES = {name: frame.decode() for name, frame in market_frames().items()}
BOOK = FRAMES["depthUpdate"]


async def rest(request: web.Request) -> web.StreamResponse:
    known: dict[str, Any] = {
        "/fapi/v1/premiumIndex": reply("GET /fapi/v1/premiumIndex"),
        "/fapi/v1/openInterest": reply("GET /fapi/v1/openInterest"),
        "/fapi/v1/fundingInfo": [{"symbol": "BTCUSDT", "fundingIntervalHours": 4}],
        "/futures/data/globalLongShortAccountRatio": [{"longShortRatio": "3", "timestamp": 9}],
        "/futures/data/topLongShortPositionRatio": [{"longAccount": "0.4", "longShortRatio": "3", "timestamp": 7}],
    }
    if request.path not in known or request.query.get("period") == "1h":
        return web.Response(status=502, text="<html>")
    return web.json_response(known[request.path])


class Rig:
    """A feed of BTCUSDT at a scripted server, on a clock that runs fast."""

    def __init__(self, loop: NetworkLoop, server: ScriptedServer, speed: float, silent_s: int = 0) -> None:
        self.server = server
        self.server.answer = rest
        self.sink = Sink()
        hosts = simulator(server.url)
        clock = SimulatorClock(1_795_382_388_000, speed)
        self.budget = Budget(clock)
        self.silent_until_ms = clock.now_ms() + self.budget.silence_ms(429, None, {"retry-after": str(silent_s)}, "")
        self.feed = BinanceFeed(
            loop=loop,
            hosts=hosts,
            clock=clock,
            public=PublicData(hosts, clock, self.budget),
            flow_factory=BookFlow,
            generated_before_ms={},
            sentiment_generated=True,
        )
        self.feed.start(self.sink)
        self.feed.subscribe("BTCUSDT")
        server.wait_for(lambda: len(server.opened) == 2)


@pytest.fixture
def rig(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server, speed=1.0)
    yield made
    made.feed.stop()


@pytest.fixture
def fast(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server, speed=SPEED)
    yield made
    made.feed.stop()


@pytest.fixture
def slow(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    """On a clock on which a stream counts as silent after 2.5 s: one that flows may pause for shorter."""
    made = Rig(loop, server, speed=2.0)
    yield made
    made.feed.stop()


def book_with(**changes: object) -> str:
    frame = json.loads(BOOK)
    frame["data"] |= changes
    return json.dumps(frame)


def test_each_route_carries_its_own_streams(rig: Rig) -> None:
    market, public = sorted(rig.server.opened)
    assert public == "/public/stream?streams=btcusdt@depth20@100ms"
    path, _, streams = market.partition("?streams=")
    assert path == "/market/stream"
    kinds = {stream.partition("@")[2] for stream in streams.split("/")}
    assert kinds == {"aggTrade", "kline_1m", "kline_15m", "markPrice@1s", "forceOrder"}


def test_every_frame_becomes_its_value_and_a_sign_of_life(rig: Rig) -> None:
    for frame in FRAMES.values():
        rig.server.push(frame)
    book = rig.sink.expect(Book)
    assert (book.epoch, book.symbol, book.best_bid, len(book.steps)) == (1, "BTCUSDT", 61800.10, 1)
    assert book.steps[0].resync
    for value in (rig.sink.expect(Trades), rig.sink.expect(Candle), rig.sink.expect(MarkPrice)):
        assert value.symbol == "BTCUSDT"
    for stream in ("depth20", "aggTrade", "kline_1m", "markPrice"):
        assert rig.sink.alive["BTCUSDT", stream] >= 1_795_382_388_000


def test_bad_frames_and_bad_books_are_counted_and_nothing_else_happens(rig: Rig) -> None:
    asks = json.loads(BOOK)["data"]["a"]
    for bad in (
        "{",
        "null",
        '{"stream":"x","data":{"e":"depthUpdate"}}',
        FRAMES["aggTrade"].replace("61800.20", "nan"),
    ):
        rig.server.push(bad)
    rig.server.push(book_with(b=[]))
    rig.server.push(book_with(b=[["99999", "1"]]))
    rig.server.push(book_with(a=[["nan", "1"], *asks]))
    rig.server.push(book_with(s="DOGEUSDT"))
    rig.server.push(BOOK)
    rig.sink.expect(Book, lambda book: book.epoch == 2)  # one by each connection; no bad book was given a number
    assert rig.feed.notices.counts["BOOK_EMPTY"] == 2  # pushed on both connections
    assert rig.feed.notices.counts["BOOK_CROSSED"] == 2
    assert rig.feed.notices.counts["BOOK_INVALID"] == 2
    assert rig.feed.notices.counts["malformed frame"] >= 6
    assert rig.sink.all(Trades) == []


def test_symbols_join_and_leave_a_live_connection(rig: Rig) -> None:
    rig.feed.subscribe("ETHUSDT")
    rig.server.wait_for(lambda: len(rig.server.commands) == 2)
    commands = [json.loads(command) for command in rig.server.commands]
    assert {command["method"] for command in commands} == {"SUBSCRIBE"}
    assert ["ethusdt@depth20@100ms"] in [command["params"] for command in commands]
    rig.feed.unsubscribe("BTCUSDT")
    rig.server.wait_for(lambda: len(rig.server.commands) == 4)
    assert json.loads(rig.server.commands[-1])["method"] == "UNSUBSCRIBE"
    rig.server.push(BOOK)
    rig.server.push(book_with(s="ETHUSDT"))
    assert rig.sink.expect(Book).symbol == "ETHUSDT"
    assert len(rig.server.opened) == 2  # no connection was given up for it


def test_a_cut_connection_comes_back_with_every_symbol_and_a_resync(rig: Rig) -> None:
    rig.server.push(BOOK)
    rig.server.push(BOOK)
    first = rig.sink.expect(Book, lambda book: not book.steps[0].resync)
    seen = len(rig.sink.told)
    rig.server.drop()
    rig.server.wait_for(lambda: len(rig.server.opened) == 4)
    assert sorted(rig.server.opened[:2]) == sorted(rig.server.opened[2:])
    rig.server.push(BOOK)
    again = rig.sink.expect(Book, lambda book: book.steps[0].resync, after=seen)
    assert again.epoch > first.epoch


def test_a_silent_connection_is_given_up(fast: Rig) -> None:
    fast.server.wait_for(lambda: len(fast.server.opened) >= 4)
    assert fast.feed.notices.counts["silent connection"] >= 2


def test_one_silent_stream_is_subscribed_again_without_touching_the_others(slow: Rig) -> None:
    slow.feed.subscribe("ETHUSDT")

    def renewed() -> bool:
        return any('"UNSUBSCRIBE"' in line and "ethusdt@depth20@100ms" in line for line in slow.server.commands)

    deadline = time.monotonic() + 40.0
    while not renewed() and time.monotonic() < deadline:  # BTCUSDT flows, ETHUSDT says nothing
        slow.server.push(BOOK)
    assert renewed()
    assert not any("btcusdt@depth20@100ms" in line for line in slow.server.commands)


def test_nothing_is_polled_while_the_exchange_wants_silence(loop: NetworkLoop, server: ScriptedServer) -> None:
    rig = Rig(loop, server, SPEED, silent_s=5)
    rig.feed.request_history("BTCUSDT", "1m")
    first = rig.sink.expect(Sentiment)
    server.wait_for(lambda: any("klines" in path for path in server.asked))
    rig.feed.stop()
    assert first.recv_ms >= rig.silent_until_ms


def test_sentiment_is_merged_part_by_part_and_marked_generated(fast: Rig) -> None:
    whole = fast.sink.expect(Sentiment, lambda value: value.funding_rate is not None and value.global_long is not None)
    assert (whole.funding_rate, whole.funding_interval_h, whole.open_interest) == (0.00008821, 4, 186302.234)
    assert (whole.global_long, whole.top_position_long, whole.ratios_ms) == (0.75, 0.4, 7)
    assert whole.generated
    assert whole.global_hourly == ()  # the hourly ones answer 502


def test_a_poll_that_fails_is_counted_and_tried_again(fast: Rig) -> None:
    fast.server.wait_for(lambda: sum("period=1h" in line for line in fast.server.asked) >= 2)
    assert fast.feed.notices.counts["BTCUSDT sentiment"] >= 1


def test_an_abandoned_feed_delivers_nothing_more_and_closes_by_itself(rig: Rig) -> None:
    rig.feed.abandon()
    seen = len(rig.sink.told)
    rig.server.push(BOOK)
    rig.server.wait_for(lambda: rig.server.closed == 2)
    rig.feed.abandon()
    assert len(rig.sink.told) == seen


def test_nothing_is_delivered_after_stop(rig: Rig) -> None:
    rig.feed.stop()
    rig.feed.stop()
    seen = len(rig.sink.told)
    rig.server.push(BOOK)
    assert len(rig.sink.told) == seen
