"""A recorded market as a source for the exchange."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from typing import cast, get_args

from vortex.domain.market import Interval
from vortex.sim.core.market import CandleEvent, MarketEvent, SentimentPoint
from vortex.sim.market.feed import SymbolFeed
from vortex.sim.market.history import pace_of
from vortex.sim.market.listing import renamed
from vortex.sim.market.tape import load_tape

NOTES = (
    "mark and index price: 30 s mean of the recorded mid",
    "candles before the start, positioning, open interest and funding rates: generated",
    "no liquidations of others; every second round of the recording is its price mirror",
)
"""What a person must know of every capture besides the source's label: printed where the exchange starts."""


class CaptureSource:
    """Plays one capture under its own symbol, or replicated under several names that share one tape in memory.

    Books and trades are the recording's. Candles and the mark and index price (a 30 s mean of the mid) are derived
    from it; candles before the start, positioning and funding are generated. `NOTES` says so to people.

    Args:
        path: A capture file.
        symbols: Names to play it under, None for the recorded one. Each has its own start offset, spread over two
            rounds, so that half of them begin in the price mirror.
        seed: Seed of all that is generated.
        resume: What `position()` gave before: those symbols go on from there.

    Raises:
        CaptureError: The file cannot be played; the text names file, line and reason.
    """

    def __init__(
        self,
        path: Path,
        symbols: tuple[str, ...] | None = None,
        *,
        seed: int = 0,
        resume: Mapping[str, int] | None = None,
    ) -> None:
        tape = load_tape(path)
        pace = pace_of(tape)
        names = symbols or (tape.spec.symbol,)
        played = resume or {}
        self._feeds = {
            name: SymbolFeed(
                tape,
                tape.spec if name == tape.spec.symbol else renamed(tape.spec, name),
                pace,
                seed=seed,
                position_ms=played.get(name, 2 * tape.duration_ms * index // len(names)),
            )
            for index, name in enumerate(names)
        }
        self.specs = tuple(feed.spec for feed in self._feeds.values())
        day = datetime.fromtimestamp(tape.recorded_ms / 1000, UTC).date()
        self.label = f"recording of {day}" + (", replicated" if names != (tape.spec.symbol,) else "")
        self._elapsed_ms = 0

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        """Endless, ordered by time, symbols merged as they are asked for."""
        return self._counted([feed.start(start_ms) for feed in self._feeds.values()], start_ms)

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles, generated then derived, oldest first, without a gap; KeyError for an unknown symbol."""
        if interval not in get_args(Interval):
            raise ValueError(f"no candles of {interval}: {', '.join(get_args(Interval))}")
        feed = self._feeds[symbol]
        return feed.history(cast("Interval", interval), before_ms, feed.start_ms + self._elapsed_ms, limit)

    def generated_before_ms(self, symbol: str) -> int:
        """Candles that open before this time were generated; the minute of the start counts as generated."""
        return self._feeds[symbol].generated_before_ms

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """Generated positioning on a grid of `period_ms`, oldest first."""
        return self._feeds[symbol].positioning.series(now_ms, period_ms, limit)

    def position(self) -> dict[str, int]:
        """Milliseconds of tape played per symbol, earlier runs and the start offset included."""
        return {name: feed.first_position_ms + self._elapsed_ms for name, feed in self._feeds.items()}

    def _counted(self, streams: list[Iterator[MarketEvent]], start_ms: int) -> Iterator[MarketEvent]:
        for event in heapq.merge(*streams, key=attrgetter("ts_ms")):
            self._elapsed_ms = event.ts_ms - start_ms
            yield event
