"""What a run counts of itself while it trades: plain numbers, added to where things happen and read from outside.

Each number is written by one actor alone and read without a lock: a reader may be one event behind, never more.
They outlive the actors, so that a crash takes nothing back.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable

from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import LegState
from vortex.domain.order import Done, ExchangeRequest, Outcome, Refused
from vortex.domain.trade import CloseReason

TICK_MS = (1, 2, 5, 10, 20, 50, 100, 150, 250, 500, 1_000)
"""Bounds for book to decision: an evaluation is due every 150 ms, a handler has 250."""
ACK_MS = (10, 25, 50, 75, 100, 150, 200, 300, 500, 750, 1_000, 2_000, 5_000)
"""Bounds for decision to acknowledgement: the book may be 500 ms old when the entry leaves, an order has 2 s."""
STOP_MS = (50, 100, 200, 300, 500, 750, 1_000, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000)
"""Bounds for fill to stop: 2 s is the promise, from 3 s on the position is closed, at 5 s it is safe or flat."""
REPLY_MS = (10, 25, 50, 100, 200, 300, 500, 1_000, 2_000, 3_000, 5_000)
"""Bounds for request to reply: orders time out after 2 s, questions after 3 to 5."""
UNACKNOWLEDGED = frozenset({LegState.IDLE, LegState.SENT, LegState.UNKNOWN})


class Histogram:
    """Counts values in fixed buckets.

    Attributes:
        bounds: Upper bounds, ascending; a value belongs to the first that is not below it.
        counts: How many values each bucket got; the last one has those above all bounds.
        total: The sum of all values.
    """

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: tuple[int, ...]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0

    def observe(self, value: int) -> None:
        """Add a value; one below 0, as when a clock is set back, counts as 0."""
        if value < 0:  # noqa: PLR1730  # max() costs a third more, once for each book
            value = 0
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value


class SymbolMeters:
    """One symbol's numbers.

    Attributes:
        decisions: Evaluations by action. This and the next two are the decision actor's.
        rejections: Signals that risk refused, by reject code; each counts, also where no row is due.
        tick_to_decision_ms: From a book's arrival in the process to the evaluation that it caused.
        decision_to_ack_ms: From an evaluation to the exchange's first word that the entry is there. From here on they
            are the exchange actor's.
        fill_to_stop_ms: From a trade's first execution to its confirmed stop, or to flat where that came before. The
            execution's time is the exchange's, or ours when that is earlier.
        trades: Ended trades by strategy and close reason, without those that were found unfilled in the journal.
        unprotected_since_ms: Since when a position has been open without a confirmed stop; None while there is none.
    """

    def __init__(self) -> None:
        self.decisions: Counter[str] = Counter()
        self.rejections: Counter[str] = Counter()
        self.tick_to_decision_ms = Histogram(TICK_MS)
        self.decision_to_ack_ms = Histogram(ACK_MS)
        self.fill_to_stop_ms = Histogram(STOP_MS)
        self.trades: Counter[tuple[str, str]] = Counter()
        self.unprotected_since_ms: int | None = None
        self._unprotected_ms = 0
        self._unacknowledged = self._unfilled = ""
        """The trade whose acknowledgement, and whose first protection, is still to come."""

    def unprotected_ms(self, now_ms: int) -> int:
        """All the time in which a position of the symbol was open without a confirmed stop."""
        since_ms = self.unprotected_since_ms
        return self._unprotected_ms + (0 if since_ms is None else max(0, now_ms - since_ms))

    def see(self, bracket: Bracket | None, now_ms: int) -> None:
        """Take the trade as it is after anything happened to it."""
        if bracket is not None:
            self._see_entry(bracket, now_ms)
        naked_ms = bracket.naked_since_ms if bracket is not None else None
        if bracket is not None and naked_ms is not None:
            if self.unprotected_since_ms is None:
                young = self._unfilled == bracket.trade_id
                self.unprotected_since_ms = _began_ms(bracket, naked_ms) if young else naked_ms
            return
        if bracket is not None and self._unfilled == bracket.trade_id and (bracket.protected or bracket.flat):
            self._safe(bracket, now_ms)
        self._covered(now_ms)

    def ended(self, bracket: Bracket, reason: CloseReason, now_ms: int) -> None:
        """Count a trade that is over."""
        self.trades[bracket.plan.strategy, reason] += 1
        self._safe(bracket, now_ms)
        self._covered(now_ms)

    def _see_entry(self, bracket: Bracket, now_ms: int) -> None:
        entry = bracket.entry
        if entry.state in UNACKNOWLEDGED and not bracket.fills:
            self._unacknowledged = self._unfilled = bracket.trade_id
        elif self._unacknowledged == bracket.trade_id and (entry.order_ids or bracket.entry_fills):
            self._unacknowledged = ""
            self.decision_to_ack_ms.observe(now_ms - bracket.plan.decided_ms)

    def _safe(self, bracket: Bracket, now_ms: int) -> None:
        """The first time that a trade is protected, or flat; a stop that is replaced later is no entry."""
        if self._unfilled == bracket.trade_id and bracket.entry_fills:
            self._unfilled = ""
            since_ms = self.unprotected_since_ms
            self.fill_to_stop_ms.observe(now_ms - (_began_ms(bracket, now_ms) if since_ms is None else since_ms))

    def _covered(self, now_ms: int) -> None:
        if self.unprotected_since_ms is not None:
            self._unprotected_ms = self.unprotected_ms(now_ms)
            self.unprotected_since_ms = None


def _began_ms(bracket: Bracket, seen_ms: int) -> int:
    """When the first execution was, by the clock that says earlier: to be late is not to be hidden by a clock."""
    fills = bracket.entry_fills
    return min(seen_ms, fills[0].ts_ms) if fills else seen_ms


class Meters:
    """Every number of a run.

    Attributes:
        symbols: By symbol; one that has left keeps its numbers.
        requests: Answered requests to the exchange by kind and outcome; the exchange actor's, as the next.
        reply_ms: From sending a request to its reply, by kind.
    """

    def __init__(self) -> None:
        self.symbols: dict[str, SymbolMeters] = {}
        self.requests: Counter[tuple[str, str]] = Counter()
        self.reply_ms: dict[str, Histogram] = {}

    def of(self, symbol: str) -> SymbolMeters:
        """The symbol's numbers, from any thread: always the same ones."""
        return self.symbols.get(symbol) or self.symbols.setdefault(symbol, SymbolMeters())

    def replied(self, request: ExchangeRequest, outcome: Outcome, took_ms: int) -> None:
        """Count the answer to a request."""
        kind = type(request).__name__
        self.requests[kind, outcome_of(outcome)] += 1
        self.reply_ms.setdefault(kind, Histogram(REPLY_MS)).observe(took_ms)


def outcome_of(outcome: Outcome) -> str:
    """DONE, REFUSED or UNKNOWN."""
    if isinstance(outcome, Done):
        return "DONE"
    return "REFUSED" if isinstance(outcome, Refused) else "UNKNOWN"


def merged(histograms: Iterable[Histogram], bounds: tuple[int, ...]) -> Histogram:
    """Return the sum of histograms that all have these bounds."""
    together = Histogram(bounds)
    for each in histograms:
        together.counts = [mine + other for mine, other in zip(together.counts, each.counts, strict=True)]
        together.total += each.total
    return together
