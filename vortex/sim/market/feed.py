"""One symbol of a source: what its player plays, and what is derived from that (candles, mark price) or generated."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice
from typing import Protocol

from vortex.domain.market import INTERVAL_MS, Interval
from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, SymbolSpec, TradeEvent
from vortex.sim.market.candles import Bar, CandleBuilder, candle_event, flat, quarters
from vortex.sim.market.history import HISTORY_MINUTES
from vortex.sim.market.sentiment import Positioning, next_funding_ms

TICK_MS = 250
SECOND_MS = 1_000
MARK_WINDOW_S = 30

_INTEREST_MINUTES = 450
"""Open interest as minutes of mean volume: the order of magnitude seen on liquid perpetuals."""
_KEPT_BARS = 2 * HISTORY_MINUTES
_MARK_GRID = Decimal("0.00000001")


class Player(Protocol):
    """The market of one symbol by position: milliseconds of it played since its beginning."""

    @property
    def lots_per_minute(self) -> float:
        """Mean volume."""
        ...

    @property
    def has_marks(self) -> bool:
        """True when mark prices are among its events; else they are derived."""
        ...

    def aligned(self, position_ms: int, start_ms: int) -> int:
        """The first position from `position_ms` on that may stand at this time."""
        ...

    def past(self, position_ms: int, start_ms: int) -> list[Bar]:
        """1m candles up to the start, oldest first, the first on a 15m boundary; the last is the minute under way."""
        ...

    def generated_before_ms(self, position_ms: int, start_ms: int) -> int:
        """Candles that open before this time were generated."""
        ...

    def double_mid(self, position_ms: int) -> int:
        """Twice the mid in ticks of the book that stands at a position."""
        ...

    def funding_rate(self, position_ms: int) -> Decimal | None:
        """The rate (fraction) that settles next; None when nobody recorded it."""
        ...

    def events(self, position_ms: int, start_ms: int) -> Iterator[BookEvent | TradeEvent | MarkEvent]:
        """Endless: the book (and mark price) that stands at the position, at `start_ms`, then all that follows it."""
        ...


class SymbolFeed:
    """Plays one market under one name from `position_ms` on; `start` comes first and only once."""

    def __init__(self, player: Player, spec: SymbolSpec, *, seed: int, position_ms: int) -> None:
        self.spec = spec
        self.first_position_ms = position_ms
        self.start_ms = 0
        self.generated_before_ms = 0
        interest = (Decimal(round(_INTEREST_MINUTES * player.lots_per_minute)) or 1) * spec.step_size
        self.positioning = Positioning(seed, spec.symbol, interest, spec.step_size)
        self._player = player
        self._closed: dict[Interval, deque[Bar]] = {}
        self._builder = CandleBuilder(flat(0, 0), None)

    def start(self, start_ms: int) -> Iterator[MarketEvent]:
        """Look up the past, then play for ever."""
        self.start_ms = start_ms
        self.first_position_ms = self._player.aligned(self.first_position_ms, start_ms)
        self.generated_before_ms = self._player.generated_before_ms(self.first_position_ms, start_ms)
        *minutes, begun = self._player.past(self.first_position_ms, start_ms)
        hours = quarters(minutes)
        quarter = hours.pop() if begun.open_ms % INTERVAL_MS["15m"] else None
        self._closed = {"1m": deque(minutes, maxlen=_KEPT_BARS), "15m": deque(hours, maxlen=_KEPT_BARS)}
        self._builder = CandleBuilder(begun, quarter)
        return self._events()

    def history(self, interval: Interval, before_ms: int, now_ms: int, limit: int) -> list[CandleEvent]:
        """Candles that had closed at `now_ms` and opened before `before_ms`: at most the last `limit`, oldest first."""
        length_ms = INTERVAL_MS[interval]
        last_open_ms = min(before_ms - 1, now_ms - length_ms)
        newest_first = (bar for bar in reversed(self._closed[interval]) if bar.open_ms <= last_open_ms)
        return [
            candle_event(bar, self.spec, interval, bar.open_ms + length_ms, closed=True)
            for bar in reversed(list(islice(newest_first, limit)))
        ]

    def _events(self) -> Iterator[MarketEvent]:
        events = self._player.events(self.first_position_ms, self.start_ms)
        yield next(events)
        yield next(events) if self._player.has_marks else self._mark(self.start_ms)
        tick_ms = (self.start_ms // TICK_MS + 1) * TICK_MS
        for event in events:
            while event.ts_ms >= tick_ms:
                yield from self._tick(tick_ms)
                tick_ms += TICK_MS
            if type(event) is TradeEvent:
                self._builder.add(event)
            yield event

    def _tick(self, now_ms: int) -> Iterator[MarketEvent]:
        for update in self._builder.tick(now_ms):
            if update.closed:
                self._closed[update.interval].append(update.bar)
            yield candle_event(update.bar, self.spec, update.interval, now_ms, closed=update.closed)
        if now_ms % SECOND_MS == 0 and not self._player.has_marks:
            yield self._mark(now_ms)

    def _mark(self, now_ms: int) -> MarkEvent:
        """Mark and index price: the mean of the mid over 30 s, sampled each second, fewer right at the beginning."""
        at_ms = self.first_position_ms + now_ms - self.start_ms
        samples = range(at_ms, max(-1, at_ms - MARK_WINDOW_S * SECOND_MS), -SECOND_MS)
        double_sum = sum(map(self._player.double_mid, samples))
        price = (self.spec.tick_size * double_sum / (2 * len(samples))).quantize(_MARK_GRID, ROUND_HALF_EVEN)
        rate = self._player.funding_rate(at_ms)
        return MarkEvent(
            ts_ms=now_ms,
            symbol=self.spec.symbol,
            mark_price=price,
            index_price=price,
            funding_rate=self.positioning.funding_rate(now_ms) if rate is None else rate,
            next_funding_ms=next_funding_ms(now_ms),
        )
