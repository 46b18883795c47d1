"""A live market, whose other end is a second exchange on this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.kit.processes import free_port
from tests.sim.server.kit import Running, running, until
from tests.sim.server.listener import Listener, listening
from vortex.sim.market.live import LiveSource
from vortex.sim.server import relay
from vortex.sim.server.app import SimServer
from vortex.sim.server.options import SimOptions
from vortex.sim.server.sockets import Outlet
from vortex.sim.server.state import Course, Saved, StateFile

SYMBOLS = ("SYN001USDT", "SYN002USDT")
BOOKS = [f"{symbol.lower()}@depth20@100ms" for symbol in SYMBOLS]
TRADES = [f"{symbol.lower()}@aggTrade" for symbol in SYMBOLS]
SPEED = 5.0


def options(**changes: Any) -> SimOptions:
    usual: dict[str, Any] = {"markets": ("synthetic:2",), "port": 0, "speed": SPEED, "market_latency_ms": 0.0}
    return SimOptions(**(usual | changes))


def relaying(other: Running, **changes: Any) -> SimOptions:
    usual = {"markets": (f"{','.join(SYMBOLS)}=live",), "speed": 1.0, "live_url": other.server.url}
    return options(**(usual | changes))


@pytest.fixture(scope="module")
def origin() -> Iterator[Running]:
    with running(options()) as server:
        yield server


@pytest.fixture(scope="module")
def live(origin: Running) -> Iterator[Running]:
    with running(relaying(origin)) as server:
        yield server


def kept(direct: list[Any], relayed: list[Any]) -> list[int]:
    """How many in a row are equal, between gaps; fails where something was relayed that was not there."""
    runs, place = list[int](), None
    for item in relayed:
        if place is not None and place < len(direct) and direct[place] == item:
            runs[-1] += 1
        else:
            place = direct.index(item, place or 0)
            runs.append(1)
        place += 1
    return runs


def books(listener: Listener, stream: str) -> list[Any]:
    return [(frame["b"], frame["a"]) for frame in listener.frames.get(stream, [])]


def trades(listener: Listener, stream: str) -> list[Any]:
    return [(frame["a"], frame["p"], frame["q"], frame["m"]) for frame in listener.frames.get(stream, [])]


def up_to(last: Any, content: Callable[[], list[Any]]) -> list[Any]:
    """What was heard directly up to what was relayed last, once that is there."""
    until(lambda: last in content(), "what was relayed")
    return content()[: content().index(last) + 1]


def compare(whole: list[Any], through: list[Any], *, gaps: int) -> None:
    """What was relayed is what there was, but for at most so many gaps, of at most four seconds."""
    runs = kept(whole, through)
    assert len(runs) - 1 <= gaps
    assert sum(runs) == len(through) > 10
    assert len(whole) - len(through) < 4.0 * SPEED * 10


def cut(outlets: Iterable[Outlet]) -> None:
    for outlet in outlets:
        outlet.abort()


def test_books_and_trades_are_the_other_exchanges_over_a_reconnect(origin: Running, live: Running) -> None:
    relayed_through = origin.do(lambda server: tuple(server.venue.sockets._open))
    with ExitStack() as stack:
        pairs = []
        for route, streams in (("public", BOOKS), ("market", TRADES)):
            # The relayed side first: whatever it hears was still to come for the other one when that began to listen.
            second = stack.enter_context(listening(live.server.ws_url, route, *streams))
            pairs.append((stack.enter_context(listening(origin.server.ws_url, route, *streams)), second, streams))
        (_, heard, _), (_, traded, _) = pairs
        until(lambda: all(len(books(heard, stream)) > 40 for stream in BOOKS), "books before the gap")
        origin.do(lambda _: cut(relayed_through))
        seen = {stream: len(books(heard, stream)) for stream in BOOKS}
        until(lambda: all(len(books(heard, s)) > seen[s] + 60 for s in BOOKS), "books after the gap")
        until(lambda: all(len(trades(traded, s)) > 20 for s in TRADES), "trades")
        for (direct, relayed, streams), content in zip(pairs, (books, trades), strict=True):
            for stream in streams:
                through = content(relayed, stream)
                whole = up_to(through[-1], partial(content, direct, stream))
                compare(whole, through[through.index(whole[0]) :], gaps=1)


def test_the_time_of_an_event_is_its_arrival_here(live: Running) -> None:
    with listening(live.server.ws_url, "public", *BOOKS) as listener:
        until(lambda: len(books(listener, BOOKS[0])) > 3, "books")
        now_ms = live.client.get("/sim/v1/clock").body["now_ms"]
        frame = listener.frames[BOOKS[0]][-1]
    assert frame["E"] == frame["T"]
    assert abs(now_ms - frame["E"]) < 5_000  # the other exchange runs ahead of us


def test_candles_and_positioning_are_the_other_exchanges(origin: Running, live: Running) -> None:
    for interval, limit in (("1m", 500), ("15m", 100)):
        mine = live.client.get("/fapi/v1/klines", symbol=SYMBOLS[0], interval=interval, limit=limit).body
        theirs = {
            row[0]: row
            for row in origin.client.get("/fapi/v1/klines", symbol=SYMBOLS[0], interval=interval, limit=1_500).body
        }
        assert len(mine) > limit // 2
        assert mine[:-1] == [theirs[row[0]] for row in mine[:-1]]  # the last one may be forming
    until(lambda: live.client.get("/fapi/v1/openInterest", symbol=SYMBOLS[1]).status == 200, "positioning")
    for path in (*(f"/futures/data/{name}" for name in relay.POSITIONING),):
        asked = {"symbol": SYMBOLS[0], "period": "5m", "limit": 20}
        mine, theirs = (one.client.get(path, **asked).body for one in (live, origin))
        known = {row["timestamp"]: row for row in theirs}
        field = "longAccount" if "Ratio" in path else "sumOpenInterest"
        common = [row for row in mine if row["timestamp"] in known]
        assert len(common) > 5
        assert all(row[field] == known[row["timestamp"]][field] for row in common)
    other = {"symbol": SYMBOLS[0], "period": "15m"}
    assert live.client.get("/futures/data/globalLongShortAccountRatio", **other).body == []  # not asked for: not known


def test_candles_that_closed_in_a_gap_are_asked_for(origin: Running, live: Running) -> None:
    (source,) = live.server.venue.sources
    assert isinstance(source, LiveSource)
    known = source._candles[SYMBOLS[0], "1m"]
    lost = sorted(known)[-3]
    candle = live.do(lambda _: known.pop(lost))
    assert lost not in {row[0] for row in live.client.get("/fapi/v1/klines", symbol=SYMBOLS[0], interval="1m").body}
    listeners = origin.do(lambda server: tuple(server.venue.sockets._open))

    def cut(_: SimServer) -> None:
        for outlet in listeners:
            outlet.abort()

    origin.do(cut)
    until(lambda: known.get(lost) == candle, "the lost candle")


def test_the_listing_is_the_other_exchanges(origin: Running, live: Running) -> None:
    mine, theirs = (one.client.get("/fapi/v1/exchangeInfo").body["symbols"] for one in (live, origin))
    assert mine == theirs


def test_it_says_what_it_is(live: Running) -> None:
    market = live.client.get("/sim/v1/market").body
    assert market["label"] == "live market, paper fills"
    assert (market["sentiment_generated"], market["silent"]) == (False, [])
    assert market["generated_before_ms"] == dict.fromkeys(SYMBOLS, 0)


def test_orders_fill_on_the_relayed_book(live: Running) -> None:
    rules = live.client.get("/fapi/v1/exchangeInfo").body["symbols"][0]
    lots = next(rule for rule in rules["filters"] if rule["filterType"] == "LOT_SIZE")
    price = float(live.client.get("/fapi/v1/depth", symbol=SYMBOLS[0]).body["asks"][0][0])
    step = float(lots["stepSize"])
    quantity = f"{(int(20 / price / step) + 1) * step:g}"
    filled = live.client.market_order("BUY", quantity, symbol=SYMBOLS[0]).body
    assert filled["status"] == "FILLED"
    assert float(filled["avgPrice"]) == pytest.approx(price, rel=0.01)
    assert live.client.market_order("SELL", quantity, symbol=SYMBOLS[0], reduceOnly="true").status == 200


def test_it_runs_at_speed_1_only(origin: Running, live: Running) -> None:
    refused = live.client.post_json("/sim/v1/clock", {"speed": 2})
    assert (refused.status, refused.body) == (400, "a live market runs at speed 1, not 2")
    with pytest.raises(ValueError, match="a live market runs at speed 1, not 2"):
        SimServer(relaying(origin, speed=2.0))


def test_a_symbol_that_is_not_traded_there_is_named(origin: Running) -> None:
    with pytest.raises(ValueError, match="not traded there: GONEUSDT"):
        SimServer(relaying(origin, markets=("SYN001USDT,GONEUSDT=live",)))


def test_a_clock_from_the_future_is_refused(origin: Running, tmp_path: Path) -> None:
    state = StateFile(tmp_path / "sim.db")
    state.save(Saved(course=Course(now_ms=9_000_000_000_000)))
    state.close()
    with pytest.raises(ValueError, match="ahead of real time"):
        SimServer(relaying(origin, state=tmp_path / "sim.db"))


def test_silence_is_silence_and_no_new_order_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay, "SILENT_MS", 400)
    monkeypatch.setattr(relay, "WATCH_S", 0.02)
    with ExitStack() as stack:
        origin = Running(options(port=free_port()))  # which nobody else is given until it is listened to again
        live = stack.enter_context(running(relaying(origin)))
        with listening(live.server.ws_url, "public", *BOOKS) as listener:
            until(lambda: len(books(listener, BOOKS[0])) > 3, "books")
            port = origin.port
            origin.stop()
            until(lambda: len(live.client.get("/sim/v1/market").body["silent"]) == 2, "silence")
            heard = len(listener.frames[BOOKS[0]])
            refused = live.client.market_order("BUY", "100", symbol=SYMBOLS[0])
            assert refused.code == -1008
            assert live.client.get("/fapi/v1/depth", symbol=SYMBOLS[0]).status == 200  # the last one, with its time
            assert len(listener.frames[BOOKS[0]]) == heard
            stack.enter_context(running(options(port=port)))
            until(lambda: live.client.get("/sim/v1/market").body["silent"] == [], "that it is heard again")
            until(lambda: len(listener.frames[BOOKS[0]]) > heard, "books again")
