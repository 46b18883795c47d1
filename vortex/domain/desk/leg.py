"""One order of a trade and its life. A leg never goes back, except from UNKNOWN to what turned out to be true.

IDLE ──sent──► SENT ──confirmed──► WORKING ──triggered──► FIRING ──► FINAL
└──no answer──► UNKNOWN ──found / never arrived──► WORKING / FINAL
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

import msgspec
from msgspec import Struct

from vortex.domain.order import ZERO, AlgoStatus, Fill, OrderRole

GONE = "GONE"
"""Detail of an order that rested and that the exchange neither lists nor finds: final, until it shows up again."""


class LegState(StrEnum):
    """Life of one order of a bracket."""

    IDLE = "IDLE"
    SENT = "SENT"
    UNKNOWN = "UNKNOWN"
    WORKING = "WORKING"
    FIRING = "FIRING"
    FINAL = "FINAL"


_RANK = {state: rank for rank, state in enumerate(LegState)}
ALGO_STATES = {
    AlgoStatus.NEW: LegState.WORKING,
    AlgoStatus.TRIGGERING: LegState.FIRING,
    AlgoStatus.TRIGGERED: LegState.FIRING,
    AlgoStatus.FINISHED: LegState.FINAL,
    AlgoStatus.CANCELED: LegState.FINAL,
    AlgoStatus.REJECTED: LegState.FINAL,
    AlgoStatus.EXPIRED: LegState.FINAL,
}


class Leg(Struct, frozen=True, kw_only=True):
    """One order of a bracket.

    Attributes:
        executed: The largest executed quantity the exchange has reported for it.
        order_ids: The exchange's ids of the order, and of what a conditional one became.
        former: Client ids of the orders that this one replaced and that may have executed after all.
        former_order_ids: What the exchange calls those.
        lost: Those of them that nobody found when they were replaced, and that may rest all the same.
        tries: How many orders this one replaced, whatever became of them.
        touched_ms: When it was last sent or asked for.
        misses: Consecutive "no such order" answers while its outcome is unknown, the first at `missed_ms`.
        detail: Why it is final, in the exchange's own words.
        refused: The exchange refused to accept it.
        code: With which number.
    """

    role: OrderRole
    client_id: str
    state: LegState = LegState.IDLE
    order_ids: tuple[int, ...] = ()
    former: tuple[str, ...] = ()
    former_order_ids: tuple[int, ...] = ()
    lost: tuple[str, ...] = ()
    tries: int = 0
    executed: Decimal = ZERO
    touched_ms: int = 0
    misses: int = 0
    missed_ms: int = 0
    detail: str = ""
    refused: bool = False
    code: int | None = None

    @property
    def resting(self) -> bool:
        """True while the exchange may still hold it: what it only does not list or find may be there all the same."""
        return self.state not in (LegState.IDLE, LegState.FINAL) or self.detail == GONE or bool(self.lost)

    @property
    def working(self) -> bool:
        """True while it is on its way, or known to rest or to fire."""
        return self.state in (LegState.SENT, LegState.WORKING, LegState.FIRING)

    def owns(self, fill: Fill) -> bool:
        """True when this execution is this very order's, whichever of the ids is known."""
        return fill.order_id in self.order_ids or fill.client_id == self.client_id

    def made(self, fill: Fill) -> bool:
        """True when it is this order's, or one's that it replaced."""
        return self.owns(fill) or fill.order_id in self.former_order_ids or fill.client_id in self.former


def advance(leg: Leg, state: LegState, *, now_ms: int, detail: str = "", refused: bool = False) -> Leg:
    """Move a leg forward; it never goes back, except from UNKNOWN (nobody knew) to what turned out to be true."""
    forward = leg.state in (LegState.SENT, LegState.UNKNOWN) or _RANK[state] > _RANK[leg.state]
    if not forward or leg.state is LegState.FINAL:
        return leg
    leg = msgspec.structs.replace(
        leg, state=state, touched_ms=now_ms, misses=0, detail=detail or leg.detail, refused=refused or leg.refused
    )
    # one that closes the position is only accepted where no other of its kind rests
    return msgspec.structs.replace(leg, lost=()) if state is LegState.WORKING else leg


def with_ids(leg: Leg, *order_ids: int | None) -> Leg:
    """Add what the exchange calls this order."""
    new = tuple(number for number in order_ids if number is not None and number not in leg.order_ids)
    return msgspec.structs.replace(leg, order_ids=leg.order_ids + new) if new else leg


def successor(last: Leg | None, role: OrderRole, client_id: str) -> Leg:
    """Return the order that takes the place of the last one, if there was one.

    One that the exchange refused cannot have executed and is only counted: an order may be tried for ever.
    """
    leg = Leg(role=role, client_id=client_id)
    if last is None:
        return leg
    former = last.former if last.refused else (*last.former, last.client_id)
    order_ids = (*last.former_order_ids, *last.order_ids)
    lost = (*last.lost, last.client_id) if last.detail == GONE else last.lost
    return msgspec.structs.replace(leg, former=former, former_order_ids=order_ids, lost=lost, tries=last.tries + 1)


def found(leg: Leg, client_id: str) -> Leg:
    """What became of a lost order is known."""
    return msgspec.structs.replace(leg, lost=tuple(name for name in leg.lost if name != client_id))
