"""What the leverage brackets allow and ask for; the liquidation price itself is the domain's formula."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from vortex.domain.market import LeverageTier
from vortex.domain.order import ZERO, Side
from vortex.domain.risk.liquidation import liquidation_price as price_of_side
from vortex.domain.risk.liquidation import tier_at
from vortex.sim.core.account import Position


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
