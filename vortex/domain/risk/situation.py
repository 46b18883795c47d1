"""What a symbol's decision knows besides its signals: the market, the account, the rules, the gates, its own trade."""

from __future__ import annotations

from collections import deque

from vortex.domain.decision import Decision
from vortex.domain.market import Book, MarkPrice
from vortex.domain.order import SymbolSetup
from vortex.domain.risk.request import RiskRequest
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import EntryPlan

JUMP_WINDOW_MS = 1_000
BOOK_OLD_MS = 1_000
"""A book of this age closes a gate; one that an entry rests on is younger still (`[risk] book_age_max_ms`)."""


class Situation:
    """The newest of everything, put together into one request when a decision wants to enter.

    Attributes:
        book, mark, account, setup: None until first known.
        closed_gates: Names of the entry gates that are closed.
        in_position: A trade of this symbol is open.
        pending: The entry that was asked for and is not answered yet.
        shutting_down: The process stops: no entry any more.
        leaving: The symbol leaves: no entry unless that is taken back.
    """

    def __init__(self) -> None:
        self.book: Book | None = None
        self.mark: MarkPrice | None = None
        self.account: AccountView | None = None
        self.setup: SymbolSetup | None = None
        self.closed_gates: set[str] = set()
        self.in_position = False
        self.pending: EntryPlan | None = None
        self.shutting_down = self.leaving = False
        self._mids: deque[tuple[int, float]] = deque()

    def see_book(self, book: Book) -> None:
        """Keep the newest book and the mids of the last second; a book with an empty side has none."""
        self.book = book
        if book.bids and book.asks:
            self._mids.append((book.ts_ms, book.mid))
        while self._mids and self._mids[0][0] < book.ts_ms - JUMP_WINDOW_MS:
            self._mids.popleft()

    def see_mark(self, mark: MarkPrice) -> None:
        """Keep the newest mark price."""
        self.mark = mark

    def book_fault(self, now_ms: int) -> str | None:
        """Return why nothing may rest on the book, None when something may."""
        book = self.book
        if book is None:
            return "no book yet"
        age_ms = now_ms - min(book.ts_ms, book.recv_ms)
        if age_ms > BOOK_OLD_MS:
            return f"the last book is older than {BOOK_OLD_MS} ms"
        fit = bool(book.bids) and bool(book.asks) and book.best_bid < book.best_ask
        return None if fit else "the book is crossed or empty"

    def repeats(self, decision: Decision) -> bool:
        """True for the very signal whose entry is under way: it is neither new nor refused."""
        pending = self.pending
        return pending is not None and (pending.side, pending.strategy) == (decision.side, decision.strategy)

    def request(self, decision: Decision, now_ms: int) -> RiskRequest | None:
        """Return what the gates look at; None before the account, the symbol's rules and a book are known."""
        if self.account is None or self.setup is None or self.book is None:
            return None
        return RiskRequest(
            decision=decision,
            book=self.book,
            now_ms=now_ms,
            account=self.account,
            rules=self.setup.rules,
            tiers=self.setup.tiers,
            taker_fee=self.setup.taker_fee,
            has_position=self.in_position,
            pending_entry=self.pending is not None,
            shutting_down=self.shutting_down or self.leaving,
            closed_gates=tuple(sorted(self.closed_gates)),
            mark=self.mark,
            mid_1s_ago=self._mids[0][1] if self._mids else None,
        )
