"""Exact money: how floats become Decimal, and how Decimal is rounded. Nothing else in the domain rounds money."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal

STORED = Decimal("0.00000001")
"""The unit of every derived money figure that is written down."""

BPS = Decimal(10_000)
"""Basis points in one."""

_SHOWN = Context(prec=64, rounding=ROUND_HALF_EVEN)
"""Of our own: that of a thread may have been changed by whoever else runs on it, as ccxt does with the rounding."""


def exact(value: float) -> Decimal:
    """Return the decimal that `value` prints as: the exchange's own digits, or a configured number's."""
    return Decimal(str(value))


def stored(value: Decimal) -> Decimal:
    """Round half-even to the 8 decimals that rows keep."""
    return value.quantize(STORED, ROUND_HALF_EVEN)


def rounded(value: Decimal, places: int) -> Decimal:
    """Round half-even to `places` decimals, for people; a format's own rounding would be the thread's."""
    return value.quantize(Decimal(1).scaleb(-places), context=_SHOWN) if value.is_finite() else value


def floor_to(value: Decimal, unit: Decimal) -> Decimal:
    """Return the greatest multiple of `unit` that is at most `value`."""
    return (value / unit).to_integral_value(ROUND_FLOOR) * unit


def ceil_to(value: Decimal, unit: Decimal) -> Decimal:
    """Return the least multiple of `unit` that is at least `value`."""
    return (value / unit).to_integral_value(ROUND_CEILING) * unit


def plain(value: Decimal) -> str:
    """Return the value for people and JSON: rounded half-even to at most 8 decimals, no exponent, no trailing zeros."""
    if not value.is_finite():
        return str(value)
    text = f"{value.quantize(STORED, context=_SHOWN):f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
