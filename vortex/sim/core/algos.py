"""Conditional orders: they rest until mark or last price crosses, then become a market order of the same client id."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.order import ZERO, AlgoStatus, OrderKind, OrderSide, OrderStatus
from vortex.sim.core.checks import (
    check_client_id,
    check_exposure,
    check_notional,
    check_price,
    check_quantity,
    mandatory,
)
from vortex.sim.core.floor import Floor, algo_copy, algo_open
from vortex.sim.core.matching import WORKING_TYPES
from vortex.sim.core.orders import OrderDesk
from vortex.sim.core.types import (
    CancelAlgoRequest,
    FindAlgo,
    ListAlgos,
    NewAlgo,
    RequestRefused,
    SimAlgo,
    SimOrder,
)


def crosses(kind: OrderKind, side: OrderSide, trigger: Decimal, price: Decimal) -> bool:
    """True when a conditional order triggers at this price: stops against the holder, take-profits in his favour."""
    falls = (kind is OrderKind.STOP_MARKET) is (side is OrderSide.SELL)
    return price <= trigger if falls else price >= trigger


class AlgoDesk:
    """Keeps the conditional orders. Refused ones stay on record with their code."""

    def __init__(self, floor: Floor, orders: OrderDesk) -> None:
        self._floor = floor
        self._orders = orders

    def place(self, now_ms: int, request: NewAlgo) -> SimAlgo:
        """Check and rest. Raises RequestRefused with the first rule it breaks."""
        floor = self._floor
        algo = SimAlgo(
            algo_id=None,
            client_id=request.client_id,
            symbol=request.symbol,
            side=request.side,
            kind=request.kind,
            quantity=request.quantity or ZERO,
            trigger_price=request.trigger_price,
            working_type=request.working_type,
            reduce_only=request.reduce_only or request.close_position,
            close_position=request.close_position,
            status=AlgoStatus.NEW,
            received_ms=now_ms,
            updated_ms=now_ms,
        )
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
        for algo in tuple(self._floor.open_algos[symbol]):
            # An earlier one of this round may have closed the position, which ended this one.
            due = algo.working_type == working_type and algo.status is AlgoStatus.NEW
            if due and crosses(algo.kind, algo.side, algo.trigger_price, price):
                self._trigger(now_ms, algo)

    def expire_orphans(self, now_ms: int, symbol: str) -> None:
        """End the resting close-position orders that have no position to close any more."""
        closing = self._floor.account.position(symbol).closing_side
        for algo in tuple(self._floor.open_algos[symbol]):
            if algo.close_position and algo.status is AlgoStatus.NEW and algo.side is not closing:
                self._floor.algo_changed(now_ms, algo, AlgoStatus.EXPIRED, "Position closed")

    def cancel(self, now_ms: int, request: CancelAlgoRequest) -> SimAlgo:
        """Cancel a resting order. Raises RequestRefused -2011 when there is none."""
        algo = self._lookup(request)
        if algo is None or not algo_open(algo.status):
            raise RequestRefused(-2011, "Unknown order sent.")
        self._floor.algo_changed(now_ms, algo, AlgoStatus.CANCELED)
        return algo_copy(algo)

    def find(self, request: FindAlgo) -> SimAlgo:
        """The conditional order, the newest one of that client id. Raises RequestRefused -2013 when there is none."""
        algo = self._lookup(request)
        if algo is None:
            raise RequestRefused(-2013, "Order does not exist.")
        return algo_copy(algo)

    def list_open(self, request: ListAlgos) -> list[SimAlgo]:
        """Open conditional orders of one symbol or all."""
        if request.symbol is not None:
            self._floor.spec(request.symbol)
        symbols = self._floor.specs if request.symbol is None else (request.symbol,)
        return [algo_copy(algo) for symbol in symbols for algo in self._floor.open_algos[symbol]]

    def _lookup(self, request: FindAlgo | CancelAlgoRequest) -> SimAlgo | None:
        if request.algo_id is None and request.client_id is None:
            raise RequestRefused(-1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!")
        return self._floor.history.algos.find(request.algo_id, request.client_id)

    def _trigger(self, now_ms: int, algo: SimAlgo) -> None:
        floor = self._floor
        floor.algo_changed(now_ms, algo, AlgoStatus.TRIGGERING)
        try:
            quantity = self._child_quantity(algo)
        except RequestRefused as refused:
            algo.code = refused.code
            floor.algo_changed(now_ms, algo, AlgoStatus.REJECTED, refused.message)
            return
        child = _child(now_ms, algo, quantity)
        floor.enter_order(now_ms, child)
        algo.child_order_id = child.order_id
        floor.algo_changed(now_ms, algo, AlgoStatus.TRIGGERED)
        self._orders.match(now_ms, child)
        algo.executed, algo.quote = child.executed, child.quote
        self.expire_orphans(now_ms, algo.symbol)
        floor.algo_changed(now_ms, algo, AlgoStatus.FINISHED)

    def _child_quantity(self, algo: SimAlgo) -> Decimal:
        reducible = self._floor.account.position(algo.symbol).reducible(algo.side)
        if algo.close_position:
            return reducible
        if algo.reduce_only:
            if not reducible:
                raise RequestRefused(-2022, "Reduce Only reject")
            return min(algo.quantity, reducible)
        price = self._floor.markets[algo.symbol].reference(algo.side)
        if price is not None:
            check_exposure(self._floor, algo.symbol, algo.side, algo.quantity, price)
        return algo.quantity

    def _check(self, request: NewAlgo) -> None:
        floor, spec = self._floor, self._floor.spec(request.symbol)
        if not request.kind.conditional:
            raise RequestRefused(-1116, "Invalid orderType.")
        if request.working_type not in WORKING_TYPES:
            raise mandatory("workingType")
        check_client_id(request.client_id)
        check_price(spec, request.trigger_price)
        newest = floor.history.algos.find(None, request.client_id)
        if newest is not None and algo_open(newest.status):
            raise RequestRefused(-4116, "ClientOrderId is duplicated.")
        if request.close_position:
            self._check_close_position(request)
        else:
            quantity = check_quantity(spec, request.quantity)
            if not request.reduce_only:
                check_notional(spec, quantity, request.trigger_price)
        price = floor.markets[request.symbol].price(request.working_type)
        if price is not None and crosses(request.kind, request.side, request.trigger_price, price):
            raise RequestRefused(-2021, "Order would immediately trigger.")

    def _check_close_position(self, request: NewAlgo) -> None:
        if request.quantity is not None:
            raise RequestRefused(-4137, "Quantity must be zero with closePosition equals true")
        if request.side is not self._floor.account.position(request.symbol).closing_side:
            text = "Time in Force (TIF) GTE can only be used with open positions."
            raise RequestRefused(-4509, f"{text} Please ensure that positions are available.")
        for algo in self._floor.open_algos[request.symbol]:
            if algo.close_position and algo.kind is request.kind and algo.side is request.side:
                text = "An open stop or take profit order with GTE and closePosition in the direction is existing."
                raise RequestRefused(-4130, text)


def _child(now_ms: int, algo: SimAlgo, quantity: Decimal) -> SimOrder:
    return SimOrder(
        order_id=None,
        client_id=algo.client_id,
        symbol=algo.symbol,
        side=algo.side,
        kind=OrderKind.MARKET.value,
        quantity=quantity,
        reduce_only=algo.reduce_only,
        close_position=algo.close_position,
        status=OrderStatus.NEW,
        received_ms=now_ms,
        updated_ms=now_ms,
    )
