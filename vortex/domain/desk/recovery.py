"""A trade beyond its ordinary life: found again after a restart, or given up when the exchange does not hold it."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from vortex.domain.desk.bracket import Bracket, put_leg, watch
from vortex.domain.desk.leg import LegState
from vortex.domain.order import ZERO, Fill


def recovered(bracket: Bracket) -> Bracket:
    """Take a bracket from the journal: whether what was on its way arrived is not known."""
    for leg in bracket.legs:
        if leg.state is LegState.SENT:
            bracket = put_leg(bracket, msgspec.structs.replace(leg, state=LegState.UNKNOWN, misses=0))
    return msgspec.structs.replace(bracket, naked_since_ms=None)


def inherit_time(bracket: Bracket, before_ms: int | None, now_ms: int, most_ms: int) -> Bracket:
    """What our predecessor saw without a stop since `before_ms`, and still is, has spent that time, up to `most_ms`."""
    if bracket.naked_since_ms is None or before_ms is None:
        return bracket
    since_ms = min(bracket.naked_since_ms, now_ms - min(now_ms - before_ms, most_ms))
    return msgspec.structs.replace(bracket, naked_since_ms=since_ms)


def write_off(bracket: Bracket, price: Decimal, now_ms: int) -> Bracket:
    """Count what is open as closed at this price by nobody we know, without a fee.

    For when the exchange holds nothing, refuses every exit for it, and has no execution that would explain it: so it
    is after an entry that executed against a person's opposite position which nobody had told of.
    """
    last = bracket.fills[-1]
    gone = Fill(
        fill_id=last.fill_id,
        order_id=0,
        client_id="",
        symbol=last.symbol,
        side=bracket.plan.side.closing,
        quantity=bracket.open_quantity,
        price=price,
        commission=ZERO,
        commission_asset=last.commission_asset,
        realized_pnl=ZERO,
        maker=False,
        ts_ms=now_ms,
    )
    return watch(msgspec.structs.replace(bracket, fills=(*bracket.fills, gone)), now_ms)
