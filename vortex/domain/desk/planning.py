"""What a trade needs to have sent next: its entry, its protection, its exit, or the removal of what is left of it."""

from __future__ import annotations

from decimal import Decimal
from enum import IntEnum
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.client_id import OrderIds
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import Leg, LegState
from vortex.domain.desk.questions import Paces
from vortex.domain.order import (
    CancelOrder,
    ExchangeRequest,
    OrderKind,
    OrderRole,
    PlaceOrder,
    QueryOrder,
    SetLeverage,
)


class Lane(IntEnum):
    """Which request goes first when not all may go."""

    CLOSE = 0
    STOP = 1
    RECONCILE = 2
    ENTRY = 3
    STATISTICS = 4


class DeskLimits(Struct, frozen=True, kw_only=True):
    """Limits of docs/explanation/order-safety.md and the pace of repeated requests, milliseconds.

    Attributes:
        stop_recover_ms: Of `stop_confirm_ms`, what is left at least when a restart finds a quantity without a stop.
        exit_tries: After this many exits that did not close the position, a person should know.
        exit_late_ms: The pace of exits, and of new stops in the place of lost ones, from then on.
        rest_ms: What an entry has not executed after this long is cancelled.
        verify_ms: A resting stop is asked for as often as this.
        rules_ms: The symbol's rules are read again after this long without a trade.
        paces: Of questions about the whole truth.
    """

    stop_confirm_ms: int = 3_000
    stop_recover_ms: int = 1_000
    book_age_ms: int = 500
    retry_ms: int = 300
    exit_retry_ms: int = 1_000
    exit_late_ms: int = 5_000
    exit_tries: int = 3
    rest_ms: int = 1_500
    verify_ms: int = 3_000
    rules_ms: int = 600_000
    paces: Paces = Paces()

    @property
    def inherited_most_ms(self) -> int:
        """What a restart may have spent of `stop_confirm_ms` at most."""
        return self.stop_confirm_ms - self.stop_recover_ms


Planned: TypeAlias = tuple[Lane, ExchangeRequest]


class Planner:
    """Names the next request of one trade, or None when it has to wait or needs nothing.

    Args:
        ids: Makes the next set of client ids, one per role.
        limits: Times and paces.
    """

    def __init__(self, ids: OrderIds, limits: DeskLimits) -> None:
        self._ids = ids
        self._limits = limits

    # ----------------------------------------------------------------------------------------------------- the entry

    def objection(self, bracket: Bracket, now_ms: int) -> str | None:
        """Say why an entry that has not left should never leave, or None."""
        age_ms = now_ms - bracket.plan.book_ms
        if bracket.entry.state is not LegState.IDLE or age_ms <= self._limits.book_age_ms:
            return None
        return f"the book that decided is {age_ms} ms old"

    def enter(self, bracket: Bracket, leverage: int | None, now_ms: int) -> Planned | None:
        """Send the entry behind its leverage, find out what became of it, or cancel what does not execute."""
        plan, leg = bracket.plan, bracket.entry
        if leg.state is LegState.UNKNOWN:
            return self._ask(leg, plan.symbol, Lane.RECONCILE, now_ms)
        if leg.state is LegState.WORKING and now_ms - leg.touched_ms >= self._limits.rest_ms:
            return Lane.RECONCILE, CancelOrder(symbol=plan.symbol, client_id=leg.client_id, conditional=False)
        if leg.state is not LegState.IDLE:
            return None
        if leverage != plan.leverage:
            return Lane.ENTRY, SetLeverage(symbol=plan.symbol, leverage=plan.leverage)
        request = PlaceOrder(
            symbol=plan.symbol,
            client_id=leg.client_id,
            side=plan.side.opening,
            kind=OrderKind.MARKET,
            quantity=plan.quantity,
        )
        return Lane.ENTRY, request

    # ------------------------------------------------------------------------------------------- an open quantity

    def guard(self, bracket: Bracket, now_ms: int, *, may_replace: bool) -> Planned | None:
        """Close what is to be closed, else protect what is open; `may_replace` what ended, when that is certain."""
        if bracket.close_reason is not None:
            return self._close(bracket, now_ms)
        for leg in (bracket.stop, bracket.take_profit):
            if leg.state is LegState.UNKNOWN:
                return self._ask(leg, bracket.plan.symbol, Lane.STOP, now_ms)
            if leg.state is LegState.IDLE:
                return Lane.STOP, _conditional(bracket, leg, leg.client_id)
            if bracket.replaceable(leg) and (may_replace or leg.refused) and self.may_ask(leg.touched_ms, now_ms):
                return Lane.STOP, _conditional(bracket, leg, self._ids.new()[leg.role])
        return None

    def verify(self, bracket: Bracket, now_ms: int) -> Planned | None:
        """Ask from time to time whether the stop still rests: the event that says it does not may have been lost."""
        stop, leaving = bracket.stop, bracket.close_reason is not None or bracket.open_quantity <= 0
        if leaving or stop.state is not LegState.WORKING or now_ms - stop.touched_ms < self._limits.verify_ms:
            return None
        return Lane.RECONCILE, QueryOrder(symbol=bracket.plan.symbol, client_id=stop.client_id, conditional=True)

    def keep_stop(self, bracket: Bracket, now_ms: int) -> Planned | None:
        """Protect, until its next try, what an exit failed to close: the stop is placed, found or replaced."""
        stop, failed = bracket.stop, bracket.exit
        if failed is None or failed.resting:
            return None
        if stop.state is LegState.UNKNOWN:
            return self._ask(stop, bracket.plan.symbol, Lane.STOP, now_ms)
        if stop.state is LegState.IDLE:
            return Lane.STOP, _conditional(bracket, stop, stop.client_id)
        again = self.alarming(failed) and now_ms - stop.touched_ms >= self._limits.exit_late_ms
        if stop.state is LegState.FINAL and again:
            return Lane.STOP, _conditional(bracket, stop, self._ids.new()[OrderRole.STOP])
        return None

    def alarming(self, leaving: Leg) -> bool:
        """True when so many exits went before that the position does not seem to close."""
        return leaving.tries + 1 >= self._limits.exit_tries

    def _close(self, bracket: Bracket, now_ms: int) -> Planned | None:
        leg = bracket.exit
        if leg is not None and leg.state is LegState.UNKNOWN:
            return self._ask(leg, bracket.plan.symbol, Lane.CLOSE, now_ms)
        if leg is not None:
            pace_ms = self._limits.exit_late_ms if self.alarming(leg) else self._limits.exit_retry_ms
            if leg.resting or now_ms - leg.touched_ms < pace_ms:
                return None
        return Lane.CLOSE, _exit(bracket, bracket.open_quantity, self._ids.new()[OrderRole.EXIT])

    # ------------------------------------------------------------------------------------------------- what is left

    def clean(self, bracket: Bracket, now_ms: int) -> Planned | None:
        """Cancel what still rests of a trade that is over, and find out about its last exit."""
        symbol, leaving = bracket.plan.symbol, bracket.exit
        for leg in (bracket.stop, bracket.take_profit):
            if leg.resting and self.may_ask(leg.touched_ms, now_ms):
                name = leg.lost[0] if leg.lost else leg.client_id
                return Lane.STOP, CancelOrder(symbol=symbol, client_id=name, conditional=True)
        if leaving is not None and leaving.state is LegState.UNKNOWN:
            return self._ask(leaving, symbol, Lane.RECONCILE, now_ms)
        return None

    def may_ask(self, last_ms: int, now_ms: int) -> bool:
        """True when a question that was asked then may be asked again."""
        return now_ms - last_ms >= self._limits.retry_ms

    def _ask(self, leg: Leg, symbol: str, lane: Lane, now_ms: int) -> Planned | None:
        if not self.may_ask(leg.touched_ms, now_ms):
            return None
        conditional = leg.role in (OrderRole.STOP, OrderRole.TAKE_PROFIT)
        return lane, QueryOrder(symbol=symbol, client_id=leg.client_id, conditional=conditional)


def _conditional(bracket: Bracket, leg: Leg, client_id: str) -> PlaceOrder:
    plan, stop = bracket.plan, leg.role is OrderRole.STOP
    return PlaceOrder(
        symbol=plan.symbol,
        client_id=client_id,
        side=plan.side.closing,
        kind=OrderKind.STOP_MARKET if stop else OrderKind.TAKE_PROFIT_MARKET,
        trigger_price=plan.sl_price if stop else plan.tp_price,
        close_position=True,
    )


def _exit(bracket: Bracket, quantity: Decimal, client_id: str) -> PlaceOrder:
    return PlaceOrder(
        symbol=bracket.plan.symbol,
        client_id=client_id,
        side=bracket.plan.side.closing,
        kind=OrderKind.MARKET,
        quantity=quantity,
        reduce_only=True,
    )
