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

_CLIENT_ID = re.compile(r"[.A-Z:/a-z0-9_-]{1,36}")


def mandatory(name: str) -> RequestRefused:
    """The refusal of a request without a parameter it needs."""
    return RequestRefused(-1102, f"Mandatory parameter '{name}' was not sent, was empty/null, or malformed.")


def check_client_id(client_id: str) -> None:
    """Raise RequestRefused -4015 unless the id has 1 to 36 characters of the allowed set."""
    if not _CLIENT_ID.fullmatch(client_id):
        raise RequestRefused(-4015, "Client order id is not valid.")


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


def check_price(spec: SymbolSpec, price: Decimal) -> None:
    """Raise RequestRefused -1102, -4006, -4007 or -4014 unless a trigger price is positive, sane and on a tick."""
    if not price.is_finite():
        raise mandatory("triggerPrice")
    if price > MAX_PRICE:
        raise RequestRefused(-4007, "Stop price greater than max price.")
    if price <= ZERO:
        raise RequestRefused(-4006, "Stop price less than or equal to zero.")
    if price % spec.tick_size:
        raise RequestRefused(-4014, "Price not increased by tick size.")


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
    if notional / leverage + notional * floor.taker_fee > floor.account.available():
        raise RequestRefused(-2019, "Margin is insufficient.")
