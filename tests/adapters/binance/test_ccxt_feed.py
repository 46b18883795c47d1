"""What ccxt.pro needs beyond the contract: books that are kept, an exchange that answers badly or not at all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from aiohttp import web

from tests.adapters.binance.probes import Sink
from tests.adapters.binance.resources import reply
from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.ccxt_client import SEED_LEVELS, StreamClient
from vortex.adapters.binance.ccxt_feed import CcxtFeed
from vortex.adapters.binance.hosts import HostRefused, simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.clock import SimulatorClock
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Book

FIRST_ID = 1_000
LISTED = reply("GET /fapi/v1/exchangeInfo")


class Exchange:
    """Answers REST as a test says, and confirms subscriptions when told to."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        self.server.answer = self.answer
        self.update_id = FIRST_ID
        self.levels = SEED_LEVELS
        self.failures = {"/fapi/v1/exchangeInfo": 0, "/fapi/v1/depth": 0}
        self.hang = False
        self._confirmed = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if self.failures.get(request.path, 0):
            self.failures[request.path] -= 1
            return web.Response(status=502, text="<html>")
        if request.path == "/fapi/v1/exchangeInfo":
            return web.json_response(LISTED)
        if request.path == "/fapi/v1/depth":
            if self.hang:
                await asyncio.Event().wait()
            return web.json_response(self.snapshot())
        return web.Response(status=502, text="<html>")

    def snapshot(self) -> dict[str, Any]:
        bids = [[f"{1_000 - number}", "1"] for number in range(self.levels)]
        asks = [[f"{1_001 + number}", "1"] for number in range(self.levels)]
        return {"lastUpdateId": self.update_id, "E": 1, "T": 1, "bids": bids, "asks": asks}

    def confirm(self) -> None:
        """Answer what is asked about books until ccxt asks for a snapshot, as it does after a subscription."""
        asked = self._snapshots()
        while self._snapshots() == asked:
            self.server.wait_for(lambda: len(self._commands()) > self._confirmed or self._snapshots() > asked)
            for number in self._commands()[self._confirmed :]:
                self._confirmed += 1
                self.server.push(json.dumps({"result": None, "id": number}), "/public")

    def change(self, *bids: tuple[str, str], skipped: int = 0) -> None:
        """Push one difference; `skipped` ones are lost before it."""
        previous = self.update_id + skipped
        self.update_id = previous + 1
        frame = {"e": "depthUpdate", "E": self.update_id, "T": 1, "s": "BTCUSDT", "U": previous + 1, "pu": previous}
        self.server.push(json.dumps(frame | {"u": self.update_id, "b": bids, "a": []}), "/public")

    def _commands(self) -> list[int]:
        commands = [json.loads(command) for command in self.server.commands]
        return [command["id"] for command in commands if "btcusdt@depth@100ms" in command["params"]]

    def _snapshots(self) -> int:
        return sum(line.startswith("/fapi/v1/depth") for line in self.server.asked)


class Rig:
    """ccxt's feed of BTCUSDT at a scripted exchange, on a clock that runs fast."""

    def __init__(self, loop: NetworkLoop, server: ScriptedServer) -> None:
        self.exchange, self.sink = Exchange(server), Sink()
        hosts, clock = simulator(server.url), SimulatorClock(1_795_382_388_000, 5.0)
        self.feed = CcxtFeed(
            loop=loop, hosts=hosts, clock=clock, public=PublicData(hosts, clock), flow_factory=BookFlow,
            generated_before_ms={}, sentiment_generated=True,
        )  # fmt: skip

    def begin(self) -> None:
        self.feed.start(self.sink)
        self.feed.subscribe("BTCUSDT")

    def seeded(self) -> Book:
        """The first book after a snapshot, for which changes are pushed until it has been read."""
        seen = len(self.sink.told)
        while not any(isinstance(value, Book) for value in self.sink.told[seen:]):
            self.exchange.change()
        return self.after()

    def after(self, *bids: tuple[str, str]) -> Book:
        """The book after one more change."""
        self.exchange.change(*bids)
        return self.sink.expect(Book, lambda book: book.ts_ms == self.exchange.update_id)


@pytest.fixture
def rig(loop: NetworkLoop, server: ScriptedServer) -> Iterator[Rig]:
    made = Rig(loop, server)
    yield made
    made.feed.stop()


def test_a_book_is_seeded_kept_and_cut_to_twenty_levels(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    rig.seeded()
    first = rig.sink.expect(Book)
    assert "limit=1000" in next(line for line in rig.exchange.server.asked if line.startswith("/fapi/v1/depth"))
    assert (len(first.bids), len(first.asks), first.steps[0].resync) == (20, 20, True)
    second = rig.after(("1000", "0"), ("999", "7"))
    assert second.bids[:2] == ((999.0, 7.0), (998.0, 1.0))
    assert (len(second.bids), second.bids[-1], second.steps[0].resync) == (20, (980.0, 1.0), False)
    assert first.bids[0] == (1000.0, 1.0)  # a value of its own, not ccxt's book


def test_a_gap_seeds_again_and_nothing_spans_it(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    last = rig.seeded()
    rig.exchange.change(("1000.5", "1"), skipped=3)
    rig.exchange.confirm()
    rig.seeded()
    books = rig.sink.all(Book)
    assert [book.epoch for book in books] == list(range(1, len(books) + 1))
    assert [book.epoch for book in books if book.steps[0].resync] == [1, last.epoch + 1]
    assert not any(book.best_bid == 1000.5 for book in rig.sink.all(Book))
    assert rig.feed.notices.counts["order book gap"] == 1


def test_a_book_beyond_its_seed_is_seeded_again(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    rig.seeded()
    rig.exchange.change(*((f"{1_000 - number}", "0") for number in range(985)), ("0.5", "1"), ("0.4", "1"))
    rig.exchange.change(*((f"0.{number:03}", "1") for number in range(100, 110)))
    rig.exchange.confirm()
    assert rig.seeded().best_bid == 1000.0
    assert rig.feed.notices.counts["order book beyond the seed"] == 1


def test_a_shallow_market_is_known_whole(rig: Rig) -> None:
    rig.exchange.levels = 30
    rig.begin()
    rig.exchange.confirm()
    rig.seeded()
    book = rig.after(*((f"{1_000 - number}", "0") for number in range(25)))
    assert [price for price, _ in book.bids] == [975.0, 974.0, 973.0, 972.0, 971.0]


def test_a_broken_book_is_not_delivered_and_seeded_again(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    rig.seeded()
    seen = len(rig.sink.told)
    rig.exchange.change(("1500", "1"))  # above the best ask
    rig.exchange.confirm()
    assert rig.seeded().best_bid == 1000.0
    assert all(value.best_bid == 1000.0 for value in rig.sink.told[seen:] if isinstance(value, Book))
    assert rig.feed.notices.counts["BOOK_CROSSED"] == 1


def test_a_failed_seed_is_tried_again(rig: Rig) -> None:
    rig.exchange.failures["/fapi/v1/depth"] = 1
    rig.begin()
    rig.exchange.confirm()
    rig.exchange.confirm()  # the watchdog's
    assert rig.seeded().best_bid == 1000.0
    assert rig.feed.notices.counts["no order book"] == 1


def test_the_list_of_markets_is_asked_for_until_it_comes(rig: Rig) -> None:
    rig.exchange.failures["/fapi/v1/exchangeInfo"] = 2
    rig.begin()
    rig.exchange.confirm()
    assert rig.feed.notices.counts["no list of markets"] == 2


def test_an_unlisted_symbol_is_said_once_and_the_others_flow(rig: Rig) -> None:
    rig.begin()
    rig.feed.subscribe("NEVERUSDT")
    rig.exchange.confirm()
    assert rig.seeded().symbol == "BTCUSDT"
    assert rig.feed.notices.counts["unknown symbol"] == 1
    rig.feed.unsubscribe("NEVERUSDT")


def test_a_refused_subscription_is_said(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    rig.exchange.server.push('{"error":{"code":2,"msg":"Invalid request"},"id":1}', "/market")
    rig.seeded()
    assert rig.feed.notices.counts["subscription refused"] == 1


def test_a_stop_does_not_wait_for_a_seed(rig: Rig) -> None:
    rig.exchange.hang = True
    rig.begin()
    rig.exchange.confirm()
    rig.feed.stop()
    rig.exchange.server.wait_for(lambda: rig.exchange.server.closed == 2)


def test_a_stop_does_not_wait_for_an_exchange_that_is_gone(rig: Rig) -> None:
    rig.begin()
    rig.exchange.confirm()
    rig.exchange.server.hold()
    rig.exchange.server.drop()
    rig.exchange.server.wait_for(lambda: rig.exchange.server.closed == 2)
    rig.feed.stop()
    rig.exchange.server.release()


def test_streams_are_held_to_the_hosts_of_the_mode(rig: Rig, loop: NetworkLoop) -> None:
    rig.begin()

    async def leak() -> None:
        hosts, clock = simulator(rig.exchange.server.url), SimulatorClock(0)
        client = StreamClient(hosts, clock, Budget(clock), rig.feed, rig.feed.notices)
        try:
            client.client("wss://fstream.binance.com/public/ws/0")
        finally:
            await client.close()

    with pytest.raises(HostRefused, match="paper mode must not connect"):
        loop.run(leak(), 5.0)
