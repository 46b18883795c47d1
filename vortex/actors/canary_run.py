"""The canary's run: told to people, journaled before it sends, swept at a start; nobody enters before one passed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from loguru import logger

from vortex.actors.order_journal import OrderJournal
from vortex.actors.seat import Seat
from vortex.domain.canary import Canary, CanaryIntent, CanaryRequest, Failed, Passed
from vortex.domain.order import AlgoReport, CancelOrder, ExchangeRequest, OrderRole, Outcome, PlaceOrder, QueryOrder

AGAIN_MS = 60_000
"""After a failure the next one is tried no sooner."""
WAITS = "stops are tested before the first entry"


class Way(Protocol):
    """How its requests leave."""

    def guard(self, request: CanaryRequest) -> None: ...


class CanaryRun:
    """Runs canaries until one has passed.

    Args:
        journal: Where the intent is before its first order leaves.
        way: Sends.
        now_ms: The injected clock.
        wanted: False where stops are trusted untested: then `hold` is None from the beginning.
    """

    def __init__(self, journal: OrderJournal, way: Way, now_ms: Callable[[], int], *, wanted: bool) -> None:
        self._journal = journal
        self._way = way
        self._now_ms = now_ms
        self._canary: Canary | None = None
        self._ids: frozenset[str] = frozenset()
        self._not_before_ms = 0
        self.hold: str | None = WAITS if wanted else None

    def load(self) -> None:
        """Sweep what a predecessor may have left."""
        intent = self._journal.load_canary()
        if intent is not None:
            self._begin(intent, Canary.sweeping(intent))

    def on_time(self, seats: Iterable[Seat]) -> bool:
        """Go on, or begin on a flat symbol; True when `hold` changed."""
        if self._canary is None:
            if self.hold is None or self._now_ms() < self._not_before_ms or not self._journal.writable:
                return False
            seat = next((seat for seat in seats if seat.desk.free and seat.desk.mark_price > 0), None)
            if seat is not None:
                self._test(seat)
        return self._go_on(seats)

    def owns(self, request: ExchangeRequest) -> bool:
        """True when the request was one of a canary's."""
        return isinstance(request, PlaceOrder | QueryOrder | CancelOrder) and request.client_id in self._ids

    def on_reply(self, request: ExchangeRequest, outcome: Outcome) -> None:
        """Take the outcome of a request that it `owns`."""
        if self._canary is not None and isinstance(request, PlaceOrder | QueryOrder | CancelOrder):
            self._canary.on_reply(request, outcome, self._now_ms())

    def on_report(self, report: AlgoReport) -> None:
        """Take what the user stream says of any conditional order."""
        if self._canary is not None:
            self._canary.on_report(report)

    def _test(self, seat: Seat) -> None:
        setup, ids = seat.desk.setup, seat.desk.ids
        if setup is None:
            return
        first, second = ids.new()[OrderRole.STOP], ids.new()[OrderRole.STOP]
        intent = CanaryIntent(symbol=seat.desk.symbol, close_id=first, stop_id=second)
        self._journal.keep_canary(intent)
        if self._journal.writable:
            self._begin(intent, Canary.testing(intent, seat.desk.mark_price, setup.rules))

    def _begin(self, intent: CanaryIntent, canary: Canary) -> None:
        self._canary = canary
        self._ids = frozenset((intent.close_id, intent.stop_id))
        logger.warning("{}", canary.words)

    def _go_on(self, seats: Iterable[Seat]) -> bool:
        canary = self._canary
        if canary is None:
            return False
        for seat in seats:
            seat.desk.vacancy.expected = self._ids
        if (request := canary.plan(self._now_ms())) is not None:
            self._way.guard(request)
        return self._end(canary) if canary.over else False

    def _end(self, canary: Canary) -> bool:
        before, verdict = self.hold, canary.verdict
        self._canary = None
        self._journal.keep_canary(None)
        if isinstance(verdict, Failed):
            logger.critical("{}: {}: no entry until another test passes", canary.symbol, verdict.detail)
            self.hold, self._not_before_ms = f"stops failed their test: {verdict.detail}", self._now_ms() + AGAIN_MS
        else:
            logger.info("{}: {}", canary.symbol, type(verdict).__name__)
            self.hold = None if isinstance(verdict, Passed) else self.hold
        return self.hold != before
