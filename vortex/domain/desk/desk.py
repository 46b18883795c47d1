"""Everything that is being done about one symbol on the exchange: its trade, the request in flight, what comes next.

A desk is pure: it is told what happened and the time, and says which single request should leave next (`plan`) and what
the rest of the system should hear (`take_notices`). At most one request per symbol is in flight, so its facts are never
older than its last answer. What is unknown is resolved before anything new is sent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

from vortex.domain.client_id import OrderIds
from vortex.domain.desk import bracket as life
from vortex.domain.desk import recovery
from vortex.domain.desk.absence import Absence
from vortex.domain.desk.adoption import ForeignParams
from vortex.domain.desk.agenda import Agenda
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.herald import Herald
from vortex.domain.desk.leg import LegState, advance
from vortex.domain.desk.notices import Notice
from vortex.domain.desk.planning import DeskLimits, Planned, Planner
from vortex.domain.desk.questions import Questions
from vortex.domain.desk.reconcile import with_funding, with_state
from vortex.domain.desk.rivals import Rivals
from vortex.domain.desk.vacancy import Vacancy
from vortex.domain.order import (
    AlgoReport,
    CancelOrder,
    Done,
    ExchangeRequest,
    FundingState,
    OrderReport,
    OrderRole,
    Outcome,
    PlaceOrder,
    QueryOrder,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolSetup,
    SymbolState,
)
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade

ORDERED_FLAT = frozenset({CloseReason.MANUAL, CloseReason.HALT})
"""Reasons by which a trade found in the journal shows that its symbol was ordered flat."""
RULES_CHANGED_CODES = frozenset({-1111, -4014, -4005, -4003, -4164})
"""Refusals by a filter: the rules we know may be old."""


class Desk:
    """One symbol's dealings with the exchange.

    Args:
        symbol: The symbol.
        ids: Makes client ids, and knows ours again.
        bracket: The trade found in the journal, if one was under way.
        limits: Times and paces.
        foreign: What is done with a position that is not ours.
        last_fill_id: Executions up to this one belong to trades that are over, as a process before us knew.

    Attributes:
        vacancy: What is there that our trade does not account for.
        mark_price: As the exchange's last answer had it; 0 before the first.
    """

    def __init__(
        self,
        symbol: str,
        ids: OrderIds,
        bracket: Bracket | None = None,
        *,
        limits: DeskLimits | None = None,
        foreign: ForeignParams | None = None,
        last_fill_id: int = 0,
    ) -> None:
        self.symbol = symbol
        self.bracket = recovery.recovered(bracket) if bracket is not None else None
        self._naked_before_ms = bracket.naked_since_ms if bracket is not None else None
        self.setup: SymbolSetup | None = None
        self.in_flight: ExchangeRequest | None = None
        self.reconciled = False
        self.ids = ids
        self.vacancy = Vacancy(ids, foreign or ForeignParams(), last_fill_id)
        self._limits = limits or DeskLimits()
        self._planner = Planner(ids, self._limits)
        self._questions = Questions(self._limits.paces)
        self._agenda = Agenda(symbol, self._planner, self._questions, self.vacancy, self._limits)
        self.mark_price = Decimal(0)
        self._absence = Absence()
        self._leverage: int | None = None
        self._herald = Herald()
        self._rivals = Rivals(ids)
        if bracket is not None:
            self._rivals.know(bracket.entry.client_id)
            if bracket.close_reason is not None and bracket.close_reason in ORDERED_FLAT:
                self.vacancy.flat.order(bracket.close_reason)

    # ------------------------------------------------------------------------------------------------ what is wanted

    @property
    def free(self) -> bool:
        """True when a trade may begin."""
        vacant = not self.vacancy.foreign and not self.vacancy.strays
        return self.bracket is None and self.reconciled and vacant and not self.flattening

    def open(self, plan: EntryPlan, trade_id: str, ids: Mapping[OrderRole, str], now_ms: int) -> None:
        """Begin a trade.

        Raises:
            RuntimeError: The symbol is not `free`: a defect of the caller, two trades must never share a desk.
        """
        if not self.free:
            raise RuntimeError(f"{self.symbol} is not free for a trade")
        self.bracket = life.begin(plan, trade_id, ids, now_ms, self.vacancy.last_fill_id)
        self._rivals.know(self.bracket.entry.client_id)

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
        """Give up the entry, or close what it opened or will open; `flattening` until two answers agree that it is."""
        self.vacancy.flat.order(reason)
        self.give_up_entry(str(reason), now_ms)
        self._update(lambda bracket: life.order_close(bracket, reason))

    @property
    def flattening(self) -> bool:
        """True while the symbol is ordered flat and not yet seen to be."""
        return self.vacancy.flat.wanted

    def distrust(self) -> None:
        """Events may have been lost: read the whole truth before anything else."""
        self._questions.in_doubt = True

    def rejoin(self) -> None:
        """Someone who listens was replaced: tell again what is true now."""
        if self.reconciled:
            self._herald.again()
            self._herald.reconciled(self.vacancy.foreign)
            self._announce()

    @property
    def trade(self) -> OpenTrade | None:
        """The open trade, once its entry is complete."""
        return self.bracket.trade if self.bracket is not None else None

    @property
    def unsettled(self) -> bool:
        """True while a trade is neither safely open (protected) nor over: a bad moment to stop the process."""
        return self.bracket is not None and not (self.bracket.protected and self.bracket.close_reason is None)

    @property
    def unresolved(self) -> bool:
        """True while the outcome of an order is unknown."""
        return self.bracket is not None and self.bracket.unresolved

    @property
    def amount(self) -> Decimal:
        """The signed position that the exchange should have by what we know."""
        bracket = self.bracket
        ours = bracket.plan.side.sign * bracket.open_quantity if bracket is not None else Decimal(0)
        return ours + self.vacancy.foreign

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
                self._after_query(request, outcome, now_ms)
            case CancelOrder():
                self._after_cancel(request, outcome, now_ms)
            case SetLeverage():
                self._after_leverage(request, outcome, now_ms)
            case _ if isinstance(value, SymbolState):
                self._on_state(value, now_ms)
            case _ if isinstance(value, FundingState):
                self._update(lambda bracket: with_funding(bracket, value, now_ms))
            case _ if isinstance(value, SymbolSetup):
                self._on_setup(value, now_ms)
            case _:
                self._questions.unanswered(refused=isinstance(outcome, Refused))
        self._announce()

    def on_report(self, report: OrderReport | AlgoReport, now_ms: int) -> None:
        """Take an event of the user stream."""
        self._herald.rival(self._rivals.seen_in((report,)))
        self._update(lambda bracket: life.on_report(bracket, report, now_ms))
        bracket = self.bracket
        if bracket is None:
            self._questions.in_doubt |= isinstance(report, OrderReport) and report.fill is not None
        elif bracket.open_quantity > 0 and bracket.stop.state is LegState.FINAL:
            self._questions.in_doubt = True  # a stop that ended without closing the position must be explained
        self._announce()

    def compare(self, amount: Decimal) -> None:
        """The account's overview says this of the position: when we know it otherwise, look closely."""
        if self.reconciled and self.in_flight is None and amount != self.amount:
            self._questions.in_doubt = True

    def on_announced(self, fill_id: int, now_ms: int) -> None:
        """An execution was told early: if its report does not come soon, it was lost."""
        if self.bracket is not None:
            self._questions.announced(fill_id, now_ms)

    def on_funding(self) -> None:
        """Funding was settled: what it was is asked for when the trade is over."""
        self._update(life.hear_funding)

    def on_leverage(self, leverage: int) -> None:
        """Somebody changed the symbol's leverage, and with it the liquidation price."""
        self._leverage = leverage
        self._questions.in_doubt |= self.bracket is not None

    def on_time(self, now_ms: int) -> None:
        """Enforce the limit on a quantity without a confirmed stop: it is closed. Miss executions that were told."""
        bracket = self.bracket
        self._questions.hear(bracket.fills if bracket is not None else (), now_ms)
        if self._absence.proven(now_ms):
            self._write_off(now_ms)
            return
        since_ms = bracket.naked_since_ms if bracket is not None else None
        if bracket is not None and since_ms is not None and now_ms - since_ms >= self._limits.stop_confirm_ms:
            self.bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)

    def _write_off(self, now_ms: int) -> None:
        bracket = self.bracket
        if bracket is not None and bracket.open_quantity > 0 and not bracket.executions_missing:
            self._herald.written_off(bracket)
            self.bracket = recovery.write_off(bracket, self.mark_price or bracket.entry_fills[-1].price, now_ms)
            self._announce()

    def take_notices(self) -> list[Notice]:
        """Return and forget what the rest of the system should hear."""
        return self._herald.take()

    def _update(self, fold: Callable[[Bracket], Bracket]) -> None:
        if self.bracket is not None:
            self.bracket = fold(self.bracket)

    def _after_place(self, request: PlaceOrder, outcome: Outcome, now_ms: int) -> None:
        self._update(lambda bracket: life.on_outcome(bracket, request.client_id, outcome, now_ms))
        bracket = self.bracket
        if bracket is None or not isinstance(outcome, Refused):
            return
        self._absence.refused(outcome.code, now_ms)
        if outcome.code in RULES_CHANGED_CODES:
            self._agenda.prepared_ms = 0
        # nothing to reduce or to protect: whatever closed it, its executions are to be had
        self._questions.in_doubt |= request.reduce_only or outcome.code == life.NOTHING_TO_PROTECT
        lasting = outcome.code not in (*life.NOT_NOW_CODES, life.NOTHING_TO_PROTECT)
        if request.client_id == bracket.stop.client_id and bracket.stop.refused and lasting:
            self.bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)

    def _after_query(self, request: QueryOrder, outcome: Outcome, now_ms: int) -> None:
        self._update(lambda bracket: life.on_query(bracket, request.client_id, outcome, now_ms))
        bracket = self.bracket
        if bracket is not None and request.client_id == bracket.stop.client_id and bracket.open_quantity > 0:
            self._questions.in_doubt |= not bracket.stop.resting or bracket.stop.misses > 0

    def _after_cancel(self, request: CancelOrder, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome, Done) or (isinstance(outcome, Refused) and outcome.code in life.NOT_FOUND_CODES):
            self.vacancy.strays.pop(request.client_id, None)
            self._update(lambda bracket: life.on_cancelled(bracket, request.client_id, outcome, now_ms))

    def _after_leverage(self, request: SetLeverage, outcome: Outcome, now_ms: int) -> None:
        if isinstance(outcome, Done):
            self._leverage = request.leverage
        elif isinstance(outcome, Refused):
            self.give_up_entry(f"leverage {request.leverage}: {outcome.code} {outcome.text}", now_ms)
        else:
            self._questions.in_doubt = True

    def _on_setup(self, setup: SymbolSetup, now_ms: int) -> None:
        self._questions.encouraged()
        if self.reconciled and setup != self.setup:
            self._herald.reconciled(self.vacancy.foreign)
        self.setup, self._agenda.prepared_ms = setup, now_ms
        self._reconcile()

    def _on_state(self, state: SymbolState, now_ms: int) -> None:
        first = not self._questions.answered_ms
        self._questions.answered(now_ms)
        if first:
            self._leverage = state.position.leverage
        elif state.position.leverage != self._leverage:
            self._leverage = None  # only who set it knows: an answer may be older than that
        self._agenda.amount = state.position.amount
        self._absence.see(state.position.amount)
        self.mark_price = state.position.mark_price
        if self.bracket is None:
            self._on_free_state(state, now_ms)
        elif self.bracket.entry.state is LegState.IDLE and state.position.amount:
            self.vacancy.see(state, now_ms)
            self.give_up_entry(f"a position of {state.position.amount} is there", now_ms)
        else:
            self.bracket = with_state(self.bracket, state, now_ms, self.ids)
        self.vacancy.sort(state, self.bracket)
        self._herald.rival(self._rivals.seen_in((*state.orders, *state.algos)))
        if first and self.bracket is not None:
            before_ms, most_ms = self._naked_before_ms, self._limits.inherited_most_ms
            self.bracket = recovery.inherit_time(self.bracket, before_ms, now_ms, most_ms)
        self._reconcile()

    def _reconcile(self) -> None:
        """The truth is known once it was read and its rules are; either may come first."""
        if not self.reconciled and self.setup is not None and self._questions.answered_ms:
            self.reconciled = True
            self._herald.reconciled(self.vacancy.foreign)

    def _on_free_state(self, state: SymbolState, now_ms: int) -> None:
        self.vacancy.see(state, now_ms)
        if self.setup is not None:
            self.bracket = self.vacancy.adopted(state, self.setup, now_ms)
        if self.bracket is not None:
            self._rivals.know(self.bracket.entry.client_id)
            self._herald.adopted(self.bracket, state.position.amount)

    def _announce(self) -> None:
        """Tell what is newly true; forget a trade that is over once nothing of it rests any more."""
        bracket = self.bracket
        if not self.reconciled:
            return
        if bracket is not None and bracket.filled:
            self.vacancy.beside(bracket.plan.side.sign * bracket.holdings.others)
        if bracket is not None and bracket.over and not bracket.executions_missing and not bracket.funding_span:
            self._herald.end(bracket)
            if not any(leg.resting for leg in bracket.legs):
                self._forget(bracket)
        elif bracket is not None and self.trade is not None:
            # when it is new: its liquidation price, and the exchange's word that stop and position agree
            self._questions.in_doubt |= self._herald.open(bracket, self.trade)
        self._herald.foreign(self.vacancy.foreign)

    def _forget(self, bracket: Bracket) -> None:
        """The trade is over; before the next one leaves it is seen that nothing of it, or of a person's, is there."""
        self.vacancy.after(bracket)
        self._questions.in_doubt = True
        self._absence.forget()
        self.bracket = None
        self._herald.forget()

    # ------------------------------------------------------------------------------------------------ what comes next

    def plan(self, now_ms: int) -> Planned | None:
        """Return the one request that should leave now, or None. `sent` must be called when it leaves."""
        if self.in_flight is not None:
            return None
        if self.bracket is not None and (why := self._planner.objection(self.bracket, now_ms)) is not None:
            self.give_up_entry(why, now_ms)
        return self._agenda.next(self.bracket, self.setup, self._leverage, now_ms)

    def sent(self, request: ExchangeRequest, now_ms: int) -> None:
        """Note that this request leaves now; `bracket` is to be journaled between."""
        self.in_flight = request
        match request:
            case PlaceOrder():
                if request.reduce_only:
                    self._alarm()
                self._update(lambda bracket: life.mark_sent(bracket, request.client_id, now_ms))
            case CancelOrder() if request.client_id in self.vacancy.strays:
                self._questions.attempted(now_ms)
            case QueryOrder() | CancelOrder():
                self._update(lambda bracket: life.mark_asked(bracket, request.client_id, now_ms))
            case QuerySymbol():
                self._questions.asked(now_ms)
            case _:
                self._questions.attempted(now_ms)

    def retract(self, request: ExchangeRequest, why: str, now_ms: int) -> None:
        """The entry, or the leverage for it, that was about to leave never did and never will."""
        self.in_flight = None
        if isinstance(request, PlaceOrder):
            self._update(lambda bracket: life.on_never_left(bracket, request.client_id, why, now_ms))
            self._announce()
        else:
            self.give_up_entry(why, now_ms)

    def _alarm(self) -> None:
        """Another exit leaves: say so when too many went before it."""
        bracket = self.bracket
        if bracket is not None and bracket.exit is not None and self._planner.alarming(bracket.exit):
            self._herald.exit_failing(bracket, bracket.exit)
