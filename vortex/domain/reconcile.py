"""Folding the exchange's whole truth about a symbol into the trade we believe in."""

from __future__ import annotations

import msgspec

from vortex.domain import bracket as life
from vortex.domain.bracket import Bracket
from vortex.domain.leg import LegState, advance
from vortex.domain.order import AlgoReport, OrderReport, SymbolState
from vortex.domain.trade import CloseReason


def with_state(bracket: Bracket, state: SymbolState, now_ms: int) -> Bracket:
    """Fold the exchange's whole truth about the symbol into its trade.

    What we believe to rest and the exchange does not list is not gone for that: it is asked for by its id.
    """
    reports: tuple[OrderReport | AlgoReport, ...] = (*state.orders, *state.algos)
    for report in reports:
        bracket = life.on_report(bracket, report, now_ms)
    bracket = life.on_fills(bracket, state.fills, now_ms)
    bracket = msgspec.structs.replace(bracket, liquidation_price=state.position.liquidation_price)
    resting = {report.client_id for report in reports}
    for leg in bracket.legs:
        if leg.state is LegState.WORKING and leg.client_id not in resting:
            bracket = life.put_leg(bracket, msgspec.structs.replace(leg, state=LegState.UNKNOWN))
    entry = bracket.entry
    # executions prove an entry complete only when they are all there: what we see may lag behind what was done
    if entry.state is LegState.UNKNOWN and bracket.filled >= bracket.plan.quantity:
        found = msgspec.structs.replace(entry, executed=bracket.filled)
        bracket = life.put_leg(bracket, advance(found, LegState.FINAL, now_ms=now_ms, detail="found by fills"))
    bracket = life.watch(bracket, now_ms)
    ended = bracket.stop.state is LegState.FINAL and bracket.open_quantity > 0
    if ended and state.position.amount != 0 and not bracket.executions_missing:
        bracket = life.order_close(bracket, CloseReason.PROTECTION_FAILED)
    return bracket
