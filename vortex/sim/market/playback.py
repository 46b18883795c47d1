"""A tape played for ever: every second round is its price mirror, so that drift cancels and time runs on.

A position is milliseconds of tape played since round 0 began: the round and the place in it in one integer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from decimal import Decimal
from itertools import islice

from vortex.sim.core.market import BookEvent, MarkEvent, TickLevels, TradeEvent
from vortex.sim.market.sentiment import next_funding_ms
from vortex.sim.market.tape import FIRST_MARK, Tape
from vortex.sim.market.wire import SCALE_DIGITS


def mirrored_levels(levels: TickLevels, pivot: int) -> TickLevels:
    """The other side's levels in the mirror: price p becomes pivot - p; what would not stay positive is left out."""
    return tuple([(pivot - price, lots) for price, lots in levels if price < pivot])


def mirrored_book(book: BookEvent, pivot: int) -> BookEvent:
    """Bids become asks and asks bids; mirroring twice gives the same book."""
    return BookEvent(
        ts_ms=book.ts_ms,
        symbol=book.symbol,
        bids=mirrored_levels(book.asks, pivot),
        asks=mirrored_levels(book.bids, pivot),
    )


def mirrored_trade(trade: TradeEvent, pivot: int) -> TradeEvent:
    """A buyer's aggression becomes a seller's; mirroring twice gives the same trade."""
    return TradeEvent(
        ts_ms=trade.ts_ms,
        symbol=trade.symbol,
        trade_id=trade.trade_id,
        price_ticks=pivot - trade.price_ticks,
        quantity_lots=trade.quantity_lots,
        buyer_is_maker=not trade.buyer_is_maker,
    )


class Playback:
    """One tape under one symbol. The pivot maps the tape's last mid to its first, so the price is continuous."""

    def __init__(self, tape: Tape, symbol: str) -> None:
        self.tape = tape
        self.symbol = symbol
        self.pivot = (tape.double_mid(0) + tape.double_mid(len(tape.book_times) - 1)) // 2

    def double_mid(self, position_ms: int) -> int:
        """Twice the mid in ticks of the book that stands at a position."""
        round_, offset = divmod(position_ms, self.tape.duration_ms)
        double_mid = self.tape.double_mid(bisect_right(self.tape.book_times, offset) - 1)
        return 2 * self.pivot - double_mid if round_ % 2 else double_mid

    def last_price(self, position_ms: int) -> int:
        """The price in ticks of the last trade at or before a position, else the mid."""
        round_, offset = divmod(position_ms, self.tape.duration_ms)
        index = bisect_right(self.tape.trade_times, offset) - 1
        if index < 0:
            return self.double_mid(position_ms) // 2
        price = self.tape.trade_prices[index]
        return self.pivot - price if round_ % 2 else price

    @property
    def has_marks(self) -> bool:
        """True when mark prices were recorded: they are played like books and trades."""
        return bool(self.tape.marks.times)

    def events(self, position_ms: int, start_ms: int) -> Iterator[BookEvent | TradeEvent | MarkEvent]:
        """Endless: the book, and the mark price if recorded, that stand at the position; then all that follows."""
        tape = self.tape
        round_, offset = divmod(position_ms, tape.duration_ms)
        standing = bisect_right(tape.book_times, offset) - 1
        yield self._book(standing, round_, start_ms)
        if self.has_marks:
            marked = bisect_right(tape.marks.times, offset) - 1
            yield self._mark(FIRST_MARK + max(0, marked), round_, start_ms)
        first = bisect_right(tape.times, offset)
        zero_ms = start_ms - offset
        while True:
            for code, time_ms in zip(islice(tape.order, first, None), islice(tape.times, first, None), strict=True):
                emit = self._trade if code < 0 else self._book if code < FIRST_MARK else self._mark
                yield emit(code, round_, zero_ms + time_ms)
            first, round_, zero_ms = 0, round_ + 1, zero_ms + tape.duration_ms

    def _book(self, index: int, round_: int, ts_ms: int) -> BookEvent:
        bids, asks = self.tape.bids.levels(index), self.tape.asks.levels(index)
        book = BookEvent(ts_ms=ts_ms, symbol=self.symbol, bids=bids, asks=asks)
        return mirrored_book(book, self.pivot) if round_ % 2 else book

    def _trade(self, code: int, round_: int, ts_ms: int) -> TradeEvent:
        tape, index = self.tape, -1 - code
        trade = TradeEvent(
            ts_ms=ts_ms,
            symbol=self.symbol,
            trade_id=round_ * len(tape.trade_times) + index + 1,
            price_ticks=tape.trade_prices[index],
            quantity_lots=tape.trade_lots[index],
            buyer_is_maker=bool(tape.trade_makers[index]),
        )
        return mirrored_trade(trade, self.pivot) if round_ % 2 else trade

    def _mark(self, code: int, round_: int, ts_ms: int) -> MarkEvent:
        marks, index = self.tape.marks, code - FIRST_MARK
        mark, at, rate = (
            Decimal(column[index]).scaleb(-SCALE_DIGITS) for column in (marks.marks, marks.indexes, marks.rates)
        )
        if round_ % 2:
            pivot = self.pivot * self.tape.spec.tick_size
            mark, at, rate = pivot - mark, pivot - at, -rate
        return MarkEvent(
            ts_ms=ts_ms, symbol=self.symbol, mark_price=mark, index_price=at, funding_rate=rate,
            next_funding_ms=next_funding_ms(ts_ms),
        )  # fmt: skip
