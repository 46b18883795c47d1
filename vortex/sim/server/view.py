"""What the market looks like to a reader now: fed by the exchange's delayed market events, read by REST."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterable

from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, TradeEvent

MAX_TRADES = 1_000
"""Recent trades kept per symbol: the most that one GET aggTrades may ask for."""


class MarketView:
    """The newest book, mark price and forming candles of every symbol, and its recent trades."""

    def __init__(self, symbols: Iterable[str]) -> None:
        self.symbols = tuple(symbols)
        self.books: dict[str, BookEvent] = {}
        self.previous_books: dict[str, BookEvent] = {}
        self.marks: dict[str, MarkEvent] = {}
        self.candles: dict[tuple[str, str], CandleEvent] = {}
        self.trades: defaultdict[str, deque[TradeEvent]] = defaultdict(lambda: deque(maxlen=MAX_TRADES))
        self._book_ids: dict[str, tuple[int, int]] = {}

    @property
    def complete(self) -> bool:
        """True once every symbol has a book and a mark price."""
        return len(self.books) == len(self.marks) == len(self.symbols)

    def take(self, event: MarketEvent) -> None:
        match event:
            case BookEvent():
                self.previous_books[event.symbol] = self.books.get(event.symbol, event)
                self.books[event.symbol] = event
                self._book_ids[event.symbol] = self._next_ids(event)
            case TradeEvent():
                self.trades[event.symbol].append(event)
            case MarkEvent():
                self.marks[event.symbol] = event
            case CandleEvent():
                self.candles[event.symbol, event.interval] = event

    def book_ids(self, symbol: str) -> tuple[int, int]:
        """Update ids of the book before the newest one and of the newest one."""
        return self._book_ids[symbol]

    def _next_ids(self, book: BookEvent) -> tuple[int, int]:
        # Ids follow the time, so that they go on growing over a restart without being stored.
        _, newest = self._book_ids.get(book.symbol, (0, book.ts_ms - 1))
        return newest, max(newest + 1, book.ts_ms)
