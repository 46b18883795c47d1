"""The exchange actor: the only sender of orders. One desk per symbol decides, this shell journals, sends and tells.

It never waits: requests are answered by messages. At most one request per symbol and 16 in all are under way; when not
all may go, the lanes of `domain.desk` decide. Protection is part of the entry: a stop leaves at the first execution
without asking anyone, also while the symbol's own actors are down.
"""

from __future__ import annotations

import itertools
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.actors.order_journal import OrderJournal
from vortex.actors.seat import Seat
from vortex.domain.bracket import Bracket
from vortex.domain.client_id import client_id
from vortex.domain.desk import Desk, Lane
from vortex.domain.operation import Gate
from vortex.domain.order import (
    AccountState,
    AccountUpdate,
    AlgoReport,
    CancelOrder,
    Done,
    OrderReport,
    OrderRole,
    PlaceOrder,
    QueryAccount,
    QueryOrder,
    Refused,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    CloseAll,
    ClosePosition,
    DeregisterSymbol,
    EntryFailed,
    ExchangeReplied,
    ExchangeStatus,
    GetExchange,
    OpenPosition,
    Recipient,
    RegisterSymbol,
    TradeRecorded,
    UserStreamChanged,
)
from vortex.ports import Exchange, Journal
from vortex.runtime import Actor

TICK_MS = 100
ACCOUNT_EVERY_MS = 5_000
MINUTE_MS = 60_000
MAX_IN_FLIGHT = 16
TIMEOUT_MS = {Lane.CLOSE: 2_000, Lane.STOP: 2_000, Lane.RECONCILE: 4_000, Lane.ENTRY: 2_000, Lane.STATISTICS: 5_000}


class _Tick(Struct, frozen=True):
    """Time has passed."""


class ExchangeActor(Actor):
    """Owns every desk and the exchange port.

    Args:
        port: Sends requests and delivers user events.
        journal: Where intents are made durable before they leave.
        account: The account actor.
        account_name: The account's short name in client ids.
    """

    def __init__(self, *, port: Exchange, journal: Journal, account: Recipient, account_name: str) -> None:
        self._port = port
        self._journal = OrderJournal(journal, account_name)
        self._account = account
        self._account_name = account_name
        self._epoch = 0
        self._seats: dict[str, Seat] = {}
        self._numbers: dict[str, itertools.count[int]] = {}
        self._user_stream_ms: int | None = None
        self._account_asked_ms = 0
        self._order_times_ms: deque[int] = deque()
        self._crowded = False

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            RegisterSymbol: self._on_register,
            DeregisterSymbol: self._on_deregister,
            OpenPosition: self._on_open,
            ClosePosition: self._on_close,
            CloseAll: self._on_close_all,
            ExchangeReplied: self._on_replied,
            OrderReport: self._on_report,
            AlgoReport: self._on_report,
            AccountUpdate: self._on_account_update,
            UserStreamChanged: self._on_user_stream,
            TradeRecorded: self._on_recorded,
            GetExchange: self._on_get,
            _Tick: self._on_tick,
        }

    def started(self) -> None:
        """Find again what was under way, then listen: a trade is guarded before its symbol's actors ask for it."""
        self._epoch = self._journal.next_epoch(self._now_ms())
        for symbol, bracket in self._journal.load().items():
            logger.info("{}: trade {} found under way in the journal", symbol, bracket.trade_id)
            self._seats[symbol] = self._seat(symbol, bracket)
        self._port.start(self.context.address)
        self.context.after(0, _Tick())

    def stopping(self) -> None:
        self._port.stop()

    def _now_ms(self) -> int:
        return self.context.clock.now_ms()

    def _seat(self, symbol: str, bracket: Bracket | None = None) -> Seat:
        numbers = self._numbers.setdefault(symbol, itertools.count(1))  # a symbol that comes again counts on

        def new_ids() -> dict[OrderRole, str]:
            seq = next(numbers)
            return {role: client_id(self._account_name, symbol, self._epoch, seq, role) for role in OrderRole}

        return Seat(Desk(symbol, new_ids, bracket), self._journal, self._account, self._now_ms)

    # --------------------------------------------------------------------------------------------------- handlers

    def _on_register(self, message: RegisterSymbol) -> None:
        if message.symbol not in self._seats:
            self._seats[message.symbol] = self._seat(message.symbol)
        seat = self._seats[message.symbol]
        seat.join(message)
        seat.gate(Gate.USER_STREAM, None if self._user_stream_ms is not None else "not connected yet")
        self._settle(seat)

    def _on_deregister(self, message: DeregisterSymbol) -> None:
        if message.symbol in self._seats and self._seats[message.symbol].desk.bracket is None:
            del self._seats[message.symbol]

    def _on_open(self, message: OpenPosition) -> None:
        plan, now_ms = message.plan, self._now_ms()
        seat = self._seats.get(plan.symbol) or self._seat(plan.symbol)  # one that has not registered yet is not free
        ids = seat.desk.new_ids()
        name = f"vortex7:{self._account_name}:{plan.symbol}:{ids[OrderRole.ENTRY]}"
        trade_id = str(uuid.uuid5(uuid.NAMESPACE_URL, name))
        if not seat.desk.free:
            logger.warning("{}: entry refused, the symbol is not free", plan.symbol)
            reason = CloseReason.ORDER_REJECTED
            seat.refuse(EntryFailed(trade_id=trade_id, plan=plan, reason=reason, detail="not free", ts_ms=now_ms))
            return
        seat.desk.open(plan, trade_id, ids, now_ms)
        self._settle(seat)

    def _on_close(self, message: ClosePosition) -> None:
        logger.info("{}: close {}, {}", message.symbol, message.trade_id, message.reason)
        seat = self._seats.get(message.symbol)
        if seat is not None:  # else the symbol has no trade under way, and will say so when it registers
            seat.desk.close(message.trade_id, message.reason)
            self._settle(seat)

    def _on_close_all(self, message: CloseAll) -> None:
        logger.warning("close every position: {}", message.reason)
        for seat in self._seats.values():
            if (trade := seat.desk.trade) is not None:
                seat.desk.close(trade.trade_id, message.reason)
                self._settle(seat)

    def _on_replied(self, message: ExchangeReplied) -> None:
        request, outcome = message.request, message.outcome
        if not isinstance(outcome, Done):
            expected = isinstance(request, CancelOrder | QueryOrder) and isinstance(outcome, Refused)
            logger.log("INFO" if expected else "WARNING", "{} answered {}", request, outcome)
        if isinstance(request, QueryAccount):
            if isinstance(outcome, Done) and isinstance(outcome.value, AccountState):
                self._account.tell(outcome.value)
            return
        seat = self._seats.get(request.symbol)
        if seat is not None:
            seat.desk.on_reply(request, outcome, self._now_ms())
            self._settle(seat)

    def _on_report(self, report: OrderReport | AlgoReport) -> None:
        logger.info("{}: order {} is {}", report.symbol, report.client_id, report.status)
        seat = self._seats.get(report.symbol)
        if seat is not None:
            seat.desk.on_report(report, self._now_ms())
            self._settle(seat)

    def _on_account_update(self, _update: AccountUpdate) -> None:
        self._account_asked_ms = 0  # money moved: ask at the next tick

    def _on_user_stream(self, message: UserStreamChanged) -> None:
        logger.info("user stream {} {}", "up" if message.up else "down", message.detail)
        self._user_stream_ms = message.ts_ms if message.up else None
        for seat in self._seats.values():
            seat.desk.distrust()
            seat.gate(Gate.USER_STREAM, None if message.up else message.detail or "lost")
            self._settle(seat)

    def _on_recorded(self, message: TradeRecorded) -> None:
        self._journal.recorded(message.trade_id)

    def _on_get(self, _message: GetExchange) -> ExchangeStatus:
        desks = [seat.desk for seat in self._seats.values()]
        return ExchangeStatus(
            reconciled=all(desk.reconciled for desk in desks),
            user_stream_ms=self._user_stream_ms,
            weight_used_1m=self._port.weight_used_1m(),
            orders_1m=len(self._order_times_ms),
            unknown_orders=sum(desk.unresolved for desk in desks),
            unsettled=tuple(desk.symbol for desk in desks if desk.unsettled),
            halted=(),
            flattening=(),
            trades={desk.symbol: trade for desk in desks if (trade := desk.trade) is not None},
        )

    def _on_tick(self, tick: _Tick) -> None:
        self.context.after(TICK_MS, tick)
        now_ms = self._now_ms()
        for seat in self._seats.values():
            seat.desk.on_time(now_ms)
        self._send(self._seats.values())
        while self._order_times_ms and self._order_times_ms[0] < now_ms - MINUTE_MS:
            self._order_times_ms.popleft()
        if now_ms - self._account_asked_ms >= ACCOUNT_EVERY_MS:
            self._account_asked_ms = now_ms
            self._port.send(QueryAccount(), TIMEOUT_MS[Lane.STATISTICS])

    # ------------------------------------------------------------------------------- tell, journal, send: in this order

    def _settle(self, seat: Seat) -> None:
        seat.settle()
        self._send(self._seats.values() if self._crowded else (seat,))

    def _send(self, seats: Iterable[Seat]) -> None:
        now_ms = self._now_ms()
        planned = []
        for seat in seats:
            if (next_one := seat.desk.plan(now_ms)) is not None:
                planned.append((seat, next_one))
            else:
                seat.settle()  # an entry may have been given up
        room = MAX_IN_FLIGHT - sum(seat.desk.in_flight is not None for seat in self._seats.values())
        self._crowded = len(planned) > room
        for seat, (lane, request) in sorted(planned, key=lambda item: item[1][0])[:room]:
            seat.desk.sent(request, now_ms)
            seat.settle()
            if isinstance(request, PlaceOrder):
                self._order_times_ms.append(now_ms)
                logger.info("{}: send {} {} {}", request.symbol, request.client_id, request.side, request.kind)
            self._port.send(request, TIMEOUT_MS[lane])
