"""When conditional orders trigger."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.order import ZERO, OrderSide
from vortex.sim.core.types import SimAlgo

STOP_MARKET, STOP = "STOP_MARKET", "STOP"
TAKE_PROFIT_MARKET, TAKE_PROFIT = "TAKE_PROFIT_MARKET", "TAKE_PROFIT"
TRAILING_STOP_MARKET = "TRAILING_STOP_MARKET"
KINDS = (STOP_MARKET, STOP, TAKE_PROFIT_MARKET, TAKE_PROFIT, TRAILING_STOP_MARKET)
LIMIT_KINDS = (STOP, TAKE_PROFIT)
"""They become limit orders; the others market orders."""
CLOSING_KINDS = (STOP_MARKET, TAKE_PROFIT_MARKET)
"""They may be close-position orders."""


def crosses(kind: str, side: OrderSide, trigger: Decimal, price: Decimal) -> bool:
    """True when a conditional order triggers at this price: stops against the holder, take-profits in his favour."""
    falls = (kind not in (TAKE_PROFIT_MARKET, TAKE_PROFIT)) is (side is OrderSide.SELL)
    return price <= trigger if falls else price >= trigger


def due(algo: SimAlgo, price: Decimal) -> bool:
    """True when this price triggers the order; a trailing stop follows the price first."""
    if algo.kind == TRAILING_STOP_MARKET:
        _follow(algo, price)
        if algo.extreme is None:
            return False
    return crosses(algo.kind, algo.side, algo.trigger_price, price)


def _follow(algo: SimAlgo, price: Decimal) -> None:
    """Move a trailing stop: active from its activation price on, it stays its callback behind the best price."""
    sells = algo.side is OrderSide.SELL
    if algo.extreme is None:
        start = algo.activation_price
        if start is not None and ((price < start) if sells else (price > start)):
            return
        algo.extreme = price
    algo.extreme = max(algo.extreme, price) if sells else min(algo.extreme, price)
    share = (algo.callback_rate or ZERO) / 100
    algo.trigger_price = algo.extreme * (1 - share if sells else 1 + share)
