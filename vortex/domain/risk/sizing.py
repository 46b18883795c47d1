"""How much to trade: a fixed share of equity at risk, shrunk by caps, floored to the exchange's step."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec import Struct

from vortex.domain.market import SymbolRules
from vortex.domain.money import ceil_to, floor_to
from vortex.domain.order import ZERO


class Size(Struct, frozen=True, kw_only=True):
    """A quantity on the step grid and the name of the cap that shrank it, if one did."""

    quantity: Decimal
    capped_by: str | None = None


def risk_quantity(risk_usdt: Decimal, unit_loss: Decimal) -> Decimal:
    """Return the quantity that loses `risk_usdt` when each unit loses `unit_loss` > 0; leverage never enters it."""
    return risk_usdt / unit_loss


def fit(quantity: Decimal, caps: Mapping[str, Decimal], step_size: Decimal) -> Size:
    """Shrink to the tightest cap (quantities by name; a negative one is 0) and floor to the step; never round up."""
    name, cap = min(caps.items(), key=lambda item: item[1], default=("", quantity))
    capped = cap < quantity
    return Size(quantity=floor_to(max(ZERO, min(quantity, cap)), step_size), capped_by=name if capped else None)


def least_quantity(price: Decimal, rules: SymbolRules) -> Decimal:
    """Return the smallest quantity above 0 that the exchange accepts at this price."""
    by_notional = ceil_to(rules.min_notional_usdt / price, rules.step_size)
    return max(rules.min_quantity, by_notional, rules.step_size)
