"""Plays a market of which only minutes are known: books and trades inside each are modelled."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol

from vortex.sim.core.market import BookEvent, SymbolSpec, TradeEvent
from vortex.sim.market.candles import MINUTE_MS, QUARTER_MS, Bar, count, flat
from vortex.sim.market.course import SLOT_MS, Course, Minute, course_of, trades_of
from vortex.sim.market.depth import ModelledDepth
from vortex.sim.market.dice import dice, fraction
from vortex.sim.market.history import HISTORY_MINUTES

DEPTH_SHARE = 0.02
"""Mean quantity of a book level as a share of a minute's mean volume, in a minute of usual range."""
QUIET_SHARE = 0.35
"""Share of the 100 ms slots in which the book is published though neither price nor trades changed."""
_IDS_PER_MINUTE = 2_000
"""More than the trades of any minute: ids go on growing over a restart without being stored."""


class MinuteSeries(Protocol):
    """Minutes without end in both directions; number 0 is where the series begins."""

    spec: SymbolSpec
    lots_per_minute: float
    ticks_per_minute: float
    """Mean volume and mean range of a minute."""

    def at(self, number: int) -> Minute:
        """The same minute whenever it is asked for."""
        ...

    def funding_rate(self, number: int) -> Decimal | None:
        """The rate (fraction) in force during a minute; None when nobody recorded it."""
        ...

    def generated_before(self) -> int | None:
        """The number of the first minute that was recorded; None when all are generated."""
        ...


NEVER_MS = 2**53
"""Later than any time, and exact in every reader's JSON."""


class MinutePlayer:
    """Plays a series under one name, full minutes of the series in full minutes of the exchange's clock."""

    has_marks = False

    def __init__(self, series: MinuteSeries, symbol: str, seed: int) -> None:
        self._series = series
        self._symbol = symbol
        self._key = (seed, symbol)
        self._courses: dict[int, Course] = {}

    @property
    def lots_per_minute(self) -> float:
        return self._series.lots_per_minute

    def aligned(self, position_ms: int, start_ms: int) -> int:
        return position_ms + (start_ms - position_ms) % MINUTE_MS

    def past(self, position_ms: int, start_ms: int) -> list[Bar]:
        """Minutes before the position, and what of the present one was traded up to it."""
        now, offset_ms = divmod(position_ms, MINUTE_MS)
        now_ms = start_ms - offset_ms
        first_ms = (now_ms - HISTORY_MINUTES * MINUTE_MS) // QUARTER_MS * QUARTER_MS
        before = range((first_ms - now_ms) // MINUTE_MS, 0)
        bars = [self._bar(now + back, now_ms + back * MINUTE_MS) for back in before]
        begun = flat(now_ms, bars[-1].close)
        for trade in self._course(now).trades:
            if trade.at_ms <= offset_ms:
                count(begun, trade.price, trade.lots, buyer_is_maker=trade.buyer_is_maker)
        return [*bars, begun]

    def generated_before_ms(self, position_ms: int, start_ms: int) -> int:
        first = self._series.generated_before()
        return NEVER_MS if first is None else start_ms - position_ms + first * MINUTE_MS

    def double_mid(self, position_ms: int) -> int:
        number, offset_ms = divmod(position_ms, MINUTE_MS)
        course = self._course(number)
        return 2 * course.bids[offset_ms // SLOT_MS] + course.spread

    def funding_rate(self, position_ms: int) -> Decimal | None:
        return self._series.funding_rate(position_ms // MINUTE_MS)

    def events(self, position_ms: int, start_ms: int) -> Iterator[BookEvent | TradeEvent]:
        number, offset_ms = divmod(position_ms, MINUTE_MS)
        opened_ms, trade_id = start_ms - offset_ms, number * _IDS_PER_MINUTE
        depth = ModelledDepth(self._level_lots(self._series.at(number)), dice(*self._key, "depth"))
        standing, course = offset_ms // SLOT_MS, self._course(number)
        yield self._book(depth, course, standing, start_ms)
        while True:
            for event in self._inside(number, opened_ms, trade_id, depth):
                if event.ts_ms > start_ms:
                    yield event
            trade_id += len(self._course(number).trades)
            number, opened_ms = number + 1, opened_ms + MINUTE_MS

    def _inside(
        self, number: int, opened_ms: int, trade_id: int, depth: ModelledDepth
    ) -> Iterator[BookEvent | TradeEvent]:
        """A minute: the book at the beginning of a slot, then the slot's trades."""
        course, draw = self._course(number), dice(*self._key, number, "slots").random
        depth.lots = self._level_lots(self._series.at(number))
        trades = iter(course.trades)
        trade, bid, busy = next(trades, None), -1, True
        for slot, best in enumerate(course.bids):
            if best != bid or busy or draw() < QUIET_SHARE:
                yield self._book(depth, course, slot, opened_ms + slot * SLOT_MS)
            bid, busy = best, False
            while trade is not None and trade.at_ms < (slot + 1) * SLOT_MS:
                trade_id, busy = trade_id + 1, True
                yield TradeEvent(
                    ts_ms=opened_ms + trade.at_ms, symbol=self._symbol, trade_id=trade_id, price_ticks=trade.price,
                    quantity_lots=trade.lots, buyer_is_maker=trade.buyer_is_maker,
                )  # fmt: skip
                trade = next(trades, None)

    def _book(self, depth: ModelledDepth, course: Course, slot: int, ts_ms: int) -> BookEvent:
        bids, asks = depth.book(course.bids[slot], course.spread, course.lean(slot))
        return BookEvent(ts_ms=ts_ms, symbol=self._symbol, bids=bids, asks=asks)

    def _level_lots(self, minute: Minute) -> float:
        """Less rests in a minute that moves more than usual."""
        liveliness = (minute.high - minute.low) / self._series.ticks_per_minute
        return DEPTH_SHARE * self._series.lots_per_minute / max(0.5, liveliness)

    def _course(self, number: int) -> Course:
        """The course of a minute; the newest two are kept, since the mark price looks back half a minute."""
        course = self._courses.get(number)
        if course is None:
            rng = dice(*self._key, number, "course")
            course = course_of(self._series.at(number), self._series.lots_per_minute, rng)
            self._courses = {kept: old for kept, old in self._courses.items() if kept == number - 1}
            self._courses[number] = course
        return course

    def _bar(self, number: int, open_ms: int) -> Bar:
        """A candle that was not played: sums that nobody recorded are plausible."""
        minute = self._series.at(number)
        bought = round(minute.lots * (0.35 + 0.3 * fraction(*self._key, number, "bought")))
        typical = (minute.open + minute.close) // 2
        return Bar(
            open_ms=open_ms, open=minute.open, high=minute.high, low=minute.low, close=minute.close, lots=minute.lots,
            quote=minute.lots * typical, trades=trades_of(minute, self._series.lots_per_minute), buy_lots=bought,
            buy_quote=bought * typical,
        )  # fmt: skip
