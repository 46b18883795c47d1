"""Rows that say what a symbol allows and how the account has set it up, typed.

Every function raises msgspec.ValidationError, KeyError or LookupError when a field it needs is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from vortex.domain.market import LeverageTier, SymbolRules


class _Bracket(Struct, rename="camel"):
    initial_leverage: int
    notional_cap: Decimal
    notional_floor: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal


class _BracketRow(Struct):
    symbol: str
    brackets: list[_Bracket]


class _SymbolRow(Struct, rename="camel"):
    symbol: str
    status: str
    contract_type: str
    quote_asset: str
    filters: list[dict[str, Any]]


class _ExchangeInfo(Struct):
    symbols: list[_SymbolRow]


class _Leverage(Struct):
    symbol: str
    leverage: int


class _Fee(Struct, rename="camel"):
    taker_commission_rate: Decimal


class _Setting(Struct, rename="camel"):
    symbol: str
    margin_type: str
    leverage: int


def tiers(rows: object, symbol: str) -> tuple[LeverageTier, ...]:
    """The symbol's leverage brackets, lowest notional first. Raises LookupError when it has none."""
    for row in msgspec.convert(rows, list[_BracketRow], strict=False):
        if row.symbol == symbol and row.brackets:
            return tuple(
                LeverageTier(
                    floor_usdt=bracket.notional_floor,
                    cap_usdt=bracket.notional_cap,
                    maintenance_rate=bracket.maint_margin_ratio,
                    cumulative_usdt=bracket.cum,
                    max_leverage=bracket.initial_leverage,
                )
                for bracket in sorted(row.brackets, key=lambda bracket: bracket.notional_floor)
            )
    raise LookupError(f"no leverage brackets for {symbol}")


def max_leverage(rows: object) -> dict[str, int]:
    """The highest leverage of every symbol that has brackets."""
    found = msgspec.convert(rows, list[_BracketRow], strict=False)
    return {row.symbol: max(tier.initial_leverage for tier in row.brackets) for row in found if row.brackets}


def margin_type(rows: object, symbol: str) -> str:
    """ISOLATED or CROSSED, from symbolConfig. Raises LookupError when the symbol has no row."""
    for row in msgspec.convert(rows, list[_Setting], strict=False):
        if row.symbol == symbol:
            return row.margin_type.upper()
    raise LookupError(f"symbolConfig has no row for {symbol}")


def leverage(reply: object, symbol: str) -> int:
    """The leverage that was set. Raises LookupError when the reply is about another symbol."""
    row = msgspec.convert(reply, _Leverage, strict=False)
    if row.symbol != symbol:
        raise LookupError(f"leverage of another symbol than {symbol}")
    return row.leverage


def taker_fee(reply: object) -> Decimal:
    """The account's taker fee of a symbol, a fraction."""
    return msgspec.convert(reply, _Fee, strict=False).taker_commission_rate


def tradable_rules(reply: object) -> dict[str, SymbolRules]:
    """Filters of every USDT perpetual that is trading, by symbol, from exchangeInfo."""
    symbols = msgspec.convert(reply, _ExchangeInfo, strict=False).symbols
    return {row.symbol: _rules(row.symbol, row.filters) for row in symbols if _tradable(row)}


def _tradable(row: _SymbolRow) -> bool:
    return (row.status, row.contract_type, row.quote_asset) == ("TRADING", "PERPETUAL", "USDT")


def _rules(symbol: str, filters: Iterable[dict[str, Any]]) -> SymbolRules:
    by_type = {str(item.get("filterType")): item for item in filters}
    lots = by_type["LOT_SIZE"]
    market = by_type.get("MARKET_LOT_SIZE", lots)
    return SymbolRules(
        symbol=symbol,
        tick_size=Decimal(by_type["PRICE_FILTER"]["tickSize"]),
        step_size=max(Decimal(lots["stepSize"]), Decimal(market["stepSize"])),
        min_quantity=max(Decimal(lots["minQty"]), Decimal(market["minQty"])),
        max_quantity=min(Decimal(lots["maxQty"]), Decimal(market["maxQty"])),
        min_notional_usdt=Decimal(by_type["MIN_NOTIONAL"]["notional"]),
    )
