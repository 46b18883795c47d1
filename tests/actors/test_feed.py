from __future__ import annotations

import pytest

from tests.domain.builders import SYMBOL, T0, candle, ladder, mark, stream, trade, trades
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.feed import STREAMS, FeedActor, SubscriptionTable
from vortex.domain.market import Book, Candle, CandleHistory, Interval, MarkPrice, Sentiment, Trades
from vortex.messages import RequestHistory, Subscribe, Unsubscribe
from vortex.ports import MarketSink
from vortex.queries import GetFeedAges

BOOK = stream([ladder(1_000, [1.0], [1.0])])[0]
SENTIMENT = Sentiment(symbol=SYMBOL, recv_ms=T0)


class Wire:
    """A market feed that keeps what it is asked for."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.sink: MarketSink | None = None

    def start(self, sink: MarketSink) -> None:
        self.sink = sink

    def subscribe(self, symbol: str) -> None:
        self.asked.append(("subscribe", symbol))

    def unsubscribe(self, symbol: str) -> None:
        self.asked.append(("unsubscribe", symbol))

    def request_history(self, symbol: str, interval: Interval) -> None:
        self.asked.append(("history", symbol, interval))

    def stop(self) -> None:
        self.sink = None


def wants(probe: Probe, *values: type, symbol: str = SYMBOL) -> Subscribe:
    return Subscribe(symbol=symbol, subscriber=probe, values=values)


# ----------------------------------------------------------------------------------------------------------- the table


def test_each_value_goes_to_those_who_want_it_of_that_symbol() -> None:
    table, engine, monitor, other = SubscriptionTable(), Probe(), Probe(), Probe()
    table.add(wants(engine, Book, Trades))
    table.add(wants(monitor, Book, MarkPrice))
    table.add(wants(other, Book, symbol="ETHUSDT"))
    tape = trades(trade(1, T0, buy=True))
    for value in (BOOK, tape, mark(T0), candle("1m", T0, (1.0, 1.0, 1.0, 1.0))):
        table.deliver(value)
    assert engine.messages == [BOOK, tape]
    assert monitor.messages == [BOOK, mark(T0)]
    assert other.messages == []


def test_the_same_subscriber_twice_is_told_once() -> None:
    table, probe = SubscriptionTable(), Probe()
    table.add(wants(probe, Book))
    table.add(wants(probe, Book))
    table.deliver(BOOK)
    assert probe.messages == [BOOK]


def test_the_newest_slow_values_are_repeated_to_a_new_subscriber() -> None:
    table, probe = SubscriptionTable(), Probe()
    table.add(wants(Probe(), MarkPrice))
    for value in (mark(T0, 1.0), mark(T0 + 1_000, 2.0), SENTIMENT, BOOK):
        table.deliver(value)
    table.add(wants(probe, Sentiment, MarkPrice, Book))
    assert probe.messages == [SENTIMENT, mark(T0 + 1_000, 2.0)]


def test_a_symbol_that_left_is_forgotten() -> None:
    table, probe, other = SubscriptionTable(), Probe(), Probe()
    table.add(wants(probe, Book, MarkPrice))
    table.add(wants(other, Book, symbol="ETHUSDT"))
    table.deliver(mark(T0))
    table.remove(SYMBOL)
    table.deliver(BOOK)
    table.deliver(mark(T0))  # one that was under way
    assert table.symbols == ("ETHUSDT",)
    assert len(probe.messages) == 1
    table.add(wants(probe, MarkPrice))
    assert len(probe.messages) == 1  # the old mark price went with it


def test_it_knows_when_each_stream_was_last_heard() -> None:
    table = SubscriptionTable()
    table.add(wants(Probe(), Book))
    assert table.heard() == {SYMBOL: dict.fromkeys(STREAMS)}
    table.stream_alive(SYMBOL, "depth20", T0)
    table.stream_alive("ETHUSDT", "depth20", T0)  # nobody asked for it
    assert table.heard() == {SYMBOL: {**dict.fromkeys(STREAMS), "depth20": T0}}


# ----------------------------------------------------------------------------------------------------------- the actor


@pytest.fixture
def wire() -> Wire:
    return Wire()


def started(wire: Wire, table: SubscriptionTable) -> FeedActor:
    actor = FeedActor(feed=wire, table=table)
    ManualContext(actor, path="feed")
    actor.started()
    return actor


def test_a_subscription_is_routed_and_asked_of_the_feed(wire: Wire) -> None:
    table, probe = SubscriptionTable(), Probe()
    actor = started(wire, table)
    actor.receive(wants(probe, Book))
    assert wire.sink is table
    assert wire.asked == [("subscribe", SYMBOL)]
    table.deliver(BOOK)
    assert probe.messages == [BOOK]


def test_who_wants_history_gets_it_of_both_intervals(wire: Wire) -> None:
    actor = started(wire, SubscriptionTable())
    actor.receive(wants(Probe(), Candle, CandleHistory))
    assert wire.asked == [("subscribe", SYMBOL), ("history", SYMBOL, "1m"), ("history", SYMBOL, "15m")]


def test_a_history_is_given_again_unless_the_symbol_has_left(wire: Wire) -> None:
    actor = started(wire, SubscriptionTable())
    actor.receive(wants(Probe(), Candle))
    actor.receive(RequestHistory(symbol=SYMBOL))
    assert wire.asked[1:] == [("history", SYMBOL, "1m"), ("history", SYMBOL, "15m")]
    actor.receive(Unsubscribe(symbol=SYMBOL))
    actor.receive(RequestHistory(symbol=SYMBOL))
    assert wire.asked[3:] == [("unsubscribe", SYMBOL)]


def test_a_new_incarnation_goes_on_with_the_table_of_the_last(wire: Wire) -> None:
    table, probe = SubscriptionTable(), Probe()
    started(wire, table).receive(wants(probe, Book))
    again = Wire()
    started(again, table)
    assert again.asked == [("subscribe", SYMBOL)]
    assert again.sink is table
    table.deliver(BOOK)
    assert probe.messages == [BOOK]


def test_a_symbol_that_leaves_is_unsubscribed(wire: Wire) -> None:
    table = SubscriptionTable()
    actor = started(wire, table)
    actor.receive(wants(Probe(), Book))
    actor.receive(Unsubscribe(symbol=SYMBOL))
    assert wire.asked[-1] == ("unsubscribe", SYMBOL)
    assert actor.receive(GetFeedAges()) == {}


def test_ages_are_answered_and_stopping_stops_the_feed(wire: Wire) -> None:
    table = SubscriptionTable()
    actor = started(wire, table)
    actor.receive(wants(Probe(), Book))
    table.stream_alive(SYMBOL, "markPrice", T0)
    assert actor.receive(GetFeedAges()) == {SYMBOL: {**dict.fromkeys(STREAMS), "markPrice": T0}}
    actor.stopping()
    assert wire.sink is None
