"""How an execution is booked, and what every change of a position or an order brings with it."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from vortex.domain.money import stored
from vortex.domain.order import ZERO, AlgoStatus, OrderStatus
from vortex.sim.core.floor import AMENDMENT, Floor
from vortex.sim.core.types import SimFill, SimOrder

CALCULATED = "CALCULATED"
"""Execution type of the exchange's own orders: liquidations and auto-deleveraging."""


def book_fill(
    floor: Floor,
    now_ms: int,
    order: SimOrder,
    quantity: Decimal,
    price: Decimal,
    *,
    maker: bool = False,
    fee_usdt: Decimal | None = None,
) -> None:
    """Change position, wallet and order by one execution of at most what remains of it; record and push it.

    The commission is charged in units of 1e-8, which is all that an exchange's reports can say of it.

    `maker` is an order that rested on the book; `fee_usdt` the commission of the exchange's own orders, None the rate.
    """
    rate = floor.maker_fee if maker else floor.taker_fee
    commission = stored(quantity * price * rate if fee_usdt is None else fee_usdt)
    realized = _apply(floor, now_ms, order, quantity, price)
    floor.account.wallet += realized - commission
    floor.account.last_fill_id += 1
    fill = SimFill(
        fill_id=floor.account.last_fill_id,
        order_id=cast("int", order.order_id),  # every accepted order has one
        client_id=order.client_id,
        symbol=order.symbol,
        side=order.side,
        quantity=quantity,
        price=price,
        commission=commission,
        realized_pnl=realized,
        maker=maker,
        ts_ms=now_ms,
    )
    floor.filled(now_ms, order, fill)
    status = OrderStatus.PARTIALLY_FILLED if order.remaining else OrderStatus.FILLED
    floor.order_changed(now_ms, order, status, fill, "" if fee_usdt is None else CALCULATED)


def _apply(floor: Floor, now_ms: int, order: SimOrder, quantity: Decimal, price: Decimal) -> Decimal:
    """Change order and position, and return the profit that was realised."""
    order.executed += quantity
    order.quote += quantity * price
    position = floor.account.position(order.symbol)
    position.updated_ms = now_ms
    return position.apply(order.side, quantity, price, floor.account.setting(order.symbol).leverage)


def settle(floor: Floor, now_ms: int, symbol: str) -> None:
    """Bring the symbol's orders in line with its position: after anything that executed or ended an order."""
    _trim_reduce_only(floor, now_ms, symbol)
    _expire_orphans(floor, now_ms, symbol)
    _finish_parents(floor, now_ms, symbol)


def _trim_reduce_only(floor: Floor, now_ms: int, symbol: str) -> None:
    """Resting reduce-only orders never add up to more than the position: the oldest keep theirs."""
    position = floor.account.position(symbol)
    left = abs(position.amount)
    for order in tuple(floor.resting(symbol)):
        if not order.reduce_only:
            continue
        room = left if order.side is position.closing_side else ZERO
        if not room:
            floor.order_changed(now_ms, order, OrderStatus.EXPIRED)
            continue
        if order.remaining > room:
            order.quantity = order.executed + room
            floor.order_changed(now_ms, order, order.status, execution=AMENDMENT)
        left -= order.remaining


def _expire_orphans(floor: Floor, now_ms: int, symbol: str) -> None:
    """End the close-position orders that have no position to close any more, unless their order is under way."""
    closing = floor.account.position(symbol).closing_side
    for algo in tuple(floor.waiting(symbol)):
        if algo.close_position and algo.child_order_id is None and algo.side is not closing:
            floor.algo_changed(now_ms, algo, AlgoStatus.EXPIRED, "Position closed")


def _finish_parents(floor: Floor, now_ms: int, symbol: str) -> None:
    """Tell conditional orders what became of theirs."""
    for algo in tuple(floor.waiting(symbol)):
        child = None if algo.child_order_id is None else floor.orders.find(algo.child_order_id, None)
        if child is None:
            continue
        algo.executed, algo.quote = child.executed, child.quote
        if child.status.final:
            floor.algo_changed(now_ms, algo, AlgoStatus.FINISHED)
