"""The visible market of one symbol and the walk of a market order through its book.

Everything is integer ticks and lots, so nothing is lost by taking part of a level. What an order takes is gone until
the next snapshot replaces the book: a simulated fill must not be better than the liquidity that was there.
"""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.order import OrderSide
from vortex.sim.core.market import BookEvent, MarkEvent, SymbolSpec, TickLevels, TradeEvent

MARK_PRICE = "MARK_PRICE"
CONTRACT_PRICE = "CONTRACT_PRICE"
WORKING_TYPES = (MARK_PRICE, CONTRACT_PRICE)


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

    def on_book(self, event: BookEvent) -> None:
        self.bids, self.asks = event.bids, event.asks

    def take(self, side: OrderSide, lots: int) -> TickLevels:
        """Fill a market order of this side from the opposite book and return (ticks, lots) per level taken."""
        if side is OrderSide.BUY:
            taken, self.asks = walk(self.asks, lots)
        else:
            taken, self.bids = walk(self.bids, lots)
        return taken

    def price(self, working_type: str) -> Decimal | None:
        """The price that conditional orders of this working type look at."""
        if working_type == MARK_PRICE:
            return self.mark.mark_price if self.mark else None
        return self.last.price_ticks * self.spec.tick_size if self.last else None

    def reference(self, side: OrderSide) -> Decimal | None:
        """The price at which filters and margin value an order: the best opposite price, else mark, else last."""
        levels = self.asks if side is OrderSide.BUY else self.bids
        if levels:
            return levels[0][0] * self.spec.tick_size
        return self.price(MARK_PRICE) or self.price(CONTRACT_PRICE)
