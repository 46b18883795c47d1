"""What the leverage brackets allow and ask for; the liquidation price itself is the domain's formula."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from vortex.domain.market import LeverageTier
from vortex.domain.order import ZERO, OrderSide, Side
from vortex.domain.risk.liquidation import liquidation_price as price_of_side
from vortex.domain.risk.liquidation import tier_at
from vortex.sim.core.account import Position
from vortex.sim.core.types import SimOrder


def max_leverage(tiers: Sequence[LeverageTier]) -> int:
    """The highest leverage that any bracket allows."""
    return max(tier.max_leverage for tier in tiers)


def max_notional_usdt(tiers: Sequence[LeverageTier], leverage: int) -> Decimal:
    """The largest position notional that the brackets allow at this leverage; 0 when none does."""
    return max((tier.cap_usdt for tier in tiers if tier.max_leverage >= leverage), default=ZERO)


def maintenance_usdt(tiers: Sequence[LeverageTier], notional_usdt: Decimal) -> Decimal:
    """Maintenance margin of a notional: rate of its bracket less the bracket's cumulative amount."""
    tier = tier_at(tiers, notional_usdt)
    return notional_usdt * tier.maintenance_rate - tier.cumulative_usdt


def liquidation_price(tiers: Sequence[LeverageTier], position: Position) -> Decimal | None:
    """The mark price at which an isolated position's margin equals its maintenance; None when flat or below zero."""
    if not position.amount:
        return None
    side = Side.LONG if position.amount > ZERO else Side.SHORT
    return price_of_side(side, position.entry_price, abs(position.amount), position.isolated_wallet, tiers)


def bankruptcy_price(position: Position) -> Decimal:
    """The price at which a position has lost all of its isolated margin; may be below zero."""
    return position.entry_price - position.isolated_wallet / position.amount


def resting_margin_usdt(orders: Sequence[SimOrder], position: Position, leverage: int) -> Decimal:
    """Margin that a symbol's resting orders hold: that of the side which needs more, for what would open."""
    needs = []
    for side in OrderSide:
        wanted = [order for order in orders if order.side is side and not order.reduce_only]
        quantity = sum((order.remaining for order in wanted), ZERO)
        opening = quantity - position.reducible(side)
        if opening > ZERO:
            notional = sum((order.remaining * order.price for order in wanted), ZERO)
            needs.append(notional * opening / quantity / leverage)
    return max(needs, default=ZERO)
