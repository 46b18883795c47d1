"""Ordinary orders: accepted or refused, matched against the visible book at once, never resting in this version."""

from __future__ import annotations

from decimal import Decimal
from typing import cast

from vortex.domain.order import ZERO, OrderKind, OrderStatus
from vortex.sim.core.checks import check_client_id, check_exposure, check_notional, check_quantity, mandatory
from vortex.sim.core.floor import Floor, order_copy
from vortex.sim.core.types import (
    CancelOrderRequest,
    FindOrder,
    ListOrders,
    NewOrder,
    RequestRefused,
    SimFill,
    SimOrder,
)

_CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})


class OrderDesk:
    """Takes market orders to the book. Refused ones stay on record with their code."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, now_ms: int, request: NewOrder) -> SimOrder:
        """Check, accept and match. Raises RequestRefused with the first rule it breaks."""
        order = _order(now_ms, request)
        try:
            order.quantity = self._checked_quantity(request)
        except RequestRefused as refused:
            order.code = refused.code
            self._floor.order_changed(now_ms, order, OrderStatus.REJECTED)
            raise
        self._floor.enter_order(now_ms, order)
        self.match(now_ms, order)
        return order_copy(order)

    def match(self, now_ms: int, order: SimOrder) -> None:
        """Walk the book, one fill per level; what it does not hold expires."""
        market = self._floor.markets[order.symbol]
        spec = market.spec
        taken = market.take(order.side, int(order.quantity / spec.step_size))
        for ticks, lots in taken:
            self._fill(now_ms, order, lots * spec.step_size, ticks * spec.tick_size)
        if taken:
            self._record_position(now_ms, order.symbol)
        if not order.status.final:
            self._floor.order_changed(now_ms, order, OrderStatus.EXPIRED)

    def cancel(self, now_ms: int, request: CancelOrderRequest) -> SimOrder:
        """Cancel an open order. Raises RequestRefused -2011 when there is none."""
        order = self._lookup(request)
        if order is None or order.status.final:
            raise RequestRefused(-2011, "Unknown order sent.")
        self._floor.order_changed(now_ms, order, OrderStatus.CANCELED)
        return order_copy(order)

    def find(self, request: FindOrder) -> SimOrder:
        """The order, the newest one of that client id. Raises RequestRefused -2013 when there is none."""
        order = self._lookup(request)
        if order is None:
            raise RequestRefused(-2013, "Order does not exist.")
        return order_copy(order)

    def list_open(self, request: ListOrders) -> list[SimOrder]:
        """Open orders of one symbol or all."""
        if request.symbol is not None:
            self._floor.spec(request.symbol)
        wanted = (o for o in self._floor.history.orders.open.values() if request.symbol in (None, o.symbol))
        return [order_copy(order) for order in wanted]

    def _lookup(self, request: FindOrder | CancelOrderRequest) -> SimOrder | None:
        self._floor.spec(request.symbol)
        if request.order_id is None and request.client_id is None:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise RequestRefused(-1102, text)
        order = self._floor.history.orders.find(request.order_id, (request.symbol, request.client_id))
        return order if order is not None and order.symbol == request.symbol else None

    def _checked_quantity(self, request: NewOrder) -> Decimal:
        floor, spec = self._floor, self._floor.spec(request.symbol)
        _check_kind(request.kind)
        check_client_id(request.client_id)
        quantity = check_quantity(spec, request.quantity)
        newest = floor.history.orders.find(None, (request.symbol, request.client_id))
        if newest is not None and not newest.status.final:
            raise RequestRefused(-4116, "ClientOrderId is duplicated.")
        if request.reduce_only:
            reducible = floor.account.position(request.symbol).reducible(request.side)
            if not reducible:
                raise RequestRefused(-2022, "ReduceOnly Order is rejected.")
            return min(quantity, reducible)
        # Without a price there is no book either: nothing can fill, so there is nothing to value.
        price = floor.markets[request.symbol].reference(request.side)
        if price is not None:
            check_notional(spec, quantity, price)
            check_exposure(floor, request.symbol, request.side, quantity, price)
        return quantity

    def _fill(self, now_ms: int, order: SimOrder, quantity: Decimal, price: Decimal) -> None:
        account = self._floor.account
        position = account.position(order.symbol)
        commission = quantity * price * self._floor.taker_fee
        realized = position.apply(order.side, quantity, price, account.setting(order.symbol).leverage)
        position.updated_ms = now_ms
        account.wallet += realized - commission
        order.executed += quantity
        order.quote += quantity * price
        account.last_fill_id += 1
        fill = SimFill(
            fill_id=account.last_fill_id,
            order_id=cast("int", order.order_id),  # every accepted order has one
            client_id=order.client_id,
            symbol=order.symbol,
            side=order.side,
            quantity=quantity,
            price=price,
            commission=commission,
            realized_pnl=realized,
            maker=False,
            ts_ms=now_ms,
        )
        self._floor.filled(now_ms, fill)
        done = order.executed == order.quantity
        self._floor.order_changed(now_ms, order, OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED, fill)

    def _record_position(self, now_ms: int, symbol: str) -> None:
        position = self._floor.account.position(symbol)
        detail = {
            "entry_price": f"{position.entry_price:f}",
            "isolated_wallet_usdt": f"{position.isolated_wallet:f}",
        }
        self._floor.record(now_ms, symbol, "POSITION", detail)


def _check_kind(kind: str) -> None:
    if not kind:
        raise mandatory("type")
    if kind in _CONDITIONAL:
        text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise RequestRefused(-4120, text)
    if kind != OrderKind.MARKET:
        raise RequestRefused(-1116, "Invalid orderType.")


def _order(now_ms: int, request: NewOrder) -> SimOrder:
    return SimOrder(
        order_id=None,
        client_id=request.client_id,
        symbol=request.symbol,
        side=request.side,
        kind=request.kind,
        quantity=request.quantity or ZERO,
        reduce_only=request.reduce_only,
        close_position=False,
        status=OrderStatus.NEW,
        received_ms=now_ms,
        updated_ms=now_ms,
    )
