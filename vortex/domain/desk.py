"""Everything that is being done about one symbol on the exchange: its trade, the request in flight, what comes next.

A desk is pure: it is told what happened and the time, and says which single request should leave next (`plan`) and what
the rest of the system should hear (`take_notices`). At most one request per symbol is in flight, so its facts are never
older than its last answer. What is unknown is resolved before anything new is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from vortex.domain import bracket as life
from vortex.domain.bracket import Bracket
from vortex.domain.flatness import FlatCheck
from vortex.domain.leg import LegState, advance
from vortex.domain.notices import (
    Closed,
    ExitFailing,
    Failed,
    Foreign,
    Notice,
    Opened,
    ProtectionChanged,
    Reconciled,
)
from vortex.domain.order import (
    AlgoReport,
    CancelOrder,
    Done,
    ExchangeRequest,
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
from vortex.domain.planning import DeskLimits, Lane, NewIds, Planned, Planner
from vortex.domain.reconcile import with_state
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade

ORDERED_FLAT = frozenset({CloseReason.MANUAL, CloseReason.HALT})
"""Reasons by which a trade found in the journal shows that its symbol was ordered flat."""


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
        self._naked_before_ms = bracket.naked_since_ms if bracket is not None else None
        self.setup: SymbolSetup | None = None
        self.in_flight: ExchangeRequest | None = None
        self.reconciled = False
        self.foreign = Decimal(0)
        self.new_ids = new_ids
        self._limits = limits or DeskLimits()
        self._planner = Planner(new_ids, self._limits)
        self._flat = FlatCheck()
        if bracket is not None and bracket.close_reason in ORDERED_FLAT:
            self._flat.order()
        self._amount = Decimal(0)
        self._pause_ms = self._limits.retry_ms
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
        return self.bracket is None and self.reconciled and not self.foreign and not self.flattening

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

    def give_up_entry(self, why: str, now_ms: int) -> None:
        """Never send the entry, if it has not left yet."""
        bracket = self.bracket
        if bracket is not None and bracket.entry.state is LegState.IDLE:
            self.bracket = life.put_leg(bracket, advance(bracket.entry, LegState.FINAL, now_ms=now_ms, detail=why))
            self._announce()

    def flatten(self, reason: CloseReason, now_ms: int) -> None:
        """Give up the entry, or close what it opened or will open; what is not ours is left alone.

        The symbol is `flattening` until two answers of the exchange, a second apart, say that nothing of ours is open.
        """
        self._flat.order()
        self.give_up_entry(str(reason), now_ms)
        self._update(lambda bracket: life.order_close(bracket, reason))

    @property
    def flattening(self) -> bool:
        """True while the symbol is ordered flat and not yet seen to be."""
        return self._flat.wanted

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
            case PrepareSymbol() if isinstance(outcome, Refused):
                self._pause_ms = min(2 * self._pause_ms, self._limits.refused_ms)
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
            self.bracket = life.put_leg(bracket, advance(leg, LegState.FINAL, now_ms=now_ms, detail="CANCELED"))

    def _after_leverage(self, request: SetLeverage, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome, Done):
            self._leverage = request.leverage
        elif isinstance(outcome, Refused):
            self.give_up_entry(f"leverage {request.leverage}: {outcome.code} {outcome.text}", now_ms)
        else:
            self._stale = True

    def _on_state(self, state: SymbolState, now_ms: int) -> None:
        self._state_ms = now_ms
        self._leverage = state.position.leverage
        self._amount = state.position.amount
        if self.bracket is not None:
            self.bracket = with_state(self.bracket, state, now_ms)
        else:
            self._on_free_state(state, now_ms)
        if not self.reconciled and self.setup is not None:  # an answer to our predecessor may come before the rules
            self.reconciled = True
            self._inherit_time(now_ms)
            self._tell_reconciled()

    def _inherit_time(self, now_ms: int) -> None:
        """What our predecessor saw without a stop, and still is, has what is left of its time; a little in any case."""
        bracket, before_ms = self.bracket, self._naked_before_ms
        if bracket is None or bracket.naked_since_ms is None or before_ms is None:
            return
        spent_ms = min(now_ms - before_ms, self._limits.stop_confirm_ms - self._limits.stop_recover_ms)
        since_ms = min(bracket.naked_since_ms, now_ms - spent_ms)
        self.bracket = msgspec.structs.replace(bracket, naked_since_ms=since_ms)

    def _on_free_state(self, state: SymbolState, now_ms: int) -> None:
        self._last_fill_id = max((fill.fill_id for fill in state.fills), default=self._last_fill_id)
        self._flat.see(self._amount, now_ms)
        if self._amount != self.foreign:
            self.foreign = self._amount
            self._stale = self.foreign != 0  # it may be our own, from before its last execution: look again
            if self.reconciled:
                self._notices.append(Foreign(amount=self.foreign))

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
        if self.setup is None:
            return self._preparing(now_ms)
        if not self.reconciled:
            may_ask = self._planner.may_ask(self._asked_ms, now_ms)
            return (Lane.RECONCILE, self._state_query(now_ms)) if may_ask else None
        bracket = self.bracket
        naked = bracket is not None and bracket.naked_since_ms is not None
        is_open = bracket is not None and bracket.open_quantity > 0
        planned = self._planner.guard(bracket, now_ms) if bracket is not None and is_open else None
        if planned is None and self._wants_state(now_ms):
            planned = Lane.STOP if naked else Lane.RECONCILE, self._state_query(now_ms)
        if planned is None and bracket is not None:
            planned = self._planned_for(bracket, now_ms)
        return planned

    def _preparing(self, now_ms: int) -> Planned | None:
        most_ms = self._limits.refused_ms if self.bracket is None else self._limits.refused_guarding_ms
        due = now_ms - self._asked_ms >= min(self._pause_ms, most_ms)
        return (Lane.RECONCILE, PrepareSymbol(symbol=self.symbol)) if due else None

    def _planned_for(self, bracket: Bracket, now_ms: int) -> Planned | None:
        """What a trade needs that is guarded or has nothing open."""
        if bracket.over:
            return self._planner.clean(bracket, now_ms)
        if (why := self._planner.objection(bracket, now_ms)) is not None:
            self.give_up_entry(why, now_ms)
            return None
        kept = self._planner.keep_stop(bracket, now_ms) if self._holds(bracket) else None
        return kept or self._planner.enter(bracket, self._leverage, now_ms)

    def _holds(self, bracket: Bracket) -> bool:
        """True unless the exchange said since the last exit that nothing is open: a stop would be an orphan."""
        leaving = bracket.exit
        closed = self._amount == 0 and leaving is not None and self._state_ms >= leaving.touched_ms
        return bracket.open_quantity > 0 and not closed and not self._stale

    def sent(self, request: ExchangeRequest, now_ms: int) -> None:
        """Note that this request leaves now; `bracket` is to be journaled after this and before it does."""
        self.in_flight = request
        match request:
            case PlaceOrder():
                if request.reduce_only:
                    self._alarm()
                self._update(lambda bracket: life.mark_sent(bracket, request.client_id, now_ms))
            case QueryOrder() | CancelOrder():
                self._update(lambda bracket: life.mark_asked(bracket, request.client_id, now_ms))
            case QuerySymbol():
                self._asked_ms, self._stale = now_ms, False
            case _:
                self._asked_ms = now_ms

    def _alarm(self) -> None:
        """Another exit leaves: say so when too many went before it."""
        bracket = self.bracket
        failed = bracket.exit if bracket is not None else None
        if bracket is not None and failed is not None and self._planner.alarming(failed):
            self._notices.append(ExitFailing(trade_id=bracket.trade_id, tries=failed.tries + 1, detail=failed.detail))

    def _wants_state(self, now_ms: int) -> bool:
        bracket = self.bracket
        wanted = self._stale or (bracket.executions_missing if bracket is not None else self._flat.due(now_ms))
        if wanted and self._planner.may_ask(self._asked_ms, now_ms):
            return True
        pace = self._limits.reconcile_flat_ms if bracket is None else self._limits.reconcile_open_ms
        return now_ms - max(self._state_ms, self._asked_ms) >= pace

    def _state_query(self, now_ms: int) -> QuerySymbol:
        return QuerySymbol(symbol=self.symbol, fills_since_ms=self.bracket.started_ms if self.bracket else now_ms)
