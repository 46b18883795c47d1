"""Which streams a market event appears on, and as what."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, TradeEvent
from vortex.sim.server.clock import SimClock
from vortex.sim.server.frames import (
    candle_frame,
    depth_frame,
    difference_frame,
    mark_frame,
    single_trade_frame,
    ticker_frame,
    trade_frame,
)
from vortex.sim.server.render import Json
from vortex.sim.server.streams import Hub
from vortex.sim.server.text import Grid
from vortex.sim.server.view import MarketView


class Broadcast:
    """Publishes market events to whoever reads their streams; a frame that nobody reads is not made."""

    def __init__(self, hub: Hub, view: MarketView, grids: Mapping[str, Grid], clock: SimClock) -> None:
        self._hub = hub
        self._view = view
        self._grids = grids
        self._clock = clock

    def publish(self, event: MarketEvent) -> None:
        """Tell readers of an event that the view has already taken."""
        shift_ms, grid = self._clock.offset_ms, self._grids[event.symbol]
        match event:
            case BookEvent():
                self._publish_book(event, grid, shift_ms)
            case TradeEvent():
                self._offer(event, "aggTrade", lambda: trade_frame(event, grid, shift_ms))
                self._offer(event, "trade", lambda: single_trade_frame(event, grid, shift_ms))
            case CandleEvent():
                self._offer(event, f"kline_{event.interval}", lambda: candle_frame(event, shift_ms))
            case MarkEvent():
                self._offer(event, "markPrice@1s", lambda: mark_frame(event, shift_ms))

    def _publish_book(self, book: BookEvent, grid: Grid, shift_ms: int) -> None:
        ids, old = self._view.book_ids(book.symbol), self._view.previous_books[book.symbol]
        self._offer(book, "depth20@100ms", lambda: depth_frame(book, grid, ids, shift_ms))
        self._offer(book, "depth@100ms", lambda: difference_frame(old, book, grid, ids, shift_ms))
        if (old.bids[:1], old.asks[:1]) != (book.bids[:1], book.asks[:1]) and book.bids and book.asks:
            self._offer(book, "bookTicker", lambda: ticker_frame(book, grid, ids[1], shift_ms))

    def _offer(self, event: MarketEvent, kind: str, frame: Callable[[], Json]) -> None:
        stream = f"{event.symbol.lower()}@{kind}"
        if self._hub.wanted(stream):
            self._hub.publish(stream, frame())
