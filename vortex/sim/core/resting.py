"""When resting limit orders execute: never better than a real queue would let them.

They are not part of the visible book, so nobody knows what stands before them. They execute, as maker and at their own
price, when a later book crosses them (up to what its crossing levels offer), or a trade goes through their price (up to
its quantity). A trade at their price, where others stood first, does not execute them. The better price comes first,
then the older order.
"""

from __future__ import annotations

from vortex.domain.order import OrderSide
from vortex.sim.core.executions import book_fill, settle
from vortex.sim.core.floor import Floor
from vortex.sim.core.market import TradeEvent
from vortex.sim.core.types import SimOrder


def fill_by_book(floor: Floor, now_ms: int, symbol: str) -> None:
    """Execute what the present book crosses; what is taken is gone from it."""
    market = floor.markets[symbol]
    for order in _by_price(floor, symbol):
        if not order.status.final:  # one before it may have ended it
            lots = int(order.remaining / market.spec.step_size)
            taken = market.take(order.side, lots, market.limit_ticks(order.side, order.price))
            _fill(floor, now_ms, order, sum(lots for _, lots in taken))


def fill_by_trade(floor: Floor, event: TradeEvent) -> None:
    """Execute what a trade went through, on the side that its taker met."""
    market = floor.markets[event.symbol]
    side, sign = (OrderSide.BUY, 1) if event.buyer_is_maker else (OrderSide.SELL, -1)
    left = event.quantity_lots
    for order in _by_price(floor, event.symbol):
        limit_ticks = market.limit_ticks(order.side, order.price)
        if not order.status.final and order.side is side and sign * event.price_ticks < sign * limit_ticks:
            lots = min(left, int(order.remaining / market.spec.step_size))
            left -= lots
            _fill(floor, event.ts_ms, order, lots)


def _by_price(floor: Floor, symbol: str) -> list[SimOrder]:
    """Buys from the highest price down, sells from the lowest up, equal ones in order of arrival."""
    return sorted(floor.resting(symbol), key=lambda o: -o.price if o.side is OrderSide.BUY else o.price)


def _fill(floor: Floor, now_ms: int, order: SimOrder, lots: int) -> None:
    if lots:
        book_fill(floor, now_ms, order, lots * floor.markets[order.symbol].spec.step_size, order.price, maker=True)
        floor.record_position(now_ms, order.symbol)
        settle(floor, now_ms, order.symbol)
