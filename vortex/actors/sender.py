"""The way out to the exchange: who goes first, how many at once, and how long an answer may take."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterable

from loguru import logger

from vortex.actors.order_journal import IncarnationOverError
from vortex.actors.seat import Seat
from vortex.domain.desk.planning import Lane, Planned
from vortex.domain.order import (
    CancelOrder,
    ExchangeRequest,
    PlaceOrder,
    PrepareSymbol,
    QueryAccount,
    QueryFunding,
    QueryOrder,
    QueryPositions,
    QuerySymbol,
)
from vortex.ports import Exchange, Usage

MINUTE_MS = 60_000
MAX_IN_FLIGHT, MAX_ASKING = 16, 8
"""Requests under way at once, and how many of them may be questions: those that nobody answers keep no entry waiting.

Stops and closes wait for neither: there is one at most of each symbol, and what is open must not depend on others.
"""
TIMEOUT_MS = {Lane.CLOSE: 2_000, Lane.STOP: 2_000, Lane.RECONCILE: 4_000, Lane.ENTRY: 2_000, Lane.STATISTICS: 5_000}

GUARDING = (Lane.CLOSE, Lane.STOP)
QUESTIONS = (QuerySymbol, QueryOrder, QueryFunding, PrepareSymbol)
SHORT_SILENCE_MS = 2_000
"""Silence that the exchange asked for and that even a stop waits for; a longer one holds no stop and no close back."""
FEW, FULL = 0.8, 0.95
"""Shares of a limit from which entries and statistics wait, and from which all but stops and closes do."""


def admitted(lane: Lane, usage: Usage, now_ms: int) -> bool:
    """Say whether a request of this lane may leave: entries starve first, stops and closes never."""
    guarding = lane in GUARDING
    silence_ms = usage.silent_until_ms - now_ms
    if silence_ms > 0:
        return guarding and silence_ms > SHORT_SILENCE_MS
    if guarding:
        return True
    weight = usage.weight_1m / usage.weight_limit_1m
    if lane is Lane.RECONCILE:
        return weight < FULL
    orders = max(usage.orders_10s / usage.orders_limit_10s, usage.orders_1m / usage.orders_limit_1m)
    return weight < FEW and (lane is Lane.STATISTICS or orders < FEW)


class Sender:
    """Sends what desks plan: one request per symbol at a time, and by lanes when there is not room for all.

    One budget of the exchange's own limits stands before all of them.

    Args:
        port: The exchange.
        now_ms: The injected clock.
        over: True once this incarnation of the actor has been replaced: nothing may leave any more.
    """

    def __init__(self, port: Exchange, now_ms: Callable[[], int], over: Callable[[], bool]) -> None:
        self._port = port
        self._now_ms = now_ms
        self._over = over
        self._order_times_ms: deque[int] = deque()
        self._crowded = False

    @property
    def orders_1m(self) -> int:
        """Orders sent within the last minute."""
        while self._order_times_ms and self._order_times_ms[0] < self._now_ms() - MINUTE_MS:
            self._order_times_ms.popleft()
        return len(self._order_times_ms)

    def send(self, seats: Iterable[Seat], everyone: Collection[Seat]) -> None:
        """Send what these seats plan; when some had to wait, whatever anyone plans."""
        now_ms, usage = self._now_ms(), self._port.usage()
        planned = []
        for seat in everyone if self._crowded else seats:
            if (next_one := seat.desk.plan(now_ms)) is not None:
                planned.append((seat, next_one))
            else:
                seat.settle()  # an entry may have been given up
        leaving = _leaving([item for item in planned if admitted(item[1][0], usage, now_ms)], everyone)
        self._crowded = len(leaving) < len(planned)
        for seat, (lane, request) in leaving:
            seat.desk.sent(request, now_ms)
            seat.settle()
            if lane is Lane.ENTRY and not seat.durable:
                seat.desk.retract(request, "the journal cannot be written", now_ms)
                seat.settle()
                continue
            if isinstance(request, PlaceOrder):
                self._order_times_ms.append(now_ms)
                logger.info("{}: send {} {} {}", request.symbol, request.client_id, request.side, request.kind)
            self._leave(request, lane)

    def guard(self, request: PlaceOrder | QueryOrder | CancelOrder) -> None:
        """Send what tests or removes a stop, beside everything else."""
        if isinstance(request, PlaceOrder):
            self._order_times_ms.append(self._now_ms())
        self._leave(request, Lane.STOP)

    def ask(self, request: QueryAccount | QueryPositions) -> None:
        """Ask about the account as a whole, beside everything else, if the budget has room for it."""
        lane = Lane.STATISTICS if isinstance(request, QueryAccount) else Lane.RECONCILE
        if admitted(lane, self._port.usage(), self._now_ms()):
            self._leave(request, lane)

    def _leave(self, request: ExchangeRequest, lane: Lane) -> None:
        if self._over():
            raise IncarnationOverError(f"{type(request).__name__} stays here")
        self._port.send(request, TIMEOUT_MS[lane])


def _leaving(allowed: Iterable[tuple[Seat, Planned]], everyone: Iterable[Seat]) -> list[tuple[Seat, Planned]]:
    """Those for which there is room, by lanes."""
    under_way = [seat.desk.in_flight for seat in everyone if seat.desk.in_flight is not None]
    room = MAX_IN_FLIGHT - len(under_way)
    questions = MAX_ASKING - sum(isinstance(request, QUESTIONS) for request in under_way)
    leaving = []
    for seat, (lane, request) in sorted(allowed, key=lambda item: item[1][0]):
        asks = isinstance(request, QUESTIONS)
        if lane in GUARDING or (room > 0 and (questions > 0 or not asks)):
            leaving.append((seat, (lane, request)))
            room -= 1
            questions -= asks
    return leaving
