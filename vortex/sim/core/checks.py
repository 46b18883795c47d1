"""The filters every order passes, with the exchange's own codes and words."""

from __future__ import annotations

import re
from decimal import Decimal

from vortex.domain.order import ZERO, OrderSide
from vortex.sim.core.floor import Floor
from vortex.sim.core.margin import max_notional_usdt
from vortex.sim.core.market import SymbolSpec
from vortex.sim.core.types import RequestRefused

MAX_PRICE = Decimal(1_000_000_000)
MAX_ORDERS = 200
MAX_ALGOS = 10
"""Open conditional orders of a symbol."""
TIMES_IN_FORCE = ("GTC", "IOC", "FOK", "GTX")

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


def mandatory(name: str) -> RequestRefused:
    """The refusal of a request without a parameter it needs."""
    return RequestRefused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def check_client_id(client_id: str) -> None:
    """Raise RequestRefused -4015 unless the id has 1 to 36 characters of the allowed set."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise RequestRefused(-4015, "Client order id is not valid.")


def check_status(spec: SymbolSpec, *, closes: bool) -> None:
    """Raise RequestRefused -4141 in a break, -4108 while settling unless the order only closes."""
    if spec.status == "BREAK":
        raise RequestRefused(-4141, "Symbol is closed.")
    if spec.status != "TRADING" and not closes:
        text = "Symbol is on delivering or delivered or settling or closed or pre-trading."
        raise RequestRefused(-4108, text)


def check_position_side(floor: Floor, position_side: str) -> None:
    """Raise RequestRefused -4061 unless the side suits the mode, -4084 in hedge mode, which is not simulated."""
    if (position_side == "BOTH") is floor.account.dual_side:
        raise RequestRefused(-4061, "Order's position side does not match user's setting.")
    if floor.account.dual_side:
        raise RequestRefused(-4084, "Method is not allowed currently: hedge mode is not simulated.")


def check_quantity(spec: SymbolSpec, quantity: Decimal | None) -> Decimal:
    """Return the quantity. Raises RequestRefused -1102, -4003, -4005, -1111 or -4004."""
    if quantity is None or not quantity.is_finite():
        raise mandatory("quantity")
    if quantity <= ZERO:
        raise RequestRefused(-4003, "Quantity less than or equal to zero.")
    if quantity > spec.max_market_quantity:
        raise RequestRefused(-4005, "Quantity greater than max quantity.")
    if quantity % spec.step_size:
        raise RequestRefused(-1111, "Precision is over the maximum defined for this asset.")
    if quantity < spec.min_quantity:
        raise RequestRefused(-4004, "Quantity less than min quantity.")
    return quantity


def check_price(spec: SymbolSpec, price: Decimal | None, name: str = "triggerPrice") -> Decimal:
    """Return a price that is positive, sane and on a tick.

    Raises:
        RequestRefused: -1102 without one; -4006, -4007 out of range for a trigger price, -4001, -4002 for another one;
            -4014 off the tick.
    """
    too_low, too_high = (-4006, -4007) if name == "triggerPrice" else (-4001, -4002)
    what = "Stop price" if name == "triggerPrice" else "Price"
    if price is None or not price.is_finite():
        raise mandatory(name)
    if price > MAX_PRICE:
        raise RequestRefused(too_high, f"{what} greater than max price.")
    if price <= ZERO:
        raise RequestRefused(too_low, f"{what} less than or equal to zero.")
    if price % spec.tick_size:
        raise RequestRefused(-4014, "Price not increased by tick size.")
    return price


def check_percent_price(floor: Floor, symbol: str, side: OrderSide, price: Decimal) -> None:
    """Raise RequestRefused -4016 for a buy limit too far above the mark price, -4024 for a sell too far below."""
    market, spec = floor.markets[symbol], floor.specs[symbol]
    limit = market.percent_limit(side)
    if limit is None:
        return
    shown = limit // spec.tick_size * spec.tick_size
    if side is OrderSide.BUY and price > limit:
        raise RequestRefused(-4016, f"Limit price can't be higher than {shown}.")
    if side is OrderSide.SELL and price < limit:
        raise RequestRefused(-4024, f"Limit price can't be lower than {shown}.")


def check_counterparty(floor: Floor, symbol: str, side: OrderSide) -> None:
    """Raise RequestRefused -4131 when the best price a market order would meet is too far from the mark price."""
    market = floor.markets[symbol]
    limit, levels = market.percent_limit(side), market.opposite(side)
    if limit is None or not levels:
        return
    best = levels[0][0] * market.spec.tick_size
    if (best > limit) if side is OrderSide.BUY else (best < limit):
        text = "The counterparty's best price does not meet the PERCENT_PRICE filter limit."
        raise RequestRefused(-4131, text)


def check_notional(spec: SymbolSpec, quantity: Decimal, price: Decimal) -> None:
    """Raise RequestRefused -4164 below the smallest notional."""
    if quantity * price < spec.min_notional_usdt:
        text = f"Order's notional must be no smaller than {spec.min_notional_usdt} (unless you choose reduce only)."
        raise RequestRefused(-4164, text)


def check_exposure(floor: Floor, symbol: str, side: OrderSide, quantity: Decimal, price: Decimal) -> None:
    """Raise RequestRefused -2027 (bracket) or -2019 (margin) when the order would open more than it may.

    Only what goes beyond closing the present position needs margin: notional / leverage and the taker fee.
    """
    position = floor.account.position(symbol)
    opening = quantity - position.reducible(side)
    if opening <= ZERO:
        return
    leverage = floor.account.setting(symbol).leverage
    size = opening if position.reducible(side) else abs(position.amount) + opening
    if size * price > max_notional_usdt(floor.specs[symbol].tiers, leverage):
        raise RequestRefused(-2027, "Exceeded the maximum allowable position at current leverage.")
    notional = opening * price
    if notional / leverage + notional * floor.taker_fee > floor.available():
        raise RequestRefused(-2019, "Margin is insufficient.")
