"""The visible market of one symbol and the walk of an order through its book.

Everything is integer ticks and lots, so nothing is lost by taking part of a level. What an order takes is gone until
the next snapshot replaces the book: a simulated fill must not be better than the liquidity that was there.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from vortex.domain.order import OrderSide
from vortex.sim.core.market import BookEvent, MarkEvent, SymbolSpec, TickLevels, TradeEvent

MARK_PRICE = "MARK_PRICE"
CONTRACT_PRICE = "CONTRACT_PRICE"
WORKING_TYPES = (MARK_PRICE, CONTRACT_PRICE)
MULTIPLIER_UP, MULTIPLIER_DOWN = Decimal("1.05"), Decimal("0.95")
"""PERCENT_PRICE: how far from the mark price a buyer may pay up, a seller may go down."""


def walk(levels: TickLevels, lots: int) -> tuple[TickLevels, TickLevels]:
    """Take up to `lots` from the best level outward. Returns (what was taken per level, what is left of the book)."""
    taken: list[tuple[int, int]] = []
    for index, (ticks, offered) in enumerate(levels):
        if offered >= lots:
            taken.append((ticks, lots))
            rest = ((ticks, offered - lots),) if offered > lots else ()
            return tuple(taken), rest + levels[index + 1 :]
        taken.append((ticks, offered))
        lots -= offered
    return tuple(taken), ()


class SymbolMarket:
    """What the exchange knows of one symbol's market right now; None until the source has said it."""

    def __init__(self, spec: SymbolSpec) -> None:
        self.spec = spec
        self.bids: TickLevels = ()
        self.asks: TickLevels = ()
        self.mark: MarkEvent | None = None
        self.last: TradeEvent | None = None
        self.left_lots: int | None = None
        """What others leave to the next market order."""

    def on_book(self, event: BookEvent) -> None:
        self.bids, self.asks = event.bids, event.asks

    def opposite(self, side: OrderSide) -> TickLevels:
        """The levels that an order of this side takes from."""
        return self.asks if side is OrderSide.BUY else self.bids

    def within(self, side: OrderSide, limit_ticks: int | None) -> TickLevels:
        """Those of them that a limit allows; None is no limit."""
        levels = self.opposite(side)
        if limit_ticks is None:
            return levels
        sign = 1 if side is OrderSide.BUY else -1
        return tuple(level for level in levels if sign * level[0] <= sign * limit_ticks)

    def take(self, side: OrderSide, lots: int, limit_ticks: int | None = None) -> TickLevels:
        """Fill an order of this side from the opposite book and return (ticks, lots) per level taken."""
        allowed = self.within(side, limit_ticks)
        taken, left = walk(allowed, lots)
        left += self.opposite(side)[len(allowed) :]
        if side is OrderSide.BUY:
            self.asks = left
        else:
            self.bids = left
        return taken

    def left_of(self, lots: int) -> int:
        """How much of a market order finds something when others are quicker, which they are once."""
        left, self.left_lots = self.left_lots, None
        return lots if left is None else min(lots, left)

    def limit_ticks(self, side: OrderSide, price: Decimal) -> int:
        """The worst whole tick that a limit price allows."""
        rounding = ROUND_FLOOR if side is OrderSide.BUY else ROUND_CEILING
        return int((price / self.spec.tick_size).to_integral_value(rounding))

    def percent_limit(self, side: OrderSide) -> Decimal | None:
        """The price beyond which the exchange lets nobody trade; None before the first mark price."""
        mark = self.price(MARK_PRICE)
        factor = MULTIPLIER_UP if side is OrderSide.BUY else MULTIPLIER_DOWN
        return None if mark is None else mark * factor

    def price(self, working_type: str) -> Decimal | None:
        """The price that conditional orders of this working type look at."""
        if working_type == MARK_PRICE:
            return self.mark.mark_price if self.mark else None
        return self.last.price_ticks * self.spec.tick_size if self.last else None

    def reference(self, side: OrderSide) -> Decimal | None:
        """The price at which filters and margin value an order: the best opposite price, else mark, else last."""
        levels = self.opposite(side)
        if levels:
            return levels[0][0] * self.spec.tick_size
        return self.price(MARK_PRICE) or self.price(CONTRACT_PRICE)
