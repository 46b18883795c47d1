from __future__ import annotations

from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest

from tests.sim.server.kit import Running
from tests.sim.server.test_streams import PUBLIC, Socket, connected, first_of_each
from vortex.sim.core.market import BookEvent
from vortex.sim.server.frames import difference_frame

CHANGES = "btcusdt@depth@100ms"
BURST = {"symbol": "BTCUSDT", "do": "burst", "factor": 20, "for_ms": 60_000}
Side = dict[str, str]


class Rebuilt:
    """A book kept as the exchange's documentation says: a snapshot, then every difference in an unbroken chain."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.update_id: int = snapshot["lastUpdateId"]
        self.bids: Side = dict(snapshot["bids"])
        self.asks: Side = dict(snapshot["asks"])
        self._begun = False

    def take(self, frame: dict[str, Any]) -> None:
        if frame["u"] < self.update_id:
            return
        if self._begun:
            assert frame["pu"] == self.update_id
        else:
            assert frame["U"] <= self.update_id <= frame["u"] or frame["pu"] == self.update_id
            self._begun = True
        self.update_id = frame["u"]
        for side, changes in ((self.bids, frame["b"]), (self.asks, frame["a"])):
            for price, quantity in changes:
                side[price] = quantity
                if not Decimal(quantity):
                    del side[price]

    def top(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids = sorted(self.bids.items(), key=lambda level: -Decimal(level[0]))
        return bids[:20], sorted(self.asks.items(), key=lambda level: Decimal(level[0]))[:20]


def test_differences_on_a_snapshot_give_the_published_books(exchange: Running) -> None:
    async def act(socket: Socket) -> list[Any]:
        frames = [await socket.receive_json()]  # buffered before the snapshot is asked for
        snapshot = exchange.client.get("/fapi/v1/depth", symbol="BTCUSDT", limit=1_000).body
        while sum(frame["data"]["u"] > snapshot["lastUpdateId"] for frame in frames) < 20:  # the first ones may be old
            frames.append(await socket.receive_json())
        return [snapshot, *frames]

    snapshot, *frames = connected(exchange, f"/public/stream?streams={CHANGES}/{PUBLIC}", act)
    assert len(snapshot["bids"]) > 20
    published = {frame["data"]["u"]: frame["data"] for frame in frames if frame["stream"] == PUBLIC}
    book, compared = Rebuilt(snapshot), 0
    for frame in frames:
        if frame["stream"] == CHANGES:
            book.take(frame["data"])
        if frame["stream"] == CHANGES and book.update_id in published:
            shown = published[book.update_id]
            assert book.top() == tuple([(price, quantity) for price, quantity in shown[side]] for side in ("b", "a"))
            compared += 1
    assert compared >= 8


def test_the_best_prices_and_single_trades_have_streams_too(exchange: Running) -> None:
    async def act(socket: Socket) -> dict[str, Any]:
        return await first_of_each(socket, {"btcusdt@bookTicker", "btcusdt@trade"})

    frames = connected(exchange, "/public/stream?streams=btcusdt@bookTicker/btcusdt@trade", act)
    ticker, trade = frames["btcusdt@bookTicker"], frames["btcusdt@trade"]
    assert 0 < Decimal(ticker["b"]) < Decimal(ticker["a"])
    assert (trade["s"], trade["t"] > 0, Decimal(trade["p"]) > 0) == ("BTCUSDT", True, True)


@pytest.mark.parametrize(
    ("target", "before", "last", "least"),
    [(f"/public/stream?streams={PUBLIC}", "pu", "u", 300), ("/market/stream?streams=btcusdt@aggTrade", "a", "l", 20)],
)
def test_in_a_burst_every_frame_has_an_id_of_its_own_and_none_is_missing(
    exchange: Running, target: str, before: str, last: str, least: int
) -> None:
    async def act(socket: Socket) -> list[dict[str, Any]]:
        """Read three seconds of the exchange's time."""
        frames = [(await socket.receive_json())["data"]]
        while frames[-1]["E"] < frames[0]["E"] + 3_000:
            frames.append((await socket.receive_json())["data"])
        return frames

    exchange.client.post_json("/sim/v1/market", BURST)
    frames = connected(exchange, target, act)
    exchange.client.post_json("/sim/v1/market", BURST | {"for_ms": 1})
    assert len({later[before] - earlier[last] for earlier, later in pairwise(frames)}) == 1
    assert [frame["E"] for frame in frames] == sorted(frame["E"] for frame in frames)
    assert len(frames) >= least


def test_a_difference_names_only_what_changed(exchange: Running) -> None:
    old = BookEvent(ts_ms=1, symbol="BTCUSDT", bids=((100, 5), (99, 4)), asks=((101, 1), (102, 2)))
    new = BookEvent(ts_ms=2, symbol="BTCUSDT", bids=((100, 5), (98, 4)), asks=((101, 3), (102, 2)))
    frame = difference_frame(old, new, exchange.server.venue.grids["BTCUSDT"], (7, 9), shift_ms=0)
    assert (frame["pu"], frame["U"], frame["u"]) == (7, 8, 9)
    assert dict(frame["b"]) == {"9.90": "0.000", "9.80": "0.004"}
    assert dict(frame["a"]) == {"10.10": "0.003"}
