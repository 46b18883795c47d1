"""Whose an execution is, where a person trades the same position as we do.

One-way mode knows one position per symbol. What our entry opened is ours; what else was added is someone else's. A
person who reduces the position reduces his own part first; our exits, and whatever the exchange itself does, take ours
first. What our entry executes while a person holds the opposite is closed by that at once. So nobody's hands change
what we account for as ours, and nothing of a person's is counted as our profit.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.desk.leg import Leg
from vortex.domain.order import ZERO, Fill, Side

LIQUIDATION_PREFIX = "autoclose-"
"""Of the client id of an order by which the exchange liquidates."""
ADL_PREFIX = "adl_autoclose"
"""Of one by which it auto-deleverages."""


class Holdings(Struct, frozen=True, kw_only=True):
    """The executions of one symbol since our entry began, divided.

    Attributes:
        entries: What our entry opened.
        exits: What closed that, whoever ordered it; of an execution that closed more, only the share that is ours.
        others: What is open beside it and not ours; positive in the direction of the trade, negative against it.
    """

    entries: tuple[Fill, ...] = ()
    exits: tuple[Fill, ...] = ()
    others: Decimal = ZERO


def divide(fills: Sequence[Fill], side: Side, entry: Leg, leaving: Sequence[Leg]) -> Holdings:
    """Divide the executions of a trade.

    Args:
        fills: All that are known; ids count per symbol, and what came before our entry's first is not looked at.
        side: Direction of the trade.
        entry: The order that opened it.
        leaving: Our orders that close it.
    """
    entries: list[Fill] = []
    exits: list[Fill] = []
    ours = others = ZERO
    another = ""
    for fill in sorted(fills, key=lambda fill: fill.fill_id):
        if fill.side is side.opening and entry.owns(fill):
            entries.append(fill)
            netted = min(fill.quantity, max(-others, ZERO))
            if netted > 0:
                exits.append(_netted(fill, netted, side, another))
            ours += fill.quantity - netted
            others += netted
        elif not entries:
            continue
        elif fill.side is side.opening:
            others += fill.quantity
            another = fill.client_id
        else:
            theirs_first = min(fill.quantity, max(others, ZERO)) if _by_a_person(fill, leaving) else ZERO
            part = min(fill.quantity - theirs_first, ours)
            if part > 0:
                exits.append(share_of(fill, part))
            ours -= part
            others -= fill.quantity - part
            another = fill.client_id
    return Holdings(entries=tuple(entries), exits=tuple(exits), others=others)


def share_of(fill: Fill, quantity: Decimal) -> Fill:
    """Return this much of an execution, with its share of commission and realised profit."""
    if quantity == fill.quantity:
        return fill
    return msgspec.structs.replace(
        fill,
        quantity=quantity,
        commission=fill.commission * quantity / fill.quantity,
        realized_pnl=fill.realized_pnl * quantity / fill.quantity,
    )


def _netted(fill: Fill, quantity: Decimal, side: Side, another: str) -> Fill:
    """What our entry executed against a person's opposite position was closed by it at once, without another fee."""
    return msgspec.structs.replace(
        fill, side=side.closing, client_id=another, quantity=quantity, commission=ZERO, realized_pnl=ZERO
    )


def by_exchange(fill: Fill) -> bool:
    """True for an execution by which the exchange itself liquidates or deleverages."""
    return fill.client_id.startswith((LIQUIDATION_PREFIX, ADL_PREFIX))


def _by_a_person(fill: Fill, leaving: Sequence[Leg]) -> bool:
    return not by_exchange(fill) and not any(leg.made(fill) for leg in leaving)
