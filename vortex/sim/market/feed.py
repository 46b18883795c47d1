"""One symbol of a capture: its tape, and what is derived from it (candles, mark price) or generated (the past)."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import islice

from vortex.domain.market import INTERVAL_MS, Interval
from vortex.sim.core.market import CandleEvent, MarketEvent, MarkEvent, SymbolSpec, TradeEvent
from vortex.sim.market.candles import MINUTE_MS, Bar, CandleBuilder, candle_event, flat, quarters
from vortex.sim.market.dice import dice
from vortex.sim.market.history import HISTORY_MINUTES, Pace, generated_minutes
from vortex.sim.market.playback import Playback
from vortex.sim.market.sentiment import Positioning, next_funding_ms
from vortex.sim.market.tape import Tape

TICK_MS = 250
SECOND_MS = 1_000
MARK_WINDOW_S = 30

_INTEREST_MINUTES = 450
"""Open interest as minutes of mean volume: the order of magnitude seen on liquid perpetuals."""
_KEPT_BARS = 2 * HISTORY_MINUTES
_MARK_GRID = Decimal("0.00000001")


class SymbolFeed:
    """Plays one tape under one name from `position_ms` on; `start` comes first and only once."""

    def __init__(self, tape: Tape, spec: SymbolSpec, pace: Pace, *, seed: int, position_ms: int) -> None:
        self.spec = spec
        self.first_position_ms = position_ms
        self.start_ms = 0
        interest = (Decimal(round(_INTEREST_MINUTES * pace.lots_per_minute)) or 1) * spec.step_size
        self.positioning = Positioning(seed, spec.symbol, interest, spec.step_size)
        self._playback = Playback(tape, spec.symbol)
        self._pace = pace
        self._seed = seed
        self._closed: dict[Interval, deque[Bar]] = {}
        self._builder = CandleBuilder(flat(0, 0), None)

    @property
    def generated_before_ms(self) -> int:
        """The first full minute of the recording: the minute in which the start falls is half generated."""
        return -(-self.start_ms // MINUTE_MS) * MINUTE_MS

    def start(self, start_ms: int) -> Iterator[MarketEvent]:
        """Generate the past, then play for ever."""
        self.start_ms = start_ms
        rng = dice(self._seed, self.spec.symbol, "walk")
        *minutes, begun = generated_minutes(
            self._pace, self._playback.last_price(self.first_position_ms), start_ms, rng
        )
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
        events = self._playback.events(self.first_position_ms, self.start_ms)
        yield next(events)
        yield self._mark(self.start_ms)
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
        if now_ms % SECOND_MS == 0:
            yield self._mark(now_ms)

    def _mark(self, now_ms: int) -> MarkEvent:
        """Mark and index price: the mean of the mid over 30 s, sampled each second, fewer right at the tape's start."""
        at_ms = self.first_position_ms + now_ms - self.start_ms
        samples = range(at_ms, max(-1, at_ms - MARK_WINDOW_S * SECOND_MS), -SECOND_MS)
        double_sum = sum(map(self._playback.double_mid, samples))
        price = (self.spec.tick_size * double_sum / (2 * len(samples))).quantize(_MARK_GRID, ROUND_HALF_EVEN)
        return MarkEvent(
            ts_ms=now_ms,
            symbol=self.spec.symbol,
            mark_price=price,
            index_price=price,
            funding_rate=self.positioning.funding_rate(now_ms),
            next_funding_ms=next_funding_ms(now_ms),
        )
