from __future__ import annotations

from msgspec.structs import replace

from vortex.app.candles import Candles, WatchedFeed
from vortex.domain.market import Candle, CandleHistory, Interval, MarketValue
from vortex.ports import MarketSink

MINUTE_MS = 60_000


def candle(number: int, close: float = 1.0, *, closed: bool = True, interval: Interval = "1m") -> Candle:
    return Candle(
        symbol="BTCUSDT", interval=interval, open_ms=number * MINUTE_MS, open=1.0, high=2.0, low=0.5, close=close,
        volume=1.0, taker_buy_volume=0.5, closed=closed,
    )  # fmt: skip


def test_a_forming_candle_is_replaced_and_a_closed_one_stays() -> None:
    candles = Candles()
    candles.put(CandleHistory(symbol="BTCUSDT", interval="1m", candles=(candle(1), candle(2, closed=False))))
    candles.put(candle(2, 1.5, closed=False))
    candles.put(candle(2, 1.7))
    candles.put(candle(2, 1.1, closed=False))
    candles.put(candle(3, closed=False))
    candles.put(candle(4, interval="15m"))
    assert [(each.open_ms // MINUTE_MS, each.close) for each in candles.of("BTCUSDT")] == [(1, 1.0), (2, 1.7), (3, 1.0)]
    assert [each.open_ms // MINUTE_MS for each in candles.of("BTCUSDT", 2)] == [2, 3]
    assert candles.of("ETHUSDT") == ()


def test_only_the_newest_are_kept_whatever_order_they_come_in() -> None:
    candles = Candles(kept=2)
    for number in (3, 1, 2):
        candles.put(candle(number))
    assert [each.open_ms // MINUTE_MS for each in candles.of("BTCUSDT")] == [2, 3]


class Feed:
    """Delivers what it is told to, as an adapter would."""

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.sink: MarketSink | None = None

    def start(self, sink: MarketSink) -> None:
        self.sink = sink

    def subscribe(self, symbol: str) -> None:
        self.calls.append(f"subscribe {symbol}")

    def unsubscribe(self, symbol: str) -> None:
        self.calls.append(f"unsubscribe {symbol}")

    def request_history(self, symbol: str, interval: Interval) -> None:
        self.calls.append(f"history {symbol} {interval}")

    def stop(self) -> None:
        self.calls.append("stop")


class Sink:
    def __init__(self) -> None:
        self.values: list[MarketValue] = []
        self.alive: list[tuple[str, str, int]] = []

    def deliver(self, value: MarketValue) -> None:
        self.values.append(value)

    def stream_alive(self, symbol: str, stream: str, ts_ms: int) -> None:
        self.alive.append((symbol, stream, ts_ms))


def test_a_watched_feed_passes_everything_on() -> None:
    feed, sink, candles = Feed(), Sink(), Candles()
    watched = WatchedFeed(feed, candles)
    watched.start(sink)
    watched.subscribe("BTCUSDT")
    watched.request_history("BTCUSDT", "1m")
    watched.unsubscribe("BTCUSDT")
    watched.stop()
    assert feed.calls == ["subscribe BTCUSDT", "history BTCUSDT 1m", "unsubscribe BTCUSDT", "stop"]
    assert feed.sink is not None
    first, second = candle(1), replace(candle(2), symbol="ETHUSDT")
    feed.sink.deliver(first)
    feed.sink.deliver(second)
    feed.sink.stream_alive("BTCUSDT", "depth20", 5)
    assert sink.values == [first, second]
    assert sink.alive == [("BTCUSDT", "depth20", 5)]
    assert candles.of("BTCUSDT") == (first,)
