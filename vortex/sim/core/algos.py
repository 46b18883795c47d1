"""Conditional orders: they rest until mark or last price crosses, then become an order of the same client id."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.order import ZERO, AlgoStatus, OrderStatus
from vortex.sim.core.checks import (
    MAX_ALGOS,
    TIMES_IN_FORCE,
    check_client_id,
    check_exposure,
    check_notional,
    check_position_side,
    check_price,
    check_quantity,
    check_status,
    mandatory,
)
from vortex.sim.core.events import TriggerRejectPushed
from vortex.sim.core.floor import Floor, algo_copy
from vortex.sim.core.matching import WORKING_TYPES
from vortex.sim.core.orders import LIMIT, MARKET, OrderDesk
from vortex.sim.core.state import algo_open
from vortex.sim.core.triggers import CLOSING_KINDS, KINDS, LIMIT_KINDS, TRAILING_STOP_MARKET, crosses, due
from vortex.sim.core.types import CancelAlgoRequest, NewAlgo, RequestRefused, SimAlgo, SimOrder

MIN_CALLBACK, MAX_CALLBACK = Decimal("0.1"), Decimal(10)
"""Percent."""


class AlgoDesk:
    """Keeps the conditional orders. Refused ones stay on record with their code."""

    def __init__(self, floor: Floor, orders: OrderDesk) -> None:
        self._floor = floor
        self._orders = orders

    def place(self, now_ms: int, request: NewAlgo) -> SimAlgo:
        """Check and rest. Raises RequestRefused with the first rule it breaks."""
        floor, algo = self._floor, _algo(now_ms, request)
        try:
            self._check(request)
        except RequestRefused as refused:
            algo.code = refused.code
            floor.algo_changed(now_ms, algo, AlgoStatus.REJECTED)
            raise
        floor.enter_algo(now_ms, algo)
        return algo_copy(algo)

    def on_price(self, now_ms: int, symbol: str, working_type: str) -> None:
        """Trigger what the newest price of this working type crosses, in order of placement."""
        price = self._floor.markets[symbol].price(working_type)
        if price is None:
            return
        for algo in tuple(self._floor.waiting(symbol)):
            # An earlier one of this round may have closed the position, which ended this one.
            rests = algo.working_type == working_type and algo.status is AlgoStatus.NEW
            if rests and due(algo, price):
                self._trigger(now_ms, algo)
            elif algo.kind == TRAILING_STOP_MARKET:
                self._floor.touch(symbol)  # it may have followed the price

    def cancel(self, now_ms: int, request: CancelAlgoRequest) -> SimAlgo:
        """Cancel a resting order. Raises RequestRefused -2011 when there is none."""
        if request.algo_id is None and request.client_id is None:
            raise RequestRefused(-1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!")
        algo = self._floor.algos.find(request.algo_id, request.client_id)
        if algo is None or not algo_open(algo.status) or algo.child_order_id is not None:
            raise RequestRefused(-2011, "Unknown order sent.")
        self._floor.algo_changed(now_ms, algo, AlgoStatus.CANCELED)
        return algo_copy(algo)

    def cancel_all(self, now_ms: int, symbol: str) -> None:
        """Cancel every conditional order of a symbol that has not become an ordinary one."""
        for algo in tuple(self._floor.waiting(symbol)):
            if algo.child_order_id is None:
                self._floor.algo_changed(now_ms, algo, AlgoStatus.CANCELED)

    def _trigger(self, now_ms: int, algo: SimAlgo) -> None:
        floor = self._floor
        floor.algo_changed(now_ms, algo, AlgoStatus.TRIGGERING)
        try:
            child = _child(now_ms, algo, self._child_quantity(algo))
            self._orders.enter(now_ms, child)
        except RequestRefused as refused:
            self._reject(now_ms, algo, refused)
            return
        algo.child_order_id = child.order_id
        floor.algo_changed(now_ms, algo, AlgoStatus.TRIGGERED)
        self._orders.match(now_ms, child)

    def _reject(self, now_ms: int, algo: SimAlgo, refused: RequestRefused) -> None:
        algo.code = refused.code
        self._floor.algo_changed(now_ms, algo, AlgoStatus.REJECTED, refused.message)
        if algo.algo_id is not None:
            reject = TriggerRejectPushed(ts_ms=now_ms, symbol=algo.symbol, algo_id=algo.algo_id, reason=refused.message)
            self._floor.events.append(reject)

    def _child_quantity(self, algo: SimAlgo) -> Decimal:
        if algo.doomed:
            raise RequestRefused(-2010, "NEW_ORDER_REJECTED")
        reducible = self._floor.account.position(algo.symbol).reducible(algo.side)
        if algo.close_position:
            return reducible
        if algo.reduce_only:
            if not reducible:
                raise RequestRefused(-2022, "Reduce Only reject")
            return min(algo.quantity, reducible)
        price = algo.price or self._floor.markets[algo.symbol].reference(algo.side)
        if price is not None:
            check_exposure(self._floor, algo.symbol, algo.side, algo.quantity, price)
        return algo.quantity

    def _check(self, request: NewAlgo) -> None:
        floor, spec = self._floor, self._floor.spec(request.symbol)
        if request.kind not in KINDS:
            raise RequestRefused(-1116, "Invalid orderType.")
        if request.working_type not in WORKING_TYPES:
            raise mandatory("workingType")
        check_client_id(request.client_id)
        check_position_side(floor, request.position_side)
        check_status(spec, closes=request.reduce_only or request.close_position)
        self._check_prices(request)
        newest = floor.algos.find(None, request.client_id)
        if newest is not None and algo_open(newest.status):
            raise RequestRefused(-4116, "ClientOrderId is duplicated.")
        if len(floor.waiting(request.symbol)) >= MAX_ALGOS:
            raise RequestRefused(-4045, "Reach max stop order limit.")
        if request.close_position:
            self._check_close_position(request)
        else:
            quantity = check_quantity(spec, request.quantity)
            value_at = request.price or request.trigger_price or floor.markets[request.symbol].reference(request.side)
            if not request.reduce_only and value_at is not None:
                check_notional(spec, quantity, value_at)
        self._check_trigger(request)

    def _check_prices(self, request: NewAlgo) -> None:
        spec = self._floor.spec(request.symbol)
        if request.kind == TRAILING_STOP_MARKET:
            if request.callback_rate is None:
                raise mandatory("callbackRate")
            if not MIN_CALLBACK <= request.callback_rate <= MAX_CALLBACK:
                raise RequestRefused(-2007, "Invalid callBack rate.")
            if request.activation_price is not None:
                check_price(spec, request.activation_price, "activatePrice")
            return
        check_price(spec, request.trigger_price)
        if request.kind in LIMIT_KINDS:
            check_price(spec, request.price, "price")
            if request.time_in_force not in (None, *TIMES_IN_FORCE):
                raise RequestRefused(-1115, "Invalid timeInForce.")
        elif request.price is not None:
            raise RequestRefused(-1106, "Parameter 'price' sent when not required.")

    def _check_trigger(self, request: NewAlgo) -> None:
        price = self._floor.markets[request.symbol].price(request.working_type)
        if price is None or request.trigger_price is None:
            return
        if crosses(request.kind, request.side, request.trigger_price, price):
            raise RequestRefused(-2021, "Order would immediately trigger.")

    def _check_close_position(self, request: NewAlgo) -> None:
        if request.kind not in CLOSING_KINDS:
            raise RequestRefused(-4136, f"Target strategy invalid for orderType {request.kind},closePosition true")
        if request.quantity is not None:
            raise RequestRefused(-4137, "Quantity must be zero with closePosition equals true")
        if request.side is not self._floor.account.position(request.symbol).closing_side:
            text = "Time in Force (TIF) GTE can only be used with open positions."
            raise RequestRefused(-4509, f"{text} Please ensure that positions are available.")
        for algo in self._floor.waiting(request.symbol):
            same = algo.kind == request.kind and algo.side is request.side and algo.status is AlgoStatus.NEW
            if algo.close_position and same:
                text = "An open stop or take profit order with GTE and closePosition in the direction is existing."
                raise RequestRefused(-4130, text)


def _algo(now_ms: int, request: NewAlgo) -> SimAlgo:
    return SimAlgo(
        algo_id=None,
        client_id=request.client_id,
        symbol=request.symbol,
        side=request.side,
        kind=str(request.kind),
        quantity=request.quantity or ZERO,
        trigger_price=request.trigger_price or ZERO,
        working_type=request.working_type,
        reduce_only=request.reduce_only or request.close_position,
        close_position=request.close_position,
        status=AlgoStatus.NEW,
        received_ms=now_ms,
        updated_ms=now_ms,
        price=request.price or ZERO,
        time_in_force=request.time_in_force or "GTC",
        callback_rate=request.callback_rate,
        activation_price=request.activation_price,
    )


def _child(now_ms: int, algo: SimAlgo, quantity: Decimal) -> SimOrder:
    return SimOrder(
        order_id=None,
        client_id=algo.client_id,
        symbol=algo.symbol,
        side=algo.side,
        kind=LIMIT if algo.kind in LIMIT_KINDS else MARKET,
        quantity=quantity,
        reduce_only=algo.reduce_only,
        close_position=algo.close_position,
        status=OrderStatus.NEW,
        received_ms=now_ms,
        updated_ms=now_ms,
        price=algo.price,
        time_in_force=algo.time_in_force,
        algo_id=algo.algo_id,
    )
