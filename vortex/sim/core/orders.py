"""Ordinary orders: accepted or refused, matched against the visible book, resting when their limit allows."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.order import ZERO, OrderStatus
from vortex.sim.core.checks import (
    MAX_ORDERS,
    TIMES_IN_FORCE,
    check_client_id,
    check_counterparty,
    check_exposure,
    check_notional,
    check_percent_price,
    check_position_side,
    check_price,
    check_quantity,
    check_status,
    mandatory,
)
from vortex.sim.core.executions import book_fill, settle
from vortex.sim.core.floor import AMENDMENT, Floor, order_copy
from vortex.sim.core.types import AmendOrder, CancelOrderRequest, NewOrder, RequestRefused, SimOrder

MARKET, LIMIT = "MARKET", "LIMIT"
_CONDITIONAL = frozenset({"STOP", "STOP_MARKET", "TAKE_PROFIT", "TAKE_PROFIT_MARKET", "TRAILING_STOP_MARKET"})
_UNFILLABLE = (
    "Due to the order could not be filled immediately, the FOK order has been rejected. "
    "The order will not be recorded in the order history"
)
_TAKING = (
    "Due to the order could not be executed as maker, the Post Only order will be rejected. "
    "The order will not be recorded in the order history"
)


class OrderDesk:
    """Takes orders to the book. Refused ones stay on record with their code."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor

    def place(self, now_ms: int, request: NewOrder) -> SimOrder:
        """Check, accept and match. Raises RequestRefused with the first rule it breaks."""
        order = _order(now_ms, request)
        try:
            order.quantity = self._checked_quantity(request)
            self._check_time_in_force(order)
        except RequestRefused as refused:
            order.code = refused.code
            self._floor.order_changed(now_ms, order, OrderStatus.REJECTED)
            raise
        self._floor.enter_order(now_ms, order)
        self.match(now_ms, order)
        return order_copy(order)

    def enter(self, now_ms: int, order: SimOrder) -> None:
        """Accept what a conditional order became, without matching it yet. Raises RequestRefused -5021 or -5022."""
        self._check_time_in_force(order)
        self._floor.enter_order(now_ms, order)

    def match(self, now_ms: int, order: SimOrder) -> None:
        """Walk the book, one fill per level; what it does not hold rests if it may, or expires."""
        floor, market = self._floor, self._floor.markets[order.symbol]
        spec = market.spec
        lots = int(order.remaining / spec.step_size)
        if order.kind == MARKET:
            lots = market.left_of(lots)
        taken = market.take(order.side, lots, self._limit_ticks(order)) if lots else ()
        for ticks, lots in taken:
            book_fill(floor, now_ms, order, lots * spec.step_size, ticks * spec.tick_size)
        if taken:
            floor.record_position(now_ms, order.symbol)
        if not order.status.final and (order.kind == MARKET or order.time_in_force in ("IOC", "FOK")):
            floor.order_changed(now_ms, order, OrderStatus.EXPIRED)
        settle(floor, now_ms, order.symbol)

    def amend(self, now_ms: int, request: AmendOrder) -> SimOrder:
        """Change price and quantity of a resting order; it loses its place and may execute at once.

        Raises:
            RequestRefused: -2013 without such an order, -4014, -4164 ... for the new values, -5027 without a change.
        """
        floor, spec = self._floor, self._floor.spec(request.symbol)
        order = self._open(request.symbol, request.order_id, request.client_id)
        if order is None:
            raise RequestRefused(-2013, "Order does not exist.")
        check_status(spec, closes=order.reduce_only)
        check_price(spec, request.price, "price")
        check_percent_price(floor, order.symbol, order.side, request.price)
        check_quantity(spec, request.quantity)
        if (request.price, request.quantity) == (order.price, order.quantity):
            raise RequestRefused(-5027, "No need to modify the order.")
        if not order.reduce_only:
            check_notional(spec, request.quantity, request.price)
            more = max(ZERO, request.quantity - order.quantity)
            check_exposure(floor, order.symbol, order.side, more, request.price)
        takes = bool(floor.markets[order.symbol].within(order.side, self._ticks(order, request.price)))
        if request.quantity <= order.executed or (order.time_in_force == "GTX" and takes):
            floor.order_changed(now_ms, order, OrderStatus.CANCELED)
        else:
            order.price, order.quantity = request.price, request.quantity
            floor.order_changed(now_ms, order, order.status, execution=AMENDMENT)
            settle(floor, now_ms, order.symbol)  # a reduce-only order is cut to the position before it executes
            if not order.status.final:
                self.match(now_ms, order)
        return order_copy(order)

    def cancel(self, now_ms: int, request: CancelOrderRequest) -> SimOrder:
        """Cancel an open order. Raises RequestRefused -2011 when there is none."""
        order = self._open(request.symbol, request.order_id, request.client_id)
        if order is None:
            raise RequestRefused(-2011, "Unknown order sent.")
        self._floor.order_changed(now_ms, order, OrderStatus.CANCELED)
        settle(self._floor, now_ms, order.symbol)
        return order_copy(order)

    def cancel_all(self, now_ms: int, symbol: str) -> None:
        """Cancel every open order of a symbol."""
        for order in tuple(self._floor.resting(symbol)):
            self._floor.order_changed(now_ms, order, OrderStatus.CANCELED)
        settle(self._floor, now_ms, symbol)

    def _open(self, symbol: str, order_id: int | None, client_id: str | None) -> SimOrder | None:
        self._floor.spec(symbol)
        if order_id is None and client_id is None:
            text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
            raise RequestRefused(-1102, text)
        found = (o for o in self._floor.resting(symbol) if order_id in (None, o.order_id))
        return next((o for o in found if order_id is not None or o.client_id == client_id), None)

    def _limit_ticks(self, order: SimOrder) -> int | None:
        """The worst price an order may take: its own, or for a market order the filter's."""
        limit = order.price or self._floor.markets[order.symbol].percent_limit(order.side)
        return None if limit is None else self._ticks(order, limit)

    def _ticks(self, order: SimOrder, price: Decimal) -> int:
        return self._floor.markets[order.symbol].limit_ticks(order.side, price)

    def _check_time_in_force(self, order: SimOrder) -> None:
        """Raise RequestRefused -5021 or -5022 when the book does not allow what the order insists on."""
        market = self._floor.markets[order.symbol]
        offered = market.within(order.side, self._limit_ticks(order))
        if order.time_in_force == "GTX" and offered:
            raise RequestRefused(-5022, _TAKING)
        lots = sum(lots for _, lots in offered)
        if order.time_in_force == "FOK" and lots * market.spec.step_size < order.quantity:
            raise RequestRefused(-5021, _UNFILLABLE)

    def _checked_quantity(self, request: NewOrder) -> Decimal:
        floor, spec = self._floor, self._floor.spec(request.symbol)
        _check_form(request)
        check_client_id(request.client_id)
        check_position_side(floor, request.position_side)
        check_status(spec, closes=request.reduce_only)
        quantity = check_quantity(spec, request.quantity)
        self._check_price(request)
        resting = floor.resting(request.symbol)
        if any(order.client_id == request.client_id for order in resting):
            raise RequestRefused(-4116, "ClientOrderId is duplicated.")
        if len(resting) >= MAX_ORDERS:
            raise RequestRefused(-2025, "Reach max open order limit.")
        if request.reduce_only:
            return min(quantity, self._reducible(request))
        # Without a price there is no book either: nothing can fill, so there is nothing to value.
        price = request.price or floor.markets[request.symbol].reference(request.side)
        if price is not None:
            check_notional(spec, quantity, price)
            check_exposure(floor, request.symbol, request.side, quantity, price)
        return quantity

    def _check_price(self, request: NewOrder) -> None:
        if request.kind == MARKET:
            check_counterparty(self._floor, request.symbol, request.side)
        else:
            price = check_price(self._floor.spec(request.symbol), request.price, "price")
            check_percent_price(self._floor, request.symbol, request.side, price)

    def _reducible(self, request: NewOrder) -> Decimal:
        """What a reduce-only order may close: a market order all, a limit order what others do not close already."""
        reducible = self._floor.account.position(request.symbol).reducible(request.side)
        if request.kind == LIMIT:
            others = (order.remaining for order in self._floor.resting(request.symbol) if order.reduce_only)
            reducible -= min(reducible, sum(others, ZERO))
        if not reducible:
            raise RequestRefused(-2022, "ReduceOnly Order is rejected.")
        return reducible


def _check_form(request: NewOrder) -> None:
    """Raise RequestRefused when type and parameters do not go together."""
    if not request.kind:
        raise mandatory("type")
    if request.kind in _CONDITIONAL:
        text = "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
        raise RequestRefused(-4120, text)
    if request.kind not in (MARKET, LIMIT):
        raise RequestRefused(-1116, "Invalid orderType.")
    if request.close_position:
        raise RequestRefused(-4136, f"Target strategy invalid for orderType {request.kind},closePosition true")
    if request.kind == MARKET and request.price is not None:
        raise RequestRefused(-1106, "Parameter 'price' sent when not required.")
    if request.kind == MARKET and request.time_in_force is not None:
        raise RequestRefused(-1106, "Parameter 'timeInForce' sent when not required.")
    if request.kind == LIMIT and request.time_in_force is None:
        raise mandatory("timeInForce")
    if request.kind == LIMIT and request.time_in_force not in TIMES_IN_FORCE:
        raise RequestRefused(-1115, "Invalid timeInForce.")


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
        price=request.price or ZERO,
        time_in_force=request.time_in_force or "GTC",
    )
