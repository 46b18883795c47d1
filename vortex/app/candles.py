"""The last candles of each symbol for people to look at, heard on their way to the actors: nobody is asked for them."""

from __future__ import annotations

import threading

from vortex.domain.market import Candle, CandleHistory, Interval, MarketValue
from vortex.ports import MarketFeed, MarketSink

INTERVAL: Interval = "1m"
KEPT = 240
"""Candles of a symbol: four hours."""


class Candles:
    """The newest candles of one interval by symbol; safe from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._known: dict[str, dict[int, Candle]] = {}

    def put(self, value: Candle | CandleHistory) -> None:
        """Keep what is of our interval; a candle that is closed stays as it closed."""
        if value.interval == INTERVAL:
            with self._lock:
                for candle in value.candles if isinstance(value, CandleHistory) else (value,):
                    self._keep(candle)

    def of(self, symbol: str, limit: int = KEPT) -> tuple[Candle, ...]:
        """The newest candles of a symbol, oldest first, the last one perhaps forming; none of an unknown symbol."""
        with self._lock:
            known = self._known.get(symbol, {})
            return tuple([known[open_ms] for open_ms in sorted(known)[-limit:]])

    def _keep(self, candle: Candle) -> None:
        known = self._known.setdefault(candle.symbol, {})
        before = known.get(candle.open_ms)
        known[candle.open_ms] = candle if before is None else candle.absorb(before)
        if len(known) > self._kept:
            del known[min(known)]


class WatchedFeed:
    """Implements ports.MarketFeed around another one: what it delivers is the same, and candles are kept beside it."""

    def __init__(self, feed: MarketFeed, candles: Candles) -> None:
        self._feed = feed
        self._candles = candles
        self.subscribe, self.unsubscribe = feed.subscribe, feed.unsubscribe
        self.request_history, self.stop = feed.request_history, feed.stop

    def start(self, sink: MarketSink) -> None:
        self._feed.start(_Watched(sink, self._candles))


class _Watched:
    """Implements ports.MarketSink."""

    def __init__(self, sink: MarketSink, candles: Candles) -> None:
        self._sink = sink
        self._candles = candles
        self.stream_alive = sink.stream_alive

    def deliver(self, value: MarketValue) -> None:
        self._sink.deliver(value)  # actors first
        if isinstance(value, Candle | CandleHistory):
            self._candles.put(value)
