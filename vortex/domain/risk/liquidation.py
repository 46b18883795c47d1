"""Where the exchange would liquidate an isolated position in one-way mode (USDT-M)."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from vortex.domain.market import LeverageTier
from vortex.domain.order import Side

ROUNDS = 3


def tier_at(tiers: Sequence[LeverageTier], notional_usdt: Decimal) -> LeverageTier:
    """Return the tier of a notional, the last one above its end. Raises ValueError without tiers."""
    if not tiers:
        raise ValueError("a symbol without leverage tiers cannot be traded")
    return next((tier for tier in tiers if notional_usdt < tier.cap_usdt), tiers[-1])


def liquidation_price(
    side: Side, entry: Decimal, quantity: Decimal, wallet_usdt: Decimal, tiers: Sequence[LeverageTier]
) -> Decimal | None:
    """Return the mark price at which margin equals maintenance; None when there is none above zero.

    `LP = (WB + cum - d*Q*EP) / (Q*(MMR - d))`. MMR and cum are those of the notional at LP itself, hence the rounds
    from the entry's tier on; when two tiers keep pointing at each other the price nearer to the entry counts.
    """
    tier = tier_at(tiers, quantity * entry)
    price = previous = _price_in(tier, side, entry, quantity, wallet_usdt)
    for _ in range(ROUNDS):
        following = tier_at(tiers, quantity * price)
        if following == tier:
            break
        tier, previous = following, price
        price = _price_in(tier, side, entry, quantity, wallet_usdt)
    else:
        price = max(price, previous) if side is Side.LONG else min(price, previous)
    return price if price > 0 else None


def leverage_allowed(tiers: Sequence[LeverageTier], notional_usdt: Decimal) -> int:
    """Return the highest leverage the exchange allows for a notional; 0 beyond the last tier or without tiers."""
    return next((tier.max_leverage for tier in tiers if notional_usdt < tier.cap_usdt), 0)


def _price_in(tier: LeverageTier, side: Side, entry: Decimal, quantity: Decimal, wallet_usdt: Decimal) -> Decimal:
    sign = side.sign
    return (wallet_usdt + tier.cumulative_usdt - sign * quantity * entry) / (quantity * (tier.maintenance_rate - sign))
