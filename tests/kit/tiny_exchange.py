"""The smallest honest exchange: one symbol, market orders that execute, conditional orders that rest.

It is no model of prices. It keeps what it accepted, tells it as events, answers for it later, and can be asked for what
it was some time ago, as a lagging replica would.
"""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

import msgspec

from tests.domain.money_builders import SYMBOL
from tests.kit.builders import SETUP
from vortex.domain.order import (
    ZERO,
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    ExchangeRequest,
    Fill,
    FundingState,
    OrderReport,
    OrderRole,
    OrderSide,
    OrderStatus,
    Outcome,
    PlaceOrder,
    PositionReport,
    PositionsState,
    PrepareSymbol,
    QueryFunding,
    QueryOrder,
    QueryPositions,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolState,
    Unknown,
)

PRICE = Decimal(60_000)
STUCK_MS = 3_000
"""A stop may be triggering for this long and still count as protection."""
SIGN = {OrderSide.BUY: 1, OrderSide.SELL: -1}


class _Past(msgspec.Struct, frozen=True):
    """What could be read from some moment on."""

    ts_ms: int
    state: SymbolState
    orders: dict[str, OrderReport]
    algos: dict[str, AlgoReport]


class TinyExchange:
    """Applies requests at `now_ms`, which its owner moves.

    Attributes:
        ours: What of the position our entries opened and nobody has closed yet.
        events: What the user stream would carry, oldest first; its owner takes it away.
        sent: How often each client id was received in an order.
        largest: The largest position there ever was.
        blank_until_ms: Until then it does not know its own state: it lists nothing, and no position either.
    """

    def __init__(self, now_ms: int, *, leverage: int = 10) -> None:
        self.now_ms = now_ms
        self.position = ZERO
        self.ours = ZERO
        self.leverage = leverage
        self.orders: dict[str, OrderReport] = {}
        self.algos: dict[str, AlgoReport] = {}
        self.fills: list[Fill] = []
        self.events: list[OrderReport | AlgoReport] = []
        self.sent: Counter[str] = Counter()
        self.largest = ZERO
        self.blank_until_ms = 0
        self._numbers = 0
        self._slow: dict[str, Decimal] = {}
        self._past: list[_Past] = []
        self._keep()

    # -------------------------------------------------------------------------------------------------- what is true

    @property
    def resting(self) -> list[AlgoReport]:
        """Conditional orders that wait for their price."""
        return [algo for algo in self.algos.values() if algo.status is AlgoStatus.NEW]

    def protected(self) -> bool:
        """True while a stop works for what is ours of the position, or fires for less than 3 s."""
        closing = OrderSide.SELL if self.ours > 0 else OrderSide.BUY
        stops = [a for a in self.algos.values() if a.client_id.endswith(OrderRole.STOP) and a.side is closing]
        firing = (AlgoStatus.TRIGGERING, AlgoStatus.TRIGGERED)
        return any(
            stop.status is AlgoStatus.NEW or (stop.status in firing and self.now_ms - stop.ts_ms < STUCK_MS)
            for stop in stops
        )

    # ----------------------------------------------------------------------------------------------------- requests

    def apply(  # noqa: PLR0911  # one line per kind of request
        self, request: ExchangeRequest, *, share: str = "1", slow: bool = False, lag_ms: int = 0
    ) -> Outcome:
        """Do what is asked; a market order executes this share of itself, a query sees the past.

        The rest of a slow order executes when `complete` is called; of any other one it expires.
        """
        match request:
            case PlaceOrder() if request.kind.conditional:
                self.sent[request.client_id] += 1
                return self._conditional(request)
            case PlaceOrder():
                self.sent[request.client_id] += 1
                return self._market(request, Decimal(share), slow=slow)
            case CancelOrder():
                return self._cancel(request.client_id)
            case QueryOrder():
                return self._find(request, self._seen(lag_ms))
            case QuerySymbol() if self.now_ms < self.blank_until_ms:
                return self._blank()
            case QuerySymbol():
                return Done(value=_asked_for(request, self._seen(lag_ms).state))
            case QueryFunding():
                return Done(value=FundingState(symbol=SYMBOL, payments=0, amount_usdt=ZERO))
            case QueryPositions():
                position = self._seen(lag_ms).state.position
                return Done(value=PositionsState(ts_ms=self.now_ms, positions=(position,) if position.amount else ()))
            case SetLeverage():
                self.leverage = request.leverage
                self._keep()
        return Done(value=SETUP if isinstance(request, PrepareSymbol) else self.leverage)

    def _market(self, order: PlaceOrder, share: Decimal, *, slow: bool) -> Outcome:
        sign, wanted = SIGN[order.side], order.quantity or ZERO
        if order.reduce_only:
            if self.position * sign >= 0:
                return Refused(code=-2022, text="ReduceOnly Order is rejected.")
            wanted = min(wanted, abs(self.position))
        executed = wanted * share
        report = self._new(order.client_id, order.side)
        self._report(report)
        if slow and executed < wanted:
            self._slow[order.client_id] = wanted - executed
            return Done(value=self._execute(report, executed, final=None))
        return Done(value=self._execute(report, executed, final=_end(executed, wanted)))

    def complete(self, client_id: str) -> None:
        """Execute the rest of a slow order, as far as it may."""
        order, rest = self.orders[client_id], self._slow.pop(client_id, ZERO)
        sign = SIGN[order.side]
        if client_id.endswith(OrderRole.EXIT):
            rest = min(rest, max(-sign * self.position, ZERO))
        if not order.status.final:
            self._execute(order, rest, final=OrderStatus.FILLED if rest else OrderStatus.EXPIRED)

    def _new(self, client_id: str, side: OrderSide, order_id: int | None = None) -> OrderReport:
        if order_id is None:
            self._numbers += 1
            order_id = self._numbers
        return OrderReport(
            symbol=SYMBOL, client_id=client_id, order_id=order_id, side=side, status=OrderStatus.NEW,
            executed_quantity=ZERO, average_price=ZERO, ts_ms=self.now_ms,
        )  # fmt: skip

    def _execute(self, order: OrderReport, executed: Decimal, *, final: OrderStatus | None) -> OrderReport:
        """Fill in two parts, as a book does; returns the order's state, which need not be final yet."""
        before = order.executed_quantity
        for done in (executed / 2, executed) if executed else ():
            order = msgspec.structs.replace(
                order, status=OrderStatus.PARTIALLY_FILLED, executed_quantity=before + done, average_price=PRICE
            )
            filled = done == executed and final is OrderStatus.FILLED
            order = msgspec.structs.replace(order, status=OrderStatus.FILLED) if filled else order
            self._report(order, self._fill(order, executed / 2))
        if final is not None and not order.status.final:
            order = msgspec.structs.replace(order, status=final)
            self._report(order)
        return order

    def _fill(self, order: OrderReport, quantity: Decimal) -> Fill:
        self._numbers += 1
        fill = Fill(
            fill_id=self._numbers, order_id=order.order_id, client_id=order.client_id, symbol=SYMBOL, side=order.side,
            quantity=quantity, price=PRICE, commission=ZERO, commission_asset="USDT", realized_pnl=ZERO, maker=False,
            ts_ms=self.now_ms,
        )  # fmt: skip
        self.fills.append(fill)
        change = SIGN[order.side] * quantity
        self.position += change
        if order.client_id.startswith("v7-") and order.client_id.endswith(OrderRole.ENTRY):
            self.ours += change
        elif self.ours * change < 0:
            self.ours = max(self.ours + change, ZERO) if change < 0 else min(self.ours + change, ZERO)
        self.largest = max(self.largest, abs(self.position))
        return fill

    def _report(self, order: OrderReport, fill: Fill | None = None) -> None:
        self.orders[order.client_id] = order
        self.events.append(msgspec.structs.replace(order, fill=fill))
        self._keep()

    def _conditional(self, order: PlaceOrder) -> Outcome:
        if order.close_position and self.position * SIGN[order.side] >= 0:
            return Refused(code=-4509, text="There is no position to close.")
        if order.close_position and any(
            resting.kind is order.kind and resting.side is order.side for resting in self.resting
        ):
            return Refused(code=-4130, text="An open stop order with closePosition is existing.")
        self._numbers += 1
        report = AlgoReport(
            symbol=SYMBOL, client_id=order.client_id, algo_id=self._numbers, side=order.side, kind=order.kind,
            status=AlgoStatus.NEW, trigger_price=order.trigger_price or ZERO, quantity=order.quantity or ZERO,
            close_position=order.close_position, ts_ms=self.now_ms,
        )  # fmt: skip
        return Done(value=self._become(report, AlgoStatus.NEW))

    def _cancel(self, client_id: str) -> Outcome:
        if self._slow.pop(client_id, None) is not None:
            order = msgspec.structs.replace(self.orders[client_id], status=OrderStatus.CANCELED)
            self._report(order)
            return Done(value=order)
        algo = self.algos.get(client_id)
        if algo is None or algo.status is not AlgoStatus.NEW:
            return Refused(code=-2011, text="Unknown order sent.")
        self._become(algo, AlgoStatus.CANCELED)
        return Done()

    def _find(self, query: QueryOrder, past: _Past) -> Outcome:
        found = past.algos.get(query.client_id) if query.conditional else past.orders.get(query.client_id)
        return Refused(code=-2013, text="Order does not exist.") if found is None else Done(value=found)

    # ------------------------------------------------------------------------------------------- market and a person

    def fire(self, client_id: str, *, stuck: bool = False) -> None:
        """The price reaches a resting conditional order; a stuck one goes no further than triggering."""
        algo = self._become(self.algos[client_id], AlgoStatus.TRIGGERING)
        if stuck:
            return
        self._numbers += 1
        child = msgspec.structs.replace(algo, child_order_id=self._numbers)
        child = self._become(child, AlgoStatus.TRIGGERED)
        if self.position * SIGN[algo.side] < 0:
            order = self._new(client_id, algo.side, child.child_order_id)
            self._execute(order, abs(self.position), final=OrderStatus.FILLED)
        self._become(child, AlgoStatus.FINISHED)

    def reject(self, client_id: str) -> None:
        """The price reaches a resting conditional order, and what it becomes is refused."""
        self._become(self._become(self.algos[client_id], AlgoStatus.TRIGGERING), AlgoStatus.REJECTED)

    def lose(self, client_id: str) -> None:
        """A resting conditional order is gone, and nobody says so."""
        del self.algos[client_id]
        self._keep()

    def by_another(self, client_id: str, quantity: Decimal, *, opening: bool = False) -> None:
        """An order that is not ours, of a person or of the exchange itself, reduces the position or adds to it."""
        long = self.position > 0
        side = OrderSide.BUY if long is opening else OrderSide.SELL
        self._execute(self._new(client_id, side), quantity, final=OrderStatus.FILLED)

    def cancelled_by_a_person(self, client_id: str) -> None:
        """A resting order is cancelled in the exchange's own app."""
        self._become(self.algos[client_id], AlgoStatus.CANCELED)

    def _become(self, algo: AlgoReport, status: AlgoStatus) -> AlgoReport:
        algo = msgspec.structs.replace(algo, status=status, ts_ms=self.now_ms)
        self.algos[algo.client_id] = algo
        self.events.append(algo)
        self._keep()
        return algo

    # ------------------------------------------------------------------------------------------------------- the past

    def _keep(self) -> None:
        position = PositionReport(
            symbol=SYMBOL, amount=self.position, entry_price=PRICE, mark_price=PRICE, leverage=self.leverage
        )
        working = tuple(order for order in self.orders.values() if not order.status.final)
        state = SymbolState(
            symbol=SYMBOL, ts_ms=self.now_ms, position=position, orders=working, algos=tuple(self.resting),
            fills=tuple(self.fills),
        )  # fmt: skip
        self._past.append(_Past(self.now_ms, state, dict(self.orders), dict(self.algos)))

    def _blank(self) -> Outcome:
        """Nothing anywhere: no row at all, which an adapter cannot read, or a row that says zero."""
        if self.now_ms % 2:
            return Unknown(text=f"positionRisk has no row for {SYMBOL}")
        nothing = PositionReport(symbol=SYMBOL, amount=ZERO, entry_price=ZERO, leverage=self.leverage)
        return Done(
            value=SymbolState(symbol=SYMBOL, ts_ms=self.now_ms, position=nothing, orders=(), algos=(), fills=())
        )

    def _seen(self, lag_ms: int) -> _Past:
        """The newest truth that is at least this old."""
        until_ms = self.now_ms - lag_ms
        return next((past for past in reversed(self._past) if past.ts_ms <= until_ms), self._past[0])


def _asked_for(request: QuerySymbol, state: SymbolState) -> SymbolState:
    after, from_ms = request.after_fill_id, request.fills_since_ms
    fills = [fill for fill in state.fills if (fill.ts_ms >= from_ms if after is None else fill.fill_id > after)]
    return msgspec.structs.replace(state, fills=tuple(fills))


def _end(executed: Decimal, wanted: Decimal) -> OrderStatus:
    return OrderStatus.FILLED if executed == wanted else OrderStatus.EXPIRED
