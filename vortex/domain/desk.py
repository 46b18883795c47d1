"""Everything that is being done about one symbol on the exchange: its trade, the request in flight, what comes next.

A desk is pure: it is told what happened and the time, and says which single request should leave next (`plan`) and what
the rest of the system should hear (`take_notices`). At most one request per symbol is in flight, so its facts are never
older than its last answer. What is unknown is resolved before anything new is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from vortex.domain import bracket as life
from vortex.domain.bracket import Bracket, Leg, LegState
from vortex.domain.notices import Closed, Failed, Foreign, Notice, Opened, ProtectionChanged, Reconciled
from vortex.domain.order import (
    AlgoReport,
    CancelOrder,
    Done,
    ExchangeRequest,
    OrderKind,
    OrderReport,
    OrderRole,
    Outcome,
    PlaceOrder,
    PrepareSymbol,
    QueryOrder,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolSetup,
    SymbolState,
)
from vortex.domain.reconcile import with_state
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade


class Lane(IntEnum):
    """Which request goes first when not all may go."""

    CLOSE = 0
    STOP = 1
    RECONCILE = 2
    ENTRY = 3
    STATISTICS = 4


class DeskLimits(Struct, frozen=True, kw_only=True):
    """Limits of docs/explanation/order-safety.md and the pace of repeated questions, milliseconds."""

    stop_confirm_ms: int = 3_000
    book_age_ms: int = 500
    retry_ms: int = 300
    exit_retry_ms: int = 1_000
    reconcile_open_ms: int = 10_000
    reconcile_flat_ms: int = 30_000


NewIds: TypeAlias = Callable[[], Mapping[OrderRole, str]]
Planned: TypeAlias = tuple[Lane, ExchangeRequest]


class Desk:
    """One symbol's dealings with the exchange.

    Args:
        symbol: The symbol.
        new_ids: Makes the next set of client ids, one per role.
        bracket: The trade found in the journal, if one was under way.
        limits: Times and paces.
    """

    def __init__(
        self, symbol: str, new_ids: NewIds, bracket: Bracket | None = None, limits: DeskLimits | None = None
    ) -> None:
        self.symbol = symbol
        self.bracket = life.recovered(bracket) if bracket is not None else None
        self.setup: SymbolSetup | None = None
        self.in_flight: ExchangeRequest | None = None
        self.reconciled = False
        self.foreign = Decimal(0)
        self.new_ids = new_ids
        self._limits = limits or DeskLimits()
        self._leverage: int | None = None
        self._stale = True
        self._state_ms = 0
        self._asked_ms = -1_000_000
        self._last_fill_id = 0
        self._notices: list[Notice] = []
        self._told: set[type] = set()
        self._told_protected = False

    # ------------------------------------------------------------------------------------------------ what is wanted

    @property
    def free(self) -> bool:
        """True when a trade may begin."""
        return self.bracket is None and self.reconciled and not self.foreign

    def open(self, plan: EntryPlan, trade_id: str, ids: Mapping[OrderRole, str], now_ms: int) -> None:
        """Begin a trade.

        Raises:
            RuntimeError: The symbol is not `free`: a defect of the caller, two trades must never share a desk.
        """
        if not self.free:
            raise RuntimeError(f"{self.symbol} is not free for a trade")
        self.bracket = life.begin(plan, trade_id, ids, now_ms, self._last_fill_id)

    def close(self, trade_id: str, reason: CloseReason) -> None:
        """Ask for the exit of this trade; a trade that is gone or already closing needs nothing."""
        if self.bracket is not None and self.bracket.trade_id == trade_id:
            self.bracket = life.order_close(self.bracket, reason)

    def distrust(self) -> None:
        """Events may have been lost: read the whole truth before anything else."""
        self._stale = True

    def rejoin(self) -> None:
        """Someone who listens was replaced: tell again what is true now."""
        if self.reconciled:
            self._told.discard(Opened)
            self._tell_reconciled()
            self._announce()

    @property
    def trade(self) -> OpenTrade | None:
        """The open trade, once its entry is complete."""
        bracket = self.bracket
        if bracket is None or bracket.over or not bracket.entry_complete:
            return None
        return bracket.open_trade()

    @property
    def unsettled(self) -> bool:
        """True while a trade is neither safely open (protected) nor over: a bad moment to stop the process."""
        return self.bracket is not None and not (self.bracket.protected and self.bracket.close_reason is None)

    @property
    def unresolved(self) -> bool:
        """True while the outcome of an order is unknown."""
        return self.bracket is not None and any(leg.state is LegState.UNKNOWN for leg in self.bracket.legs)

    # ------------------------------------------------------------------------------------------------- what happened

    def on_reply(self, request: ExchangeRequest, outcome: Outcome, now_ms: int) -> None:
        """Take the answer to the request in flight; a question without an answer is asked again by `plan`."""
        if request == self.in_flight:
            self.in_flight = None
        value = outcome.value if isinstance(outcome, Done) else None
        match request:
            case PlaceOrder():
                self._after_place(request, outcome, now_ms)
            case QueryOrder():
                self._update(lambda bracket: life.on_query(bracket, request.client_id, outcome, now_ms))
            case CancelOrder():
                self._after_cancel(request, outcome, now_ms)
            case SetLeverage():
                self._after_leverage(request, outcome, now_ms)
            case _ if isinstance(value, SymbolState):
                self._on_state(value, now_ms)
            case _ if isinstance(value, SymbolSetup):
                self.setup = value
            case _:
                self._stale = True
        self._announce()

    def on_report(self, report: OrderReport | AlgoReport, now_ms: int) -> None:
        """Take an event of the user stream."""
        self._update(lambda bracket: life.on_report(bracket, report, now_ms))
        if self.bracket is not None and self.bracket.open_quantity > 0 and self.bracket.stop.state is LegState.FINAL:
            self._stale = True  # a stop that ended without closing the position must be explained
        self._announce()

    def on_time(self, now_ms: int) -> None:
        """Enforce the limit on a quantity without a confirmed stop: it is closed."""
        bracket = self.bracket
        if bracket is None or bracket.naked_since_ms is None:
            return
        if now_ms - bracket.naked_since_ms >= self._limits.stop_confirm_ms:
            self.bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)

    def take_notices(self) -> list[Notice]:
        """Return and forget what the rest of the system should hear."""
        notices, self._notices = self._notices, []
        return notices

    def _update(self, fold: Callable[[Bracket], Bracket]) -> None:
        if self.bracket is not None:
            self.bracket = fold(self.bracket)

    def _after_place(self, request: PlaceOrder, outcome: Outcome, now_ms: int) -> None:
        self._update(lambda bracket: life.on_outcome(bracket, request.client_id, outcome, now_ms))
        bracket = self.bracket
        if bracket is None or not isinstance(outcome, Refused):
            return
        self._stale |= request.reduce_only  # nothing to reduce: whatever closed it, its executions are to be had
        if request.client_id == bracket.stop.client_id and bracket.stop.refused:
            self.bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)

    def _after_cancel(self, request: CancelOrder, outcome: Outcome, now_ms: int) -> None:
        bracket = self.bracket
        leg = life.leg_of(bracket, request.client_id) if bracket is not None else None
        gone = isinstance(outcome, Done) or (isinstance(outcome, Refused) and outcome.code in life.NOT_FOUND_CODES)
        if bracket is not None and leg is not None and gone:
            self.bracket = life.put_leg(bracket, life.advance(leg, LegState.FINAL, now_ms=now_ms, detail="CANCELED"))

    def _after_leverage(self, request: SetLeverage, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome, Done):
            self._leverage = request.leverage
        elif isinstance(outcome, Refused):
            self._give_up_entry(f"leverage {request.leverage}: {outcome.code} {outcome.text}", now_ms)
        else:
            self._stale = True

    def _give_up_entry(self, why: str, now_ms: int) -> None:
        bracket = self.bracket
        if bracket is not None:
            leg = life.advance(bracket.entry, LegState.FINAL, now_ms=now_ms, detail=why)
            self.bracket = life.put_leg(bracket, leg)
        self._announce()

    def _on_state(self, state: SymbolState, now_ms: int) -> None:
        self._state_ms = now_ms
        self._leverage = state.position.leverage
        if self.bracket is not None:
            self.bracket = with_state(self.bracket, state, now_ms)
        else:
            self._last_fill_id = max((fill.fill_id for fill in state.fills), default=self._last_fill_id)
            if state.position.amount != self.foreign:
                self.foreign = state.position.amount
                self._stale = self.foreign != 0  # it may be our own, from before its last execution: look again
                if self.reconciled:
                    self._notices.append(Foreign(amount=self.foreign))
        if not self.reconciled and self.setup is not None:  # an answer to our predecessor may come before the rules
            self.reconciled = True
            self._tell_reconciled()

    def _tell_reconciled(self) -> None:
        """Say that the truth is known, then what of it speaks against a trade."""
        self._notices.append(Reconciled())
        if self.foreign:
            self._notices.append(Foreign(amount=self.foreign))

    def _announce(self) -> None:
        """Turn what is newly true into notices; forget a trade that is over once nothing of it rests any more."""
        bracket = self.bracket
        if bracket is None or not self.reconciled:
            return
        if bracket.over and not bracket.executions_missing:
            self._tell_end(bracket)
            if not any(leg.resting for leg in bracket.legs):
                self._last_fill_id = max((fill.fill_id for fill in bracket.fills), default=self._last_fill_id)
                self.bracket = None
                self._told.clear()
        elif self.trade is not None:
            self._tell_open(bracket, self.trade)

    def _tell_open(self, bracket: Bracket, trade: OpenTrade) -> None:
        if Opened not in self._told:
            self._told.add(Opened)
            self._notices.append(Opened(trade=trade))
            self._stale = True  # the exchange's own liquidation price, and its word that stop and position agree
        elif bracket.protected != self._told_protected:
            self._notices.append(ProtectionChanged(trade_id=bracket.trade_id, protected=bracket.protected))
        self._told_protected = bracket.protected

    def _tell_end(self, bracket: Bracket) -> None:
        if Closed in self._told:
            return
        self._told.add(Closed)
        if bracket.flat:
            self._notices.append(Closed(bracket=bracket, reason=bracket.why_closed()))
            return
        reason = CloseReason.ORDER_REJECTED if bracket.entry.refused else CloseReason.ORDER_EXPIRED
        self._notices.append(Failed(bracket=bracket, reason=reason, detail=bracket.entry.detail))

    # ------------------------------------------------------------------------------------------------ what comes next

    def plan(self, now_ms: int) -> Planned | None:
        """Return the one request that should leave now, or None. `sent` must be called when it leaves."""
        if self.in_flight is not None:
            return None
        if self.setup is None or not self.reconciled:
            request = PrepareSymbol(symbol=self.symbol) if self.setup is None else self._state_query(now_ms)
            return (Lane.RECONCILE, request) if self._may_ask(self._asked_ms, now_ms) else None
        bracket = self.bracket
        planned = self._guarding(bracket, now_ms) if bracket is not None and bracket.open_quantity > 0 else None
        if planned is None and self._wants_state(now_ms):
            naked = bracket is not None and bracket.naked_since_ms is not None
            planned = Lane.STOP if naked else Lane.RECONCILE, self._state_query(now_ms)
        if planned is None and bracket is not None:
            planned = self._cleaning(bracket, now_ms) if bracket.over else self._entering(bracket, now_ms)
        return planned

    def sent(self, request: ExchangeRequest, now_ms: int) -> None:
        """Note that this request leaves now; `bracket` is to be journaled after this and before it does."""
        self.in_flight = request
        match request:
            case PlaceOrder():
                self._update(lambda bracket: life.mark_sent(bracket, request.client_id, now_ms))
            case QueryOrder() | CancelOrder():
                self._update(lambda bracket: life.mark_asked(bracket, request.client_id, now_ms))
            case QuerySymbol():
                self._asked_ms, self._stale = now_ms, False
            case _:
                self._asked_ms = now_ms

    def _may_ask(self, last_ms: int, now_ms: int) -> bool:
        return now_ms - last_ms >= self._limits.retry_ms

    def _wants_state(self, now_ms: int) -> bool:
        bracket = self.bracket
        wanted = self._stale or (bracket is not None and bracket.executions_missing)
        if wanted and self._may_ask(self._asked_ms, now_ms):
            return True
        pace = self._limits.reconcile_flat_ms if bracket is None else self._limits.reconcile_open_ms
        return now_ms - max(self._state_ms, self._asked_ms) >= pace

    def _state_query(self, now_ms: int) -> QuerySymbol:
        return QuerySymbol(symbol=self.symbol, fills_since_ms=self.bracket.started_ms if self.bracket else now_ms)

    def _guarding(self, bracket: Bracket, now_ms: int) -> Planned | None:
        """Close what is to be closed, else protect what is open."""
        if bracket.close_reason is not None:
            return self._closing(bracket, now_ms)
        plan = bracket.plan
        for leg, kind, price in (
            (bracket.stop, OrderKind.STOP_MARKET, plan.sl_price),
            (bracket.take_profit, OrderKind.TAKE_PROFIT_MARKET, plan.tp_price),
        ):
            if leg.state is LegState.UNKNOWN:
                return self._asking(leg, Lane.STOP, now_ms)
            if leg.state is LegState.IDLE:
                request = PlaceOrder(
                    symbol=self.symbol,
                    client_id=leg.client_id,
                    side=plan.side.closing,
                    kind=kind,
                    trigger_price=price,
                    close_position=True,
                )
                return Lane.STOP, request
        return None

    def _closing(self, bracket: Bracket, now_ms: int) -> Planned | None:
        leg = bracket.exit
        if leg is not None and leg.state is LegState.UNKNOWN:
            return self._asking(leg, Lane.CLOSE, now_ms)
        if leg is not None and (leg.resting or now_ms - leg.touched_ms < self._limits.exit_retry_ms):
            return None
        request = PlaceOrder(
            symbol=self.symbol,
            client_id=self.new_ids()[OrderRole.EXIT],
            side=bracket.plan.side.closing,
            kind=OrderKind.MARKET,
            quantity=bracket.open_quantity,
            reduce_only=True,
        )
        return Lane.CLOSE, request

    def _entering(self, bracket: Bracket, now_ms: int) -> Planned | None:
        plan, leg = bracket.plan, bracket.entry
        if leg.state is LegState.UNKNOWN:
            return self._asking(leg, Lane.RECONCILE, now_ms)
        if leg.state is not LegState.IDLE:
            return None
        age_ms = now_ms - plan.book_ms
        if age_ms > self._limits.book_age_ms:
            self._give_up_entry(f"the book that decided is {age_ms} ms old", now_ms)
            return None
        if self._leverage != plan.leverage:
            return Lane.ENTRY, SetLeverage(symbol=self.symbol, leverage=plan.leverage)
        request = PlaceOrder(
            symbol=self.symbol,
            client_id=leg.client_id,
            side=plan.side.opening,
            kind=OrderKind.MARKET,
            quantity=plan.quantity,
        )
        return Lane.ENTRY, request

    def _cleaning(self, bracket: Bracket, now_ms: int) -> Planned | None:
        for leg in (bracket.stop, bracket.take_profit):
            if leg.resting and self._may_ask(leg.touched_ms, now_ms):
                return Lane.STOP, CancelOrder(symbol=self.symbol, client_id=leg.client_id, conditional=True)
        leaving = bracket.exit
        unknown = leaving is not None and leaving.state is LegState.UNKNOWN
        return self._asking(leaving, Lane.RECONCILE, now_ms) if leaving is not None and unknown else None

    def _asking(self, leg: Leg, lane: Lane, now_ms: int) -> Planned | None:
        if not self._may_ask(leg.touched_ms, now_ms):
            return None
        conditional = leg.role in (OrderRole.STOP, OrderRole.TAKE_PROFIT)
        return lane, QueryOrder(symbol=self.symbol, client_id=leg.client_id, conditional=conditional)
