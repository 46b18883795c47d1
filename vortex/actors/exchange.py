"""The exchange actor: the only sender of orders. One desk per symbol decides, this shell journals, sends and tells.

It never waits: requests are answered by messages. Protection is part of the entry: a stop leaves at the first execution
without asking anyone. It is also the last gate: what people hold it refuses, and what they want flat it closes. All of
this goes on while the symbol's own actors are down.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.actors.canary_run import CanaryRun
from vortex.actors.common_gates import CommonGates
from vortex.actors.holds import Holds
from vortex.actors.order_journal import OrderJournal
from vortex.actors.seat import Seat
from vortex.actors.sender import Sender
from vortex.domain.client_id import OrderIds
from vortex.domain.desk.adoption import ForeignParams
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.desk import Desk
from vortex.domain.meters import Meters
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import (
    ZERO,
    AccountState,
    AccountUpdate,
    AlgoReport,
    CancelOrder,
    ClockMeasured,
    ConfigUpdate,
    Done,
    FillAnnounced,
    MarginCall,
    OrderReport,
    OrderRole,
    Outcome,
    PositionsState,
    QueryAccount,
    QueryOrder,
    QueryPositions,
    Refused,
    TriggerRejected,
)
from vortex.domain.trade import CloseReason
from vortex.messages import (
    NOBODY,
    CloseAll,
    ClosePosition,
    DeregisterSymbol,
    DiskMeasured,
    EntryFailed,
    ExchangeReplied,
    MoneyTransferred,
    OpenPosition,
    Operate,
    OutboxMeasured,
    Recipient,
    RegisterSymbol,
    ResetGovernor,
    TradeRecorded,
    UserStreamChanged,
)
from vortex.ports import Exchange, Journal
from vortex.queries import ExchangeStatus, GetExchange
from vortex.runtime import Actor

TICK_MS = 100
FUNDING = "FUNDING_FEE"
"""Reason of an account update, as the exchange calls it."""
ACCOUNT_EVERY_MS = 5_000
POSITIONS_EVERY_MS = 3_000
"""How long a person's hands, or the exchange's own, may stay unseen when no event tells of them."""


class _Tick(Struct, frozen=True):
    """Time has passed."""


class ExchangeActor(Actor):
    """Owns every desk and the exchange port.

    Args:
        port: Sends requests and delivers user events.
        journal: Where intents are made durable before they leave.
        account: The account actor.
        account_name: The account's short name in client ids.
        foreign: What is done with a position that is not ours.
        canary: Test stops with two far ones before the first entry.
        meters: Where requests and trades are counted.
        notifier: Hears of trades and of what people order.
    """

    def __init__(
        self,
        *,
        port: Exchange,
        journal: Journal,
        account: Recipient,
        account_name: str,
        foreign: ForeignParams | None = None,
        canary: bool = False,
        meters: Meters | None = None,
        notifier: Recipient = NOBODY,
    ) -> None:
        self._port, self._meters = port, meters or Meters()
        self._journal = OrderJournal(journal, account_name, self._is_over)
        self._holds = Holds(self._journal, self._now_ms, notifier)
        self._notifier = notifier
        self._sender = Sender(port, self._now_ms, self._is_over)
        self._canary = CanaryRun(self._journal, self._sender, self._now_ms, wanted=canary)
        self._account = account
        self._account_name = account_name
        self._epoch = 0
        self._foreign = foreign or ForeignParams()
        self._seats: dict[str, Seat] = {}
        self._common = CommonGates(self._seats.values, self._now_ms)
        self._ids: dict[str, OrderIds] = {}
        self._accounted: dict[str, int] = {}
        self._user_stream_ms: int | None = None
        self._account_asked_ms = self._positions_asked_ms = 0

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            RegisterSymbol: self._on_register,
            DeregisterSymbol: self._on_deregister,
            OpenPosition: self._on_open,
            ClosePosition: self._on_close,
            CloseAll: self._on_close_all,
            Operate: self._on_operate,
            ExchangeReplied: self._on_replied,
            OrderReport: self._on_report,
            AlgoReport: self._on_report,
            AccountUpdate: self._on_account_update,
            UserStreamChanged: self._on_user_stream,
            FillAnnounced: self._on_announced,
            TriggerRejected: self._on_trigger_rejected,
            ConfigUpdate: self._on_config,
            MarginCall: self._on_margin_call,
            ClockMeasured: self._common.clock,
            DiskMeasured: self._common.disk,
            OutboxMeasured: self._common.outbox,
            TradeRecorded: self._on_recorded,
            GetExchange: self._on_get,
            _Tick: self._on_tick,
        }

    def started(self) -> None:
        """Find again what was under way, then listen: a trade is guarded before its symbol's actors ask for it."""
        self._epoch = self._journal.next_epoch(self._now_ms())
        self._holds.load()
        self._canary.load()
        self._accounted = self._journal.load_accounted()
        for symbol, bracket in self._journal.load().items():
            logger.info("{}: trade {} found under way in the journal", symbol, bracket.trade_id)
            self._seats[symbol] = self._seat(symbol, bracket)
        self._port.start(self.context.address)
        self.context.after(0, _Tick())

    def stopping(self) -> None:
        self._port.stop()

    def _now_ms(self) -> int:
        return self.context.clock.now_ms()

    def _is_over(self) -> bool:
        return self.context.over

    def _seat(self, symbol: str, bracket: Bracket | None = None) -> Seat:
        if symbol not in self._ids:  # a symbol that comes again counts on
            self._ids[symbol] = OrderIds(self._account_name, symbol, self._epoch)
        last = self._accounted.get(symbol, 0)
        desk = Desk(symbol, self._ids[symbol], bracket, foreign=self._foreign, last_fill_id=last)
        if self._holds.entries.halted(symbol):
            desk.flatten(CloseReason.HALT, self._now_ms())
        meters = self._meters.of(symbol)
        return Seat(desk, self._journal, self._account, self._now_ms, meters=meters, notifier=self._notifier)

    # --------------------------------------------------------------------------------------------------- handlers

    def _on_register(self, message: RegisterSymbol) -> None:
        if message.symbol not in self._seats:
            self._seats[message.symbol] = self._seat(message.symbol)
        seat = self._seats[message.symbol]
        seat.join(message)
        self._holds.tell_gates(seat)
        self._common.tell(seat)
        seat.hold(self._canary.hold)
        self._tell_user_stream(seat, "not connected yet")
        self._settle(seat)

    def _on_deregister(self, message: DeregisterSymbol) -> None:
        seat = self._seats.get(message.symbol)
        if seat is not None:
            seat.leave()
            self._settle(seat)
            self._release(seat)

    def _on_open(self, message: OpenPosition) -> None:
        plan, now_ms = message.plan, self._now_ms()
        seat = self._seats.get(plan.symbol) or self._seat(plan.symbol)  # one that has not registered yet is not free
        ids = seat.desk.ids.new()
        trade_id = seat.desk.ids.trade_id(ids[OrderRole.ENTRY])
        why = self._holds.refusal(plan.symbol) or self._common.refusal or self._canary.hold or seat.hindrance
        if why is not None:
            logger.warning("{}: entry refused, {}", plan.symbol, why)
            reason = CloseReason.ORDER_REJECTED
            seat.refuse(EntryFailed(trade_id=trade_id, plan=plan, reason=reason, detail=why, ts_ms=now_ms))
            return
        seat.desk.open(plan, trade_id, ids, now_ms)
        self._settle(seat)

    def _on_operate(self, message: Operate) -> tuple[str, ...]:
        """Tell nobody before it is on disk; a flatten is there as the trade that is to be closed."""
        self._holds.operate(message)
        concerned = tuple(sorted(self._seats)) if message.symbol is None else (message.symbol,)
        for symbol in concerned:
            if (seat := self._seats.get(symbol)) is not None:
                self._holds.enforce(message.action, seat)
                self._settle(seat)
        if message.action is OperatorAction.UNHALT and message.symbol is None:
            self._account.tell(ResetGovernor())
        return concerned

    def _on_close(self, message: ClosePosition) -> None:
        logger.info("{}: close {}, {}", message.symbol, message.trade_id, message.reason)
        seat = self._seats.get(message.symbol)
        if seat is not None:  # else the symbol has no trade under way, and will say so when it registers
            seat.desk.close(message.trade_id, message.reason)
            self._settle(seat)

    def _on_close_all(self, message: CloseAll) -> None:
        logger.warning("close every position: {}", message.reason)
        for seat in self._seats.values():
            if seat.desk.bracket is not None:
                seat.desk.flatten(message.reason, self._now_ms())
                self._settle(seat)

    def _on_replied(self, message: ExchangeReplied) -> None:
        request, outcome = message.request, message.outcome
        self._meters.replied(request, outcome, self._now_ms() - message.sent_ms)
        if not isinstance(outcome, Done):
            expected = isinstance(request, CancelOrder | QueryOrder) and isinstance(outcome, Refused)
            logger.log("INFO" if expected else "WARNING", "{} answered {}", request, outcome)
        if isinstance(request, QueryAccount | QueryPositions):
            self._on_overview(outcome)
            return
        if self._canary.owns(request):
            self._canary.on_reply(request, outcome)
            return
        seat = self._seats.get(request.symbol)
        if seat is not None:
            seat.desk.on_reply(request, outcome, self._now_ms())
            self._settle(seat)

    def _on_overview(self, outcome: Outcome) -> None:
        """Compare the account's positions with what we know of them; what differs is looked at closely."""
        value = outcome.value if isinstance(outcome, Done) else None
        if isinstance(value, AccountState):
            self._account.tell(value)
        elif isinstance(value, PositionsState):
            amounts = {position.symbol: position.amount for position in value.positions}
            for symbol, seat in self._seats.items():
                seat.desk.compare(amounts.get(symbol, ZERO))

    def _on_report(self, report: OrderReport | AlgoReport) -> None:
        logger.info("{}: order {} is {}", report.symbol, report.client_id, report.status)
        self._heard()
        if isinstance(report, AlgoReport):
            self._canary.on_report(report)
        seat = self._seats.get(report.symbol)
        if seat is not None:
            seat.desk.on_report(report, self._now_ms())
            self._settle(seat)

    def _on_account_update(self, update: AccountUpdate) -> None:
        self._heard()
        if update.reason == FUNDING:
            for position in update.positions:
                if (seat := self._seats.get(position.symbol)) is not None:
                    seat.desk.on_funding()
        if update.transferred_usdt:
            self._account.tell(MoneyTransferred(ts_ms=update.ts_ms, amount_usdt=update.transferred_usdt))
        self._account_asked_ms = 0  # money moved: ask at the next tick

    def _on_announced(self, announced: FillAnnounced) -> None:
        self._heard()
        if (seat := self._seats.get(announced.symbol)) is not None:
            seat.desk.on_announced(announced.fill_id, self._now_ms())

    def _on_trigger_rejected(self, rejected: TriggerRejected) -> None:
        logger.error("{}: a triggered order was refused: {}", rejected.symbol, rejected.reason)
        self._heard()
        self._distrust(rejected.symbol)

    def _on_config(self, update: ConfigUpdate) -> None:
        self._heard()
        seat = self._seats.get(update.symbol) if update.symbol is not None else None
        if seat is not None and update.leverage is not None:
            logger.warning("{}: leverage is {} now", update.symbol, update.leverage)
            seat.desk.on_leverage(update.leverage)
            self._settle(seat)
        if update.multi_assets:
            self._pause("multi-assets mode was switched on: margins are not what is reckoned with")

    def _on_margin_call(self, call: MarginCall) -> None:
        logger.error("margin call: {}", ", ".join(call.symbols))
        self._heard()
        self._distrust(*call.symbols)

    def _pause(self, why: str) -> None:
        """No entries until a person looked: only he can say that it is well."""
        logger.critical("{}: entries are paused until a person resumes them", why)
        self._on_operate(Operate(action=OperatorAction.PAUSE, symbol=None, why=why))

    def _distrust(self, *symbols: str) -> None:
        for symbol in symbols:
            if (seat := self._seats.get(symbol)) is not None:
                seat.desk.distrust()
                self._settle(seat)

    def _heard(self) -> None:
        if self._user_stream_ms is not None:
            self._user_stream_ms = self._now_ms()

    def _on_user_stream(self, message: UserStreamChanged) -> None:
        logger.info("user stream {} {}", "up" if message.up else "down", message.detail)
        self._user_stream_ms = message.ts_ms if message.up else None
        for seat in self._seats.values():
            seat.desk.distrust()
            self._tell_user_stream(seat, message.detail or "lost")
            self._settle(seat)

    def _tell_user_stream(self, seat: Seat, why: str) -> None:
        if self._user_stream_ms is None:
            seat.close_gate(Gate.USER_STREAM, why)
        else:
            seat.open_gate(Gate.USER_STREAM)

    def _on_recorded(self, message: TradeRecorded) -> None:
        self._journal.recorded(message.trade_id)

    def _on_get(self, _message: GetExchange) -> ExchangeStatus:
        desks, usage = [seat.desk for seat in self._seats.values()], self._port.usage()
        return ExchangeStatus(
            reconciled=all(desk.reconciled for desk in desks),
            user_stream_ms=self._user_stream_ms,
            weight_used_1m=usage.weight_1m,
            weight_limit_1m=usage.weight_limit_1m,
            orders_limit_1m=usage.orders_limit_1m,
            silent_until_ms=usage.silent_until_ms,
            orders_1m=self._sender.orders_1m,
            unknown_orders=sum(desk.unresolved for desk in desks),
            unsettled=tuple(desk.symbol for desk in desks if desk.unsettled),
            halted=tuple(filter(self._holds.entries.halted, sorted({*self._seats, *self._holds.entries.symbols}))),
            flattening=tuple(desk.symbol for desk in desks if desk.flattening),
            trades={desk.symbol: trade for desk in desks if (trade := desk.trade) is not None},
        )

    def _on_tick(self, tick: _Tick) -> None:
        self.context.after(TICK_MS, tick)
        now_ms = self._now_ms()
        for seat in tuple(self._seats.values()):
            seat.desk.on_time(now_ms)
            self._release(seat)
        self._sender.send(self._seats.values(), self._seats.values())
        self._journal.retry()
        self._common.journal(writable=self._journal.writable)
        if self._canary.on_time(self._seats.values()):
            for seat in self._seats.values():
                seat.hold(self._canary.hold)
        self._ask_overviews(now_ms)

    def _ask_overviews(self, now_ms: int) -> None:
        if now_ms - self._account_asked_ms >= ACCOUNT_EVERY_MS:
            self._account_asked_ms = now_ms
            self._sender.ask(QueryAccount())
        if now_ms - self._positions_asked_ms >= POSITIONS_EVERY_MS:
            self._positions_asked_ms = now_ms
            self._sender.ask(QueryPositions())

    def _settle(self, seat: Seat) -> None:
        """Tell, journal, send: in this order."""
        seat.settle()
        self._sender.send((seat,), self._seats.values())
        if (rival := seat.take_rival()) is not None:
            self._pause(f"another process trades this account: order {rival} is not of this one")

    def _release(self, seat: Seat) -> None:
        """Let go of a symbol that leaves, once it is vacant."""
        if seat.vacant:
            del self._seats[seat.desk.symbol]
            seat.release()
