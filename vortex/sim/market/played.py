"""A source that plays: symbols with their feeds, merged in order of time."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from operator import attrgetter
from typing import cast, get_args

from vortex.domain.market import Interval
from vortex.sim.core.market import CandleEvent, MarketEvent, SentimentPoint
from vortex.sim.market.feed import SymbolFeed


class PlayedSource:
    """Plays the market of every feed, from a recording or generated, at whatever speed it is asked."""

    live = False

    def __init__(self, feeds: Mapping[str, SymbolFeed], *, label: str, notes: tuple[str, ...]) -> None:
        self._feeds = dict(feeds)
        self.specs = tuple(feed.spec for feed in feeds.values())
        self.label = label
        self.notes = notes
        self._elapsed_ms = 0

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        """Endless, ordered by time, symbols merged as they are asked for."""
        return self._counted([feed.start(start_ms) for feed in self._feeds.values()], start_ms)

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles, those before the start first, without a gap; KeyError for an unknown symbol."""
        if interval not in get_args(Interval):
            raise ValueError(f"no candles of {interval}: {', '.join(get_args(Interval))}")
        feed = self._feeds[symbol]
        return feed.history(cast("Interval", interval), before_ms, feed.start_ms + self._elapsed_ms, limit)

    def generated_before_ms(self, symbol: str) -> int:
        """Candles that open before this time were generated."""
        return self._feeds[symbol].generated_before_ms

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """Generated positioning on a grid of `period_ms`, oldest first."""
        return self._feeds[symbol].positioning.series(now_ms, period_ms, limit)

    def position(self) -> dict[str, int]:
        """Milliseconds of market played per symbol, earlier runs and the start offset included."""
        return {name: feed.first_position_ms + self._elapsed_ms for name, feed in self._feeds.items()}

    def _counted(self, streams: list[Iterator[MarketEvent]], start_ms: int) -> Iterator[MarketEvent]:
        for event in heapq.merge(*streams, key=attrgetter("ts_ms")):
            self._elapsed_ms = event.ts_ms - start_ms
            yield event


def spread_out(names: tuple[str, ...], duration_ms: int, resume: Mapping[str, int] | None) -> dict[str, int]:
    """Where each name begins: where it stood, else spread over two rounds, so that half begin in the price mirror."""
    played = resume or {}
    return {name: played.get(name, 2 * duration_ms * index // len(names)) for index, name in enumerate(names)}
