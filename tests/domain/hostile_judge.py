"""What must be true when a hostile world has come to rest, by what its exchange executed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from tests.domain.hostile_hands import ADL, AUTOCLOSE, HANDS, PERSON, Hand
from tests.domain.hostile_world import HostileWorld
from vortex.domain.desk.notices import Closed
from vortex.domain.order import ZERO, OrderRole
from vortex.domain.trade import CloseReason

WORKING_MS = 2_000
"""A stop works within this time where nothing went wrong;"""
LIMIT_MS = 5_000
"""and within this, and what the faults may cost, where something did."""
LARGEST = Decimal("0.1")
"""What one plan asks for."""
FAULTS = 16
FOREIGN_REASONS = {PERSON: CloseReason.EXTERNAL, AUTOCLOSE: CloseReason.LIQUIDATED, ADL: CloseReason.ADL}


def violations_of(seed: int, hands: Sequence[Hand] = HANDS) -> list[str]:
    """Run one seed, which also says how many faults there may be, and judge it. Empty is good."""
    world = HostileWorld(seed, seed % FAULTS, hands)
    try:
        world.run()
    except AssertionError as stuck:
        return [str(stuck)]
    return list(_violations(world))


def _violations(world: HostileWorld) -> Iterator[str]:
    exchange = world.exchange
    if exchange.position:
        yield f"{exchange.position} is left open"
    for algo in exchange.resting:
        yield f"{algo.client_id} rests without a position"
    yield from world.unsafe
    for client_id, times in exchange.sent.items():
        if times > 1:
            yield f"{client_id} was sent {times} times"
    for lasted_ms, faults_may_cost_ms in world.naked:
        if lasted_ms > (LIMIT_MS + faults_may_cost_ms if faults_may_cost_ms else WORKING_MS):
            yield f"unprotected for {lasted_ms} ms, of which faults may cost {faults_may_cost_ms}"
    yield from _positions(world)
    yield from _ends(world)


def _positions(world: HostileWorld) -> Iterator[str]:
    """Our own orders open one plan at a time; whatever else we send only reduces."""
    net, entry, fills = ZERO, "", world.exchange.fills
    for fill in fills:
        before, change = net, fill.quantity if fill.side.value == "BUY" else -fill.quantity
        net += change
        if not fill.client_id.startswith("v7-"):
            continue
        if fill.client_id.endswith(OrderRole.ENTRY):
            if before and fill.client_id != entry and not world.blind(fill.ts_ms):
                yield f"{fill.client_id} opened beside a position of {before}"
            entry = fill.client_id
        elif abs(net) > abs(before) or net * before < 0:
            yield f"{fill.client_id} opened a position"
    opened = {fill.client_id for fill in fills if fill.client_id.endswith(OrderRole.ENTRY)}
    for client_id in opened:
        quantity = sum((fill.quantity for fill in fills if fill.client_id == client_id), ZERO)
        if quantity > LARGEST:
            yield f"{client_id} opened {quantity}"


def _ends(world: HostileWorld) -> Iterator[str]:
    """Every entry that executed has one end, with its own executions, all of them, and the true reason."""
    executed = {fill.client_id: ZERO for fill in world.exchange.fills if fill.client_id.endswith(OrderRole.ENTRY)}
    for fill in world.exchange.fills:
        if fill.client_id in executed:
            executed[fill.client_id] += fill.quantity
    for ended in world.ended.values():
        bracket = ended.bracket
        opened = executed.pop(bracket.entry.client_id, ZERO)
        if isinstance(ended, Closed) is not (opened > 0):
            yield f"{bracket.entry.client_id} opened {opened} and ended as {type(ended).__name__}"
        elif isinstance(ended, Closed):
            closed = sum((fill.quantity for fill in bracket.exit_fills), ZERO)
            if not bracket.filled == closed == opened:
                yield f"{bracket.entry.client_id} opened {opened}, its row says {bracket.filled} and {closed} closed"
            yield from _reason(ended)
            last_ms = bracket.fills[-1].ts_ms
            if ended.reason is CloseReason.PROTECTION_FAILED and not world.disturbed(bracket.fills[0].ts_ms, last_ms):
                yield f"{bracket.entry.client_id} was given up, and nothing was wrong with it"
    yield from (f"{client_id} executed and never ended" for client_id in executed)


def _reason(ended: Closed) -> Iterator[str]:
    last = ended.bracket.exit_fills[-1]
    foreign = next((reason for start, reason in FOREIGN_REASONS.items() if last.client_id.startswith(start)), None)
    if foreign is not None and ended.reason is not foreign:
        yield f"closed by {last.client_id}, and the row says {ended.reason}"
    if foreign is None and last.client_id and ended.reason in FOREIGN_REASONS.values():
        yield f"closed by our own {last.client_id}, and the row says {ended.reason}"
