"""A recording as a compact tape: the best levels of each 100 ms and the aggregate trades, in integers.

Times are milliseconds since the tape's first book, prices ticks and quantities lots of `spec`. The arrays of one
shipped recording take about 6 MB and are shared by every symbol that plays it.
"""

from __future__ import annotations

import zlib
from array import array
from bisect import bisect_left, bisect_right
from decimal import Decimal
from operator import itemgetter
from pathlib import Path

import msgspec
from msgspec import Struct

from vortex.sim.core.market import SymbolSpec, TickLevels
from vortex.sim.market.ladder import RecordedBook
from vortex.sim.market.listing import listed, spec_for
from vortex.sim.market.recording import Recording
from vortex.sim.market.wire import (
    SCALE_DIGITS,
    AggTrade,
    Contract,
    DepthDiff,
    MarkUpdate,
    Message,
    PartialDepth,
    RawTrade,
    Snapshot,
    scaled,
)

SLOT_MS = 100
DEPTH = 50
FIRST_MARK = 2**30
"""Codes in a tape's order from here on are mark prices."""


class CaptureError(ValueError):
    """A capture that cannot be played; the text names file, line and reason."""


class Side(Struct, frozen=True, kw_only=True):
    """The levels of one side, all books end to end: book i has the rows `starts[i]` .. `starts[i + 1]`."""

    starts: array[int]
    prices: array[int]
    lots: array[int]

    def levels(self, index: int) -> TickLevels:
        rows = slice(self.starts[index], self.starts[index + 1])
        return tuple(zip(self.prices[rows], self.lots[rows], strict=True))

    def best(self, index: int) -> int:
        return self.prices[self.starts[index]]


class Marks(Struct, frozen=True, kw_only=True):
    """Recorded mark prices: prices and funding rates in units of 1e-8."""

    times: array[int]
    marks: array[int]
    indexes: array[int]
    rates: array[int]


class Tape(Struct, frozen=True, kw_only=True):
    """What one recording holds.

    Attributes:
        recorded_ms: Exchange time of the first book, epoch milliseconds.
        duration_ms: After this time the tape may start again: whole slots, longer than any time in it.
        marks: Empty when the recording has none.
        order: Books (n >= 0), trades (-1 - n) and mark prices (FIRST_MARK + n) in order of time; `times` are theirs.
            Trades come before the book of the same millisecond, as on the exchange.
    """

    spec: SymbolSpec
    recorded_ms: int
    duration_ms: int
    bids: Side
    asks: Side
    book_times: array[int]
    trade_times: array[int]
    trade_prices: array[int]
    trade_lots: array[int]
    trade_makers: bytes
    marks: Marks
    order: array[int]
    times: array[int]

    def double_mid(self, index: int) -> int:
        """Best bid plus best ask of book `index`: twice the mid, so that half ticks stay integers."""
        return self.bids.best(index) + self.asks.best(index)


class _Rows:
    """One side while it is recorded, in units of 1e-8."""

    def __init__(self) -> None:
        self.starts = array("i", [0])
        self.prices = array("q")
        self.quantities = array("q")

    def append(self, levels: TickLevels) -> None:
        self.prices.extend([price for price, _ in levels])
        self.quantities.extend([quantity for _, quantity in levels])
        self.starts.append(len(self.prices))

    def side(self, tick: int, step: int) -> Side:
        return Side(starts=self.starts, prices=_divided(self.prices, tick), lots=_divided(self.quantities, step))


class _Recorder:
    """Takes the messages of a recording in the order in which they were received.

    Books come from differences or from whole books, whichever is seen first; where both were recorded, the other kind
    tells nothing new.
    """

    def __init__(self) -> None:
        self.book = RecordedBook()
        self.bids = _Rows()
        self.asks = _Rows()
        self.book_times: list[int] = []
        self.raw_trades = TradeGroups()
        self.agg_trades = TradeGroups()
        self.marks = Marks(times=array("q"), marks=array("q"), indexes=array("q"), rates=array("q"))
        self.contract: Contract | None = None
        self._depth: type[DepthDiff | PartialDepth] | None = None
        self._time_ms = 0
        self._seen: tuple[TickLevels, TickLevels] | None = None

    def take(self, message: Message) -> None:
        match message:
            case DepthDiff() | PartialDepth():
                self._take_depth(message)
            case RawTrade(kind="MARKET"):
                self._take_trade(self.raw_trades, message, SLOT_MS)
            case AggTrade():
                self._take_trade(self.agg_trades, message, 0)
            case MarkUpdate():
                self._take_mark(message)
            case Snapshot():
                self.book.start(message)
            case Contract():
                self.contract = message

    def _take_depth(self, depth: DepthDiff | PartialDepth) -> None:
        if self._depth is None:
            self._depth = type(depth)
        if type(depth) is not self._depth:
            return
        if isinstance(depth, DepthDiff):
            self._take_diff(depth)
        else:
            self._time_ms = max(depth.time_ms, self._time_ms)
            self._emit(*self.book.whole(depth))

    def _take_diff(self, diff: DepthDiff) -> None:
        time_ms = max(diff.time_ms, self._time_ms)  # a clock that steps back must not turn the tape back
        if time_ms // SLOT_MS != self._time_ms // SLOT_MS:
            self.close_slot()
        self._time_ms = time_ms
        self.book.update(diff)

    def close_slot(self) -> None:
        """Emit the book of the slot that ends, timed by its last update, if it changed."""
        if not self.book.live:
            return
        levels = self.book.best(DEPTH)
        if levels != self._seen:
            self._seen = levels
            self._emit(*levels)

    def _emit(self, bids: TickLevels, asks: TickLevels) -> None:
        self.bids.append(bids)
        self.asks.append(asks)
        self.book_times.append(self._time_ms)

    def _take_mark(self, mark: MarkUpdate) -> None:
        marks = self.marks
        marks.times.append(max(mark.time_ms, marks.times[-1] if marks.times else 0))
        marks.marks.append(scaled(mark.mark_price))
        marks.indexes.append(scaled(mark.index_price))
        rate = scaled(mark.funding_rate.removeprefix("-"))
        marks.rates.append(-rate if mark.funding_rate.startswith("-") else rate)

    def _take_trade(self, groups: TradeGroups, trade: RawTrade | AggTrade, window_ms: int) -> None:
        price, quantity = self.book.prices[trade.price], self.book.quantities[trade.quantity]
        if not price or not quantity:
            raise ValueError("a trade without price or quantity")
        groups.add(trade.time_ms, price, quantity, maker=trade.buyer_is_maker, window_ms=window_ms)


class TradeGroups:
    """Aggregate trades: consecutive trades of equal price and side within a window are one, timed by its last.

    Timing by the last trade lets no quantity be known before it was traded.
    """

    def __init__(self) -> None:
        self.times = array("q")
        self.prices = array("q")
        self.quantities = array("q")
        self.makers = bytearray()
        self._opened_ms = 0

    def add(self, time_ms: int, price: int, quantity: int, *, maker: bool, window_ms: int) -> None:
        if self.times:
            time_ms = max(time_ms, self.times[-1])
            same = self.prices[-1] == price and self.makers[-1] == maker
            if same and time_ms - self._opened_ms < window_ms:
                self.quantities[-1] += quantity
                self.times[-1] = time_ms
                return
        self._opened_ms = time_ms
        self.times.append(time_ms)
        self.prices.append(price)
        self.quantities.append(quantity)
        self.makers.append(maker)


def load_tape(path: Path) -> Tape:
    """Read a capture into a tape; raises CaptureError naming file, line and reason."""
    recording, recorder = Recording(path), _Recorder()
    try:
        for message in recording:
            recorder.take(message)
        recorder.close_slot()
        return _finished(recorder, recording.symbol)
    except (ValueError, msgspec.DecodeError, OSError, EOFError, zlib.error) as problem:
        where = f"{path}:{recording.line}" if recording.line else str(path)
        reason = problem.strerror if isinstance(problem, OSError) and problem.strerror else problem
        raise CaptureError(f"{where}: {reason}") from problem


def _finished(recorder: _Recorder, symbol: str) -> Tape:
    if not recorder.book_times:
        raise ValueError("no order book: a depth snapshot and the differences that follow it are needed")
    zero_ms = recorder.book_times[0]
    trades = recorder.agg_trades if recorder.agg_trades.times else recorder.raw_trades
    first = bisect_left(trades.times, zero_ms)
    book_times = array("i", [time_ms - zero_ms for time_ms in recorder.book_times])
    trade_times = array("i", [time_ms - zero_ms for time_ms in trades.times[first:]])
    spec = _spec(recorder, symbol)
    tick, step = _scaled(spec.tick_size), _scaled(spec.step_size)
    marks = _since(recorder.marks, zero_ms)
    order, times = _merged(book_times, trade_times, marks.times)
    return Tape(
        spec=spec,
        recorded_ms=zero_ms,
        duration_ms=(times[-1] // SLOT_MS + 1) * SLOT_MS,
        bids=recorder.bids.side(tick, step),
        asks=recorder.asks.side(tick, step),
        book_times=book_times,
        trade_times=trade_times,
        trade_prices=_divided(trades.prices[first:], tick),
        trade_lots=_divided(trades.quantities[first:], step),
        trade_makers=bytes(trades.makers[first:]),
        marks=marks,
        order=order,
        times=times,
    )


def _since(marks: Marks, zero_ms: int) -> Marks:
    """Mark prices from the first book on; the one that stands there is counted as its own."""
    first = max(0, bisect_right(marks.times, zero_ms) - 1)
    return Marks(
        times=array("i", [max(0, time_ms - zero_ms) for time_ms in marks.times[first:]]),
        marks=marks.marks[first:],
        indexes=marks.indexes[first:],
        rates=marks.rates[first:],
    )


def _spec(recorder: _Recorder, symbol: str) -> SymbolSpec:
    if recorder.contract is not None:
        return listed(recorder.contract)
    one = Decimal(1).scaleb(-SCALE_DIGITS)
    return spec_for(
        symbol,
        price_unit=(recorder.book.prices.unit() * one).normalize(),
        quantity_unit=(recorder.book.quantities.unit() * one).normalize(),
        price=recorder.asks.prices[0] * one,
    )


def _merged(book_times: array[int], trade_times: array[int], mark_times: array[int]) -> tuple[array[int], array[int]]:
    trades = [(time_ms, -1 - index) for index, time_ms in enumerate(trade_times)]
    marks = [(time_ms, FIRST_MARK + index) for index, time_ms in enumerate(mark_times)]
    books = [(time_ms, index) for index, time_ms in enumerate(book_times)]
    # Stable: within a millisecond trades first, books last, each in its order.
    merged = sorted(trades + marks + books, key=itemgetter(0))
    return array("i", [code for _, code in merged]), array("i", [time_ms for time_ms, _ in merged])


def _scaled(size: Decimal) -> int:
    return int(size.scaleb(SCALE_DIGITS))


def _divided(values: array[int], unit: int) -> array[int]:
    if any(value % unit for value in values):
        raise ValueError("a price or quantity lies beside the grid of its symbol")
    return array("q", [value // unit for value in values])
