"""What taking a quantity out of a book costs."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.market import Levels
from vortex.domain.money import exact
from vortex.domain.order import ZERO


def walk(levels: Levels, quantity: Decimal) -> Decimal | None:
    """Return the average price of taking `quantity` > 0 from the best level on; None when the levels do not hold it."""
    if quantity <= 0:
        raise ValueError(f"a depth walk needs a positive quantity, not {quantity}")
    left, cost = quantity, ZERO
    for price, available in levels:
        taken = min(left, exact(available))
        cost += taken * exact(price)
        left -= taken
        if left == 0:
            return cost / quantity
    return None


def visible(levels: Levels) -> Decimal:
    """Return the quantity of all levels, base units."""
    return sum((exact(quantity) for _, quantity in levels), ZERO)
