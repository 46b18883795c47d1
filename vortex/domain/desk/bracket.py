"""The order life of one trade as a value: an entry, the stop and take-profit that protect it, and the exit.

Every function takes a bracket and something that happened and returns the next bracket; nothing here sends, waits or
reads a clock. Facts may arrive in any order, twice, or late: an execution counts once (by its fill id), a leg that is
final stays final, and quantities come from executions alone, never from what we hoped for.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.desk.attribution import ADL_PREFIX, LIQUIDATION_PREFIX, Holdings, divide
from vortex.domain.desk.leg import ALGO_STATES, GONE, Leg, LegState, advance, found, successor, with_ids
from vortex.domain.order import ZERO, AlgoReport, AlgoStatus, Done, Fill, OrderReport, OrderRole, Outcome, Refused
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade

NOT_FOUND_CODES = frozenset({-2011, -2013})
DUPLICATE_ID = -4116
ALREADY_RESTS = -4130
"""One of this kind that closes the whole position rests: ours, if one of ours may, whatever a list that lags says."""
NOTHING_TO_PROTECT = -4509
NOT_NOW_CODES = frozenset({-1003, -1008, -1015, -1021, 418, 429})
"""Refused for the moment only: too many requests, throttled, outside of the time window."""
REPLACEABLE = frozenset({AlgoStatus.CANCELED.value, AlgoStatus.EXPIRED.value, GONE})
MAX_REPLACEMENTS = 5
"""Of a stop that others take away again and again; then the position is closed instead."""
CLOCK_SKEW_MS = 1_000
"""Executions are stamped by the exchange's clock, a trade's start by ours."""
HOUR_MS = 3_600_000
MISSES_TO_GIVE_UP = 5
MISSES_SPAN_MS = 10_000
"""An order whose outcome is unknown never arrived after this many consistent misses over this long.

An exit is given up at its first miss: it can only reduce, so a second one beside it does no harm, while waiting may.
"""


class Bracket(Struct, frozen=True, kw_only=True):
    """One trade on its way through the exchange; journaled whole at every step.

    Attributes:
        naked_since_ms: Since when a quantity has been open without a working stop; None while protected or flat.
        close_reason: Why the exit was ordered; None while nobody asked for one.
        started_ms: Executions before this time (1 s of clock skew allowed for) belong to someone else.
        after_fill_id: So do executions up to this id.
        funding_heard: An event told of funding.
        funding_usdt: What the trade received, or paid (negative); None while nobody asked.
    """

    trade_id: str
    plan: EntryPlan
    started_ms: int
    entry: Leg
    stop: Leg
    take_profit: Leg
    exit: Leg | None = None
    fills: tuple[Fill, ...] = ()
    naked_since_ms: int | None = None
    close_reason: CloseReason | None = None
    liquidation_price: Decimal | None = None
    after_fill_id: int = 0
    funding_heard: bool = False
    funding_usdt: Decimal | None = None

    @property
    def legs(self) -> tuple[Leg, ...]:
        """Every leg that exists."""
        legs = (self.entry, self.stop, self.take_profit)
        return legs if self.exit is None else (*legs, self.exit)

    @property
    def holdings(self) -> Holdings:
        """The executions, divided into ours and others'."""
        return divide(self.fills, self.plan.side, self.entry, self.legs[1:])

    @property
    def entry_fills(self) -> tuple[Fill, ...]:
        """Executions of our entry order, by its ids: another trade's exit may have gone the same way."""
        return self.holdings.entries

    @property
    def exit_fills(self) -> tuple[Fill, ...]:
        """Executions that reduced it, whoever ordered them; no more of them than was opened."""
        return self.holdings.exits

    @property
    def filled(self) -> Decimal:
        """Quantity that was opened."""
        return sum((fill.quantity for fill in self.entry_fills), ZERO)

    @property
    def open_quantity(self) -> Decimal:
        """Quantity still open."""
        return self.filled - sum((fill.quantity for fill in self.exit_fills), ZERO)

    @property
    def entry_complete(self) -> bool:
        """True when the entry can add nothing more and all its executions are known."""
        return self.entry.state is LegState.FINAL and self.filled >= self.entry.executed

    @property
    def flat(self) -> bool:
        """True when the trade is over: something was opened and all of it is closed."""
        return self.entry_complete and self.filled > 0 and self.open_quantity <= 0

    @property
    def failed(self) -> bool:
        """True when the entry ended without any execution."""
        return self.entry_complete and self.filled == 0

    @property
    def over(self) -> bool:
        """True when nothing is open and nothing will be."""
        return self.flat or self.failed

    @property
    def protected(self) -> bool:
        """True while the exchange has confirmed that our stop rests."""
        return self.stop.state is LegState.WORKING

    @property
    def trade(self) -> OpenTrade | None:
        """The open trade, once its entry is complete and until it is over."""
        return self.open_trade() if self.entry_complete and not self.over else None

    @property
    def unresolved(self) -> bool:
        """True while the outcome of an order is unknown."""
        return any(leg.state is LegState.UNKNOWN for leg in self.legs)

    @property
    def funding_span(self) -> tuple[int, int] | None:
        """Between which times funding is to be asked for; None when there can be none, or it is known.

        It is settled at full hours; an event may tell of it at any other time.
        """
        if not self.flat or self.funding_usdt is not None:
            return None
        since_ms, until_ms = self.entry_fills[0].ts_ms, self.exit_fills[-1].ts_ms
        settled = since_ms // HOUR_MS != until_ms // HOUR_MS
        return (since_ms, until_ms) if settled or self.funding_heard else None

    def replaceable(self, leg: Leg) -> bool:
        """True when this conditional order ended without having closed anything, and another may take its place."""
        if leg.state is not LegState.FINAL or leg.tries >= MAX_REPLACEMENTS:
            return False
        return leg.code in NOT_NOW_CODES if leg.refused else leg.detail in REPLACEABLE

    @property
    def executions_missing(self) -> bool:
        """True when the exchange reported more executed of an order of ours than the executions we have."""
        return any(
            leg.executed > sum((fill.quantity for fill in self.fills if leg.owns(fill)), ZERO)
            for leg in self.legs
            if leg.executed
        )

    def why_closed(self) -> CloseReason:
        """Name the order that closed the position; a person's, or anybody else's, is EXTERNAL."""
        last = self.exit_fills[-1]
        if last.client_id.startswith(LIQUIDATION_PREFIX):
            return CloseReason.LIQUIDATED
        if last.client_id.startswith(ADL_PREFIX):
            return CloseReason.ADL
        if self.stop.made(last):
            return CloseReason.SL_HIT
        if self.take_profit.made(last):
            return CloseReason.TP_HIT
        if self.exit is not None and self.exit.made(last) and self.close_reason is not None:
            return self.close_reason
        return CloseReason.EXTERNAL

    def open_trade(self) -> OpenTrade:
        """Return the position as the rest of the system sees it. Only with at least one opening execution."""
        fills = self.entry_fills
        return OpenTrade(
            trade_id=self.trade_id,
            plan=self.plan,
            quantity=self.filled,
            entry_price=sum((fill.quantity * fill.price for fill in fills), ZERO) / self.filled,
            open_fee_usdt=sum((fill.commission for fill in fills), ZERO),
            opened_ms=fills[0].ts_ms,
            liquidation_price=self.liquidation_price,
            protected=self.protected,
        )


def begin(plan: EntryPlan, trade_id: str, ids: Mapping[OrderRole, str], now_ms: int, after_fill_id: int = 0) -> Bracket:
    """Start a trade: nothing has left yet."""
    return Bracket(
        trade_id=trade_id,
        plan=plan,
        started_ms=now_ms - CLOCK_SKEW_MS,
        after_fill_id=after_fill_id,
        entry=Leg(role=OrderRole.ENTRY, client_id=ids[OrderRole.ENTRY]),
        stop=Leg(role=OrderRole.STOP, client_id=ids[OrderRole.STOP]),
        take_profit=Leg(role=OrderRole.TAKE_PROFIT, client_id=ids[OrderRole.TAKE_PROFIT]),
    )


def put_leg(bracket: Bracket, leg: Leg) -> Bracket:
    """Return the bracket with this leg in the place of its role."""
    match leg.role:
        case OrderRole.ENTRY:
            return msgspec.structs.replace(bracket, entry=leg)
        case OrderRole.STOP:
            return msgspec.structs.replace(bracket, stop=leg)
        case OrderRole.TAKE_PROFIT:
            return msgspec.structs.replace(bracket, take_profit=leg)
    return msgspec.structs.replace(bracket, exit=leg)


def leg_of(bracket: Bracket, client_id: str, order_id: int | None = None) -> Leg | None:
    """Find the leg an id belongs to, ours or the exchange's."""
    for leg in bracket.legs:
        if leg.client_id == client_id or (order_id is not None and order_id in leg.order_ids):
            return leg
    return None


def on_order(bracket: Bracket, report: OrderReport, now_ms: int) -> Bracket:
    """Fold in the state of an ordinary order: the entry, an exit, or what a stop or take-profit became."""
    leg = leg_of(bracket, report.client_id, report.order_id)
    if leg is not None:
        conditional = leg.role in (OrderRole.STOP, OrderRole.TAKE_PROFIT)
        working = LegState.FIRING if conditional else LegState.WORKING
        state = LegState.FINAL if report.status.final else working
        leg = advance(with_ids(leg, report.order_id), state, now_ms=now_ms, detail=report.status)
        leg = msgspec.structs.replace(leg, executed=max(leg.executed, report.executed_quantity))
        bracket = put_leg(bracket, leg)
    return on_fills(bracket, (report.fill,), now_ms) if report.fill else watch(bracket, now_ms)


def on_algo(bracket: Bracket, report: AlgoReport, now_ms: int) -> Bracket:
    """Fold in the state of a conditional order."""
    leg = leg_of(bracket, report.client_id)
    if leg is None:
        state = ALGO_STATES[report.status]
        return _found(bracket, report.client_id) if state is LegState.FINAL else bracket
    leg = with_ids(leg, report.child_order_id)
    leg = advance(leg, ALGO_STATES[report.status], now_ms=now_ms, detail=report.status)
    return watch(put_leg(bracket, leg), now_ms)


def on_fills(bracket: Bracket, fills: tuple[Fill, ...], now_ms: int) -> Bracket:
    """Add executions; each counts once, as it was first told: a fee converted later may have another price."""
    known = {fill.fill_id for fill in bracket.fills}
    new = [fill for fill in fills if fill.fill_id not in known and fill.fill_id > bracket.after_fill_id]
    if new:
        merged = sorted((*bracket.fills, *new), key=lambda fill: (fill.ts_ms, fill.fill_id))
        bracket = msgspec.structs.replace(bracket, fills=tuple(merged))
    return watch(bracket, now_ms)


def on_outcome(bracket: Bracket, client_id: str, outcome: Outcome, now_ms: int) -> Bracket:
    """Fold in the answer to placing one of our orders."""
    leg = leg_of(bracket, client_id)
    if leg is None:
        return bracket
    if isinstance(outcome, Done):
        return on_report(bracket, outcome.value, now_ms)
    if isinstance(outcome, Refused) and outcome.code == ALREADY_RESTS and leg.former:
        leg = advance(_reinstated(leg), LegState.WORKING, now_ms=now_ms, detail=outcome.text)
    elif isinstance(outcome, Refused) and outcome.code != DUPLICATE_ID:
        text = f"{outcome.code} {outcome.text}"
        leg = advance(leg, LegState.FINAL, now_ms=now_ms, detail=text, refused=True)
        leg = msgspec.structs.replace(leg, code=outcome.code)
    elif leg.state is LegState.SENT:
        leg = msgspec.structs.replace(leg, state=LegState.UNKNOWN, touched_ms=now_ms)
    return watch(put_leg(bracket, leg), now_ms)


def _reinstated(leg: Leg) -> Leg:
    """Take back the order that was taken for gone."""
    again = leg.former[-1]
    leg = found(leg, again)
    return msgspec.structs.replace(
        leg, client_id=again, former=leg.former[:-1], tries=leg.tries - 1, state=LegState.UNKNOWN
    )


def _found(bracket: Bracket, client_id: str) -> Bracket:
    """An order that was lost, if it was one of ours, is known to have ended."""
    for leg in bracket.legs:
        if client_id in leg.lost:
            bracket = put_leg(bracket, found(leg, client_id))
    return bracket


def on_never_left(bracket: Bracket, client_id: str, why: str, now_ms: int) -> Bracket:
    """Fold in that an order stayed here after all."""
    leg = leg_of(bracket, client_id)
    return bracket if leg is None else put_leg(bracket, advance(leg, LegState.FINAL, now_ms=now_ms, detail=why))


def on_query(bracket: Bracket, client_id: str, outcome: Outcome, now_ms: int) -> Bracket:
    """Fold in the answer to asking for one of our orders; absence is believed only after many misses.

    Of one that rested, a miss is a doubt: its outcome is unknown again.
    """
    leg = leg_of(bracket, client_id)
    if leg is None:
        return bracket
    if isinstance(outcome, Done):
        return on_report(bracket, outcome.value, now_ms)
    missing = isinstance(outcome, Refused) and outcome.code in NOT_FOUND_CODES
    if not missing or leg.state not in (LegState.UNKNOWN, LegState.WORKING):
        return bracket
    leg = msgspec.structs.replace(leg, state=LegState.UNKNOWN)
    since = leg.missed_ms if leg.misses else now_ms
    leg = msgspec.structs.replace(leg, misses=leg.misses + 1, missed_ms=since)
    enough = leg.misses >= MISSES_TO_GIVE_UP and now_ms - since >= MISSES_SPAN_MS
    closing = leg.role is OrderRole.EXIT
    if enough or closing:  # an exit may still arrive, which is no refusal: what it then executes is ours
        leg = advance(leg, LegState.FINAL, now_ms=now_ms, detail="never arrived", refused=not closing)
    return watch(put_leg(bracket, leg), now_ms)


def on_cancelled(bracket: Bracket, client_id: str, outcome: Outcome, now_ms: int) -> Bracket:
    """Fold in that an order could be cancelled, or was not there to be cancelled.

    An ordinary order that is not there may have executed: its outcome is to be had. A conditional one is gone; if it
    fired, its executions tell.
    """
    leg = leg_of(bracket, client_id)
    if leg is None:
        return _found(bracket, client_id)
    conditional = leg.role in (OrderRole.STOP, OrderRole.TAKE_PROFIT)
    if isinstance(outcome, Done):
        bracket = on_report(bracket, outcome.value, now_ms)
        leg = leg_of(bracket, client_id) or leg
    elif not conditional:
        return put_leg(bracket, msgspec.structs.replace(leg, state=LegState.UNKNOWN, touched_ms=now_ms))
    leg = advance(leg, LegState.FINAL, now_ms=now_ms, detail=AlgoStatus.CANCELED)
    if leg.detail == GONE:
        leg = msgspec.structs.replace(leg, detail=AlgoStatus.CANCELED)
    return watch(put_leg(bracket, leg), now_ms)


def on_report(bracket: Bracket, report: object, now_ms: int) -> Bracket:
    """Fold in whichever report the exchange gave; anything else tells nothing about an order."""
    if isinstance(report, OrderReport):
        return on_order(bracket, report, now_ms)
    if isinstance(report, AlgoReport):
        return on_algo(bracket, report, now_ms)
    return bracket


def mark_sent(bracket: Bracket, client_id: str, now_ms: int) -> Bracket:
    """Note that an order leaves now. An id that belongs to no leg yet is the next order of its role."""
    leg = leg_of(bracket, client_id)
    if leg is None:
        role = OrderRole(client_id[-1])
        leg = successor(next((leg for leg in bracket.legs if leg.role is role), None), role, client_id)
    return put_leg(bracket, msgspec.structs.replace(leg, state=LegState.SENT, touched_ms=now_ms))


def mark_asked(bracket: Bracket, client_id: str, now_ms: int) -> Bracket:
    """Note that an order is asked for, or asked to be cancelled, now."""
    leg = leg_of(bracket, client_id) or next((leg for leg in bracket.legs if client_id in leg.lost), None)
    return bracket if leg is None else put_leg(bracket, msgspec.structs.replace(leg, touched_ms=now_ms))


def hear_funding(bracket: Bracket) -> Bracket:
    """Fold in that funding was settled."""
    return msgspec.structs.replace(bracket, funding_heard=True)


def order_close(bracket: Bracket, reason: CloseReason) -> Bracket:
    """Ask for the exit; the first reason stays."""
    if bracket.close_reason is not None or bracket.over:
        return bracket
    return msgspec.structs.replace(bracket, close_reason=reason)


def watch(bracket: Bracket, now_ms: int) -> Bracket:
    """Keep the time since which a quantity has been open without a working stop."""
    naked = bracket.open_quantity > 0 and not bracket.protected
    if naked == (bracket.naked_since_ms is not None):
        return bracket
    return msgspec.structs.replace(bracket, naked_since_ms=now_ms if naked else None)
