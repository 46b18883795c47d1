"""Taking over a position that no trade of ours is known for: it gets a stop, a row, and no exit but the stop.

That is how our own position is found again when the journal was lost, and how a person's is protected where the
configuration asks for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec
from msgspec import Struct

from vortex.domain.client_id import OrderIds
from vortex.domain.desk.attribution import by_exchange
from vortex.domain.desk.bracket import Bracket, begin, put_leg, watch
from vortex.domain.desk.leg import Leg, LegState
from vortex.domain.money import ceil_to, exact, floor_to
from vortex.domain.order import (
    ZERO,
    AlgoReport,
    AlgoStatus,
    Fill,
    OrderKind,
    OrderRole,
    PositionReport,
    Side,
    SymbolSetup,
    SymbolState,
)
from vortex.domain.trade import EntryPlan, Strategy

LIQUIDATION_SHARE = Decimal("0.3")
"""The stop keeps at least this share of the way from the liquidation price to the mark price."""
FOREVER_S = 10**9


class ForeignParams(Struct, frozen=True, kw_only=True):
    """What is done with a position that is not ours: the keys of the `[exchange]` section.

    Attributes:
        foreign_position: `leave` it alone, `protect` it with a stop, or `refuse` to start beside it.
        adopted_stop_pct: Distance of an adopted position's stop from the mark price, percent.
    """

    foreign_position: Literal["leave", "protect", "refuse"] = "leave"
    adopted_stop_pct: float = 1.0


def opened_by(fills: Sequence[Fill], amount: Decimal, after_fill_id: int = 0) -> tuple[Fill, ...]:
    """Return the executions that made a position of this signed amount, oldest first, as far back as they are known.

    Those up to `after_fill_id` are accounted for already.
    """
    side = Side.LONG if amount > 0 else Side.SHORT
    found: list[Fill] = []
    left = abs(amount)
    for fill in sorted(fills, key=lambda fill: fill.fill_id, reverse=True):
        if left <= 0 or fill.fill_id <= after_fill_id:
            break
        opening = fill.side is side.opening
        left += -fill.quantity if opening else fill.quantity
        if opening:
            found.append(fill)
    return tuple(reversed(found))


def still_ours(fills: Sequence[Fill], amount: Decimal, ids: OrderIds, after_fill_id: int = 0) -> Decimal:
    """Return how much of a position of this signed amount our entries made and nothing has closed since.

    Divided as in `attribution.divide`: a person who reduces takes back his own part first, everything else ours.
    """
    side = Side.LONG if amount > 0 else Side.SHORT
    made = opened_by(fills, amount, after_fill_id)
    ours = others = ZERO
    for fill in sorted(fills, key=lambda fill: fill.fill_id):
        if not made or fill.fill_id < made[0].fill_id:
            continue
        if fill.side is side.opening:
            entered = ids.ours(fill.client_id, OrderRole.ENTRY)
            ours, others = (ours + fill.quantity, others) if entered else (ours, others + fill.quantity)
            continue
        theirs_first = ZERO if by_exchange(fill) or ids.ours(fill.client_id) else min(fill.quantity, others)
        part = min(fill.quantity - theirs_first, ours)
        ours -= part
        others -= fill.quantity - part
    return ours


def adopt(state: SymbolState, setup: SymbolSetup, ids: OrderIds, params: ForeignParams, now_ms: int) -> Bracket:
    """Return a trade for the position of this state, with the stop that rests for it if one of ours does."""
    position = state.position
    side = Side.LONG if position.amount > 0 else Side.SHORT
    made = opened_by(state.fills, position.amount) if still_ours(state.fills, position.amount, ids) > 0 else ()
    own = [fill for fill in made if ids.ours(fill.client_id, OrderRole.ENTRY)]
    new = dict(ids.new())
    if own:
        new[OrderRole.ENTRY] = own[0].client_id
    stop = _resting(state.algos, OrderKind.STOP_MARKET, side, ids)
    target = _resting(state.algos, OrderKind.TAKE_PROFIT_MARKET, side, ids)
    sl_price = stop.trigger_price if stop else protective_price(position, setup, params)
    plan = _plan(position, side, sl_price, target.trigger_price if target else ZERO, now_ms)
    last = max((fill.fill_id for fill in state.fills), default=0)
    bracket = begin(plan, ids.trade_id(new[OrderRole.ENTRY]), new, now_ms, last)
    entry = msgspec.structs.replace(
        bracket.entry, state=LegState.FINAL, executed=abs(position.amount), detail="adopted", order_ids=(0,)
    )
    bracket = put_leg(bracket, entry)
    for role, report in ((OrderRole.STOP, stop), (OrderRole.TAKE_PROFIT, target)):
        bracket = put_leg(bracket, _leg(role, new[role], report, now_ms))
    entered = _entry_fill(state, side, bracket, own, now_ms)
    return watch(
        msgspec.structs.replace(bracket, fills=(entered,), liquidation_price=position.liquidation_price), now_ms
    )


def protective_price(position: PositionReport, setup: SymbolSetup, params: ForeignParams) -> Decimal:
    """Return the stop's trigger: so many percent from the mark price, never near liquidation, rounded to safety."""
    side = Side.LONG if position.amount > 0 else Side.SHORT
    mark = position.mark_price or position.entry_price
    price = mark * (1 - side.sign * exact(params.adopted_stop_pct) / 100)
    if position.liquidation_price:
        nearest = position.liquidation_price + LIQUIDATION_SHARE * (mark - position.liquidation_price)
        price = max(price, nearest) if side is Side.LONG else min(price, nearest)
    round_to = ceil_to if side is Side.LONG else floor_to
    return round_to(price, setup.rules.tick_size)


def _resting(algos: Sequence[AlgoReport], kind: OrderKind, side: Side, ids: OrderIds) -> AlgoReport | None:
    return next(
        (
            algo
            for algo in algos
            if algo.kind is kind
            and algo.side is side.closing
            and algo.close_position
            and algo.status is AlgoStatus.NEW
            and ids.ours(algo.client_id)
        ),
        None,
    )


def _leg(role: OrderRole, new_id: str, report: AlgoReport | None, now_ms: int) -> Leg:
    if report is not None:
        return Leg(role=role, client_id=report.client_id, state=LegState.WORKING, touched_ms=now_ms)
    state = LegState.IDLE if role is OrderRole.STOP else LegState.FINAL
    return Leg(role=role, client_id=new_id, state=state, detail="" if role is OrderRole.STOP else "none")


def _entry_fill(state: SymbolState, side: Side, bracket: Bracket, own: Sequence[Fill], now_ms: int) -> Fill:
    """One execution for the whole position at its average entry price; of its fees those of our own executions."""
    amount = state.position.amount
    return Fill(
        fill_id=bracket.after_fill_id,
        order_id=0,
        client_id=bracket.entry.client_id,
        symbol=state.symbol,
        side=side.opening,
        quantity=abs(amount),
        price=state.position.entry_price,
        commission=sum((fill.commission for fill in own), ZERO),
        commission_asset="USDT",
        realized_pnl=ZERO,
        maker=False,
        ts_ms=own[0].ts_ms if own else now_ms,
    )


def _plan(position: PositionReport, side: Side, sl_price: Decimal, tp_price: Decimal, now_ms: int) -> EntryPlan:
    quantity, leverage = abs(position.amount), position.leverage or 1
    notional = quantity * position.entry_price
    return EntryPlan(
        symbol=position.symbol,
        side=side,
        strategy=Strategy.ADOPTED,
        quantity=quantity,
        expected_price=position.entry_price,
        sl_price=sl_price,
        tp_price=tp_price,
        leverage=leverage,
        max_hold_s=FOREVER_S,
        risk_usdt=abs(position.entry_price - sl_price) * quantity,
        notional_usdt=notional,
        margin_usdt=notional / leverage,
        atr15=ZERO,
        confidence=0.0,
        final_score=0.0,
        e1_direction="NEUTRAL",
        e5_regime="UNKNOWN/UNKNOWN",
        decision_id="adopted",
        decided_ms=now_ms,
        book_ms=now_ms,
    )
