"""Rows that say what a symbol allows and how the account has set it up, typed.

Every function raises msgspec.ValidationError, KeyError or LookupError when a field it needs is missing.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from vortex.adapters.binance.exact import Exact
from vortex.domain.market import LeverageTier, SymbolRules


class _Bracket(Exact, frozen=True, rename="camel"):
    initial_leverage: int
    notional_cap: Decimal
    notional_floor: Decimal
    maint_margin_ratio: Decimal
    cum: Decimal


class _BracketRow(Struct):
    symbol: str
    brackets: list[_Bracket]


class _LotFilter(Exact, frozen=True, rename="camel"):
    step_size: Decimal
    min_qty: Decimal
    max_qty: Decimal


class _PriceFilter(Exact, frozen=True, rename="camel"):
    tick_size: Decimal


class _NotionalFilter(Exact, frozen=True):
    notional: Decimal


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


class _Fee(Exact, frozen=True, rename="camel"):
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


def margin_types(rows: object) -> dict[str, str]:
    """ISOLATED or CROSSED of every symbol, from symbolConfig."""
    return {row.symbol: row.margin_type.upper() for row in msgspec.convert(rows, list[_Setting], strict=False)}


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
    """Filters of every USDT perpetual that is trading, by symbol, from exchangeInfo.

    One whose filters are not what they should be is left out: it must not take the others with it.
    """
    symbols = msgspec.convert(reply, _ExchangeInfo, strict=False).symbols
    found = {row.symbol: _rules(row.symbol, row.filters) for row in symbols if _tradable(row)}
    return {symbol: rules for symbol, rules in found.items() if rules is not None}


def listed(reply: object) -> frozenset[str]:
    """Every USDT perpetual of exchangeInfo, also those that do not trade now."""
    symbols = msgspec.convert(reply, _ExchangeInfo, strict=False).symbols
    return frozenset(row.symbol for row in symbols if _listed(row))


def _listed(row: _SymbolRow) -> bool:
    return (row.contract_type, row.quote_asset) == ("PERPETUAL", "USDT")


def _tradable(row: _SymbolRow) -> bool:
    return _listed(row) and row.status == "TRADING"


def _rules(symbol: str, filters: Iterable[dict[str, Any]]) -> SymbolRules | None:
    by_type = {str(item.get("filterType")): item for item in filters}
    try:
        lots = msgspec.convert(by_type["LOT_SIZE"], _LotFilter, strict=False)
        market = msgspec.convert(by_type.get("MARKET_LOT_SIZE", by_type["LOT_SIZE"]), _LotFilter, strict=False)
        tick_size = msgspec.convert(by_type["PRICE_FILTER"], _PriceFilter, strict=False).tick_size
        least = msgspec.convert(by_type["MIN_NOTIONAL"], _NotionalFilter, strict=False).notional
    except (KeyError, msgspec.ValidationError):
        return None
    rules = SymbolRules(
        symbol=symbol,
        tick_size=tick_size,
        step_size=max(lots.step_size, market.step_size),
        min_quantity=max(lots.min_qty, market.min_qty),
        max_quantity=min(lots.max_qty, market.max_qty),
        min_notional_usdt=least,
    )
    return rules if min(rules.tick_size, rules.step_size, rules.max_quantity) > 0 else None
