"""What the exchange does to a position by itself: margin call, liquidation, auto-deleveraging."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.money import STORED, ceil_to, floor_to
from vortex.domain.order import ZERO, OrderStatus
from vortex.sim.core.account import Position
from vortex.sim.core.algos import AlgoDesk
from vortex.sim.core.events import MarginCallPushed
from vortex.sim.core.executions import book_fill, settle
from vortex.sim.core.floor import Floor
from vortex.sim.core.margin import bankruptcy_price, liquidation_price, maintenance_usdt
from vortex.sim.core.orders import OrderDesk
from vortex.sim.core.types import SimOrder

LIQUIDATION_FEE = Decimal("0.0125")
"""Of the notional, as far as the margin holds it: exchangeInfo's liquidationFee."""
MARGIN_CALL_RATIO = Decimal("0.8")
"""Maintenance margin over margin from which the exchange warns."""
ADL_CLIENT_ID = "adl_autoclose"


class Liquidator:
    """Looks at a position with every mark price."""

    def __init__(self, floor: Floor, orders: OrderDesk, algos: AlgoDesk) -> None:
        self._floor = floor
        self._orders = orders
        self._algos = algos

    def on_mark(self, now_ms: int, symbol: str, mark_price: Decimal) -> None:
        """Liquidate a position at or beyond its liquidation price, warn of one that comes near it."""
        position = self._floor.account.positions.get(symbol)
        if position is None or not position.amount:
            return
        limit = liquidation_price(self._floor.specs[symbol].tiers, position)
        if limit is not None and (mark_price <= limit if position.amount > ZERO else mark_price >= limit):
            self._liquidate(now_ms, position)
        else:
            self._warn(now_ms, position, mark_price)

    def deleverage(self, now_ms: int, symbol: str, quantity: Decimal) -> None:
        """Close a part of a position at the mark price (at its entry before the first one), against nobody's book."""
        floor, position = self._floor, self._floor.account.position(symbol)
        price = floor.position_view(position).mark_price
        order = self._order(now_ms, position, ADL_CLIENT_ID, quantity, price)
        book_fill(floor, now_ms, order, quantity, price, fee_usdt=quantity * price * floor.taker_fee)
        floor.record_position(now_ms, symbol)
        floor.record(
            now_ms, symbol, "ADL", {"client_id": order.client_id, "qty": f"{quantity:f}", "price": f"{price:f}"}
        )
        settle(floor, now_ms, symbol)

    def _liquidate(self, now_ms: int, position: Position) -> None:
        """Cancel the symbol's orders, sell what the book takes above bankruptcy, the rest to the insurance fund."""
        floor, symbol, market = self._floor, position.symbol, self._floor.markets[position.symbol]
        self._orders.cancel_all(now_ms, symbol)
        self._algos.cancel_all(now_ms, symbol)
        spec, quantity, price = market.spec, abs(position.amount), self._worst_price(position)
        client_id = f"autoclose-{floor.account.last_order_id + 1}"
        order = self._order(now_ms, position, client_id, quantity, price)
        limit_ticks = market.limit_ticks(order.side, price)
        for ticks, lots in market.take(order.side, int(quantity / spec.step_size), limit_ticks):
            self._fill(now_ms, order, position, lots * spec.step_size, ticks * spec.tick_size)
        if order.remaining:
            self._fill(now_ms, order, position, order.remaining, price)
        floor.record_position(now_ms, symbol)
        detail = {"client_id": client_id, "qty": f"{quantity:f}", "bankruptcy_price": f"{price:f}"}
        floor.record(now_ms, symbol, "LIQUIDATION", detail)
        settle(floor, now_ms, symbol)

    def _fill(self, now_ms: int, order: SimOrder, position: Position, quantity: Decimal, price: Decimal) -> None:
        """Execute, with the liquidation fee as far as this part of the margin is left: never a loss beyond it."""
        direction = position.side.sign
        margin = position.isolated_wallet * quantity / abs(position.amount)
        left = margin + direction * quantity * (price - position.entry_price)
        fee = floor_to(min(quantity * price * LIQUIDATION_FEE, max(ZERO, left)), STORED)
        book_fill(self._floor, now_ms, order, quantity, price, fee_usdt=fee)

    def _worst_price(self, position: Position) -> Decimal:
        """The last whole tick at which the margin still covers the loss."""
        tick = self._floor.markets[position.symbol].spec.tick_size
        price = bankruptcy_price(position)
        return max(tick, ceil_to(price, tick) if position.amount > ZERO else floor_to(price, tick))

    def _order(self, now_ms: int, position: Position, client_id: str, quantity: Decimal, price: Decimal) -> SimOrder:
        order = SimOrder(
            order_id=None,
            client_id=client_id,
            symbol=position.symbol,
            side=position.side.closing,
            kind="LIQUIDATION",
            quantity=quantity,
            reduce_only=False,
            close_position=False,
            status=OrderStatus.NEW,
            received_ms=now_ms,
            updated_ms=now_ms,
            price=price,
            time_in_force="IOC",
        )
        self._floor.enter_order(now_ms, order)
        return order

    def _warn(self, now_ms: int, position: Position, mark_price: Decimal) -> None:
        """Say once that the margin is nearly used up; again only after it was not."""
        view = self._floor.position_view(position)
        tiers = self._floor.specs[position.symbol].tiers
        maintenance = maintenance_usdt(tiers, abs(position.amount) * mark_price)
        margin = position.isolated_wallet + view.unrealized_pnl
        near = maintenance >= margin * MARGIN_CALL_RATIO
        if near and not position.warned:
            self._floor.events.append(MarginCallPushed(ts_ms=now_ms, position=view, maintenance=maintenance))
        position.warned = near
