"""Folding the exchange's whole truth about a symbol into the trade we believe in."""

from __future__ import annotations

import msgspec

from vortex.domain.client_id import OrderIds
from vortex.domain.desk import bracket as life
from vortex.domain.desk.bracket import Bracket
from vortex.domain.desk.leg import GONE, Leg, LegState, advance, successor
from vortex.domain.order import AlgoReport, FundingState, OrderKind, OrderReport, OrderRole, SymbolState
from vortex.domain.trade import CloseReason

FUNDING_MOST_MS = 30_000
"""Funding that an event told of and the list does not show by then is not waited for: it was another's."""


def with_state(bracket: Bracket, state: SymbolState, now_ms: int, ids: OrderIds | None = None) -> Bracket:
    """Fold the exchange's whole truth about the symbol into its trade.

    What we believe to rest and the exchange does not list is not gone for that: it is asked for by its id. What rests
    for it and is not known, as when the disk was full as it was ordered, is known again by `ids`.
    """
    if ids is not None:
        bracket = _known_again(bracket, state, ids)
    reports: tuple[OrderReport | AlgoReport, ...] = (*state.orders, *state.algos)
    for report in reports:
        bracket = life.on_report(bracket, report, now_ms)
    bracket = life.on_fills(bracket, state.fills, now_ms)
    bracket = msgspec.structs.replace(bracket, liquidation_price=state.position.liquidation_price)
    listed = {report.client_id for report in reports}
    for leg in bracket.legs:
        if leg.client_id not in listed:
            bracket = life.put_leg(bracket, _doubted(leg, now_ms))
    bracket = life.put_leg(bracket, _entry_seen(bracket, state, now_ms))
    bracket = life.watch(bracket, now_ms)
    lost = bracket.stop.state is LegState.FINAL and bracket.open_quantity > 0 and not bracket.replaceable(bracket.stop)
    if lost and state.position.amount != 0 and not bracket.executions_missing:
        bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)
    return bracket


def with_funding(bracket: Bracket, funding: FundingState, now_ms: int) -> Bracket:
    """Fold in what the trade received or paid; what an event told of must be in the list, for a while."""
    span = bracket.funding_span
    if span is None or (bracket.funding_heard and not funding.payments and now_ms - span[1] <= FUNDING_MOST_MS):
        return bracket
    return msgspec.structs.replace(bracket, funding_usdt=funding.amount_usdt)


def _known_again(bracket: Bracket, state: SymbolState, ids: OrderIds) -> Bracket:
    """Take over a conditional order of a process before us that rests in the place of one that does not.

    Of our own we know every one: one that is listed and not known is of the past, and so is the answer.
    """
    for report in state.algos:
        leg = bracket.stop if report.kind is OrderKind.STOP_MARKET else bracket.take_profit
        former = ids.ours(report.client_id) and ids.anothers(report.client_id) and not ids.newer(report.client_id)
        fits = former and report.close_position and report.side is bracket.plan.side.closing
        known = report.client_id == leg.client_id or report.client_id in leg.former
        if fits and not known and not leg.working:
            bracket = life.put_leg(bracket, successor(leg, leg.role, report.client_id))
    return bracket


def _doubted(leg: Leg, now_ms: int) -> Leg:
    """What the exchange does not list may be gone: it is asked for; one that it does not find either is gone."""
    conditional = leg.role in (OrderRole.STOP, OrderRole.TAKE_PROFIT)
    if conditional and leg.state is LegState.UNKNOWN and leg.misses:
        return advance(leg, LegState.FINAL, now_ms=now_ms, detail=GONE)
    if leg.state is LegState.WORKING:
        return msgspec.structs.replace(leg, state=LegState.UNKNOWN)
    return leg


def _entry_seen(bracket: Bracket, state: SymbolState, now_ms: int) -> Leg:
    """An entry of unknown outcome: what is open speaks for it, and all its executions prove it complete.

    Only all of them: what we see may lag behind what was done.
    """
    entry = bracket.entry
    if entry.state is not LegState.UNKNOWN:
        return entry
    if bracket.filled >= bracket.plan.quantity:
        found = msgspec.structs.replace(entry, executed=bracket.filled)
        return advance(found, LegState.FINAL, now_ms=now_ms, detail="found by fills")
    if bracket.plan.side.sign * state.position.amount > 0:
        return msgspec.structs.replace(entry, misses=0)
    return entry
