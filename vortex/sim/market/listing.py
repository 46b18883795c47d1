"""What the simulated exchange lists: our own table of round, plausible figures, not the exchange's own."""

from __future__ import annotations

from decimal import Decimal

from msgspec.structs import replace

from vortex.domain.market import LeverageTier
from vortex.sim.core.market import SymbolSpec
from vortex.sim.market.wire import Contract

_QUOTES = ("USDT", "USDC", "FDUSD", "BUSD")

_Brackets = tuple[tuple[str, str, int], ...]
"""(cap in USDT, maintenance margin rate, highest leverage), smallest positions first."""

_MAJOR: _Brackets = (
    ("50000", "0.004", 125),
    ("500000", "0.005", 100),
    ("5000000", "0.01", 50),
    ("20000000", "0.025", 20),
    ("50000000", "0.05", 10),
    ("100000000", "0.1", 5),
    ("200000000", "0.125", 4),
    ("400000000", "0.25", 2),
    ("1000000000", "0.5", 1),
)
_MINOR: _Brackets = (
    ("10000", "0.01", 50),
    ("50000", "0.02", 25),
    ("250000", "0.05", 10),
    ("1000000", "0.1", 5),
    ("2000000", "0.125", 4),
    ("5000000", "0.25", 2),
    ("10000000", "0.5", 1),
)


def tiers_of(brackets: _Brackets) -> tuple[LeverageTier, ...]:
    """Leverage tiers whose maintenance margin is continuous: cum_n = cum_(n-1) + floor_n * (mmr_n - mmr_(n-1))."""
    tiers: list[LeverageTier] = []
    floor = cumulative = previous_rate = Decimal(0)
    for cap, rate, leverage in brackets:
        cumulative += floor * (Decimal(rate) - previous_rate)
        tiers.append(
            LeverageTier(
                floor_usdt=floor,
                cap_usdt=Decimal(cap),
                maintenance_rate=Decimal(rate),
                cumulative_usdt=cumulative if tiers else Decimal(0),
                max_leverage=leverage,
            )
        )
        floor, previous_rate = Decimal(cap), Decimal(rate)
    return tuple(tiers)


def base_and_quote(symbol: str) -> tuple[str, str]:
    """Split a symbol at a quote asset we know; anything else is its own base, quoted in USDT."""
    quote = next((quote for quote in _QUOTES if symbol.endswith(quote) and symbol != quote), None)
    return (symbol.removesuffix(quote), quote) if quote else (symbol, "USDT")


def _major(symbol: str, tick: str, max_quantity: str, min_notional: str) -> SymbolSpec:
    base, quote = base_and_quote(symbol)
    return SymbolSpec(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=Decimal(tick),
        step_size=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        max_market_quantity=Decimal(max_quantity),
        min_notional_usdt=Decimal(min_notional),
        tiers=tiers_of(_MAJOR),
    )


_TABLE = {
    "BTCUSDT": _major("BTCUSDT", "0.10", "120", "50"),
    "ETHUSDT": _major("ETHUSDT", "0.01", "2000", "20"),
}


def spec_for(symbol: str, *, price_unit: Decimal, quantity_unit: Decimal, price: Decimal) -> SymbolSpec:
    """The listing under which a recording is played.

    The table's entry, if every recorded number lies on its grid; otherwise one derived from the recording itself: its
    own finest price and quantity as tick and step, 5 USDT at least and about a million at most.
    """
    listed = _TABLE.get(symbol)
    if listed and not price_unit % listed.tick_size and not quantity_unit % listed.step_size:
        return listed
    base, quote = base_and_quote(symbol)
    return SymbolSpec(
        symbol=symbol,
        base=base,
        quote=quote,
        tick_size=price_unit,
        step_size=quantity_unit,
        min_quantity=quantity_unit,
        max_market_quantity=max(Decimal(1), 1_000_000 // (price * quantity_unit)) * quantity_unit,
        min_notional_usdt=Decimal(5),
        tiers=tiers_of(_MINOR),
    )


def listed(contract: Contract) -> SymbolSpec:
    """The listing of a contract with the exchange's own filters; brackets, which it shows to nobody, are ours.

    Raises:
        ValueError: A filter is missing.
    """
    known = _TABLE.get(contract.symbol)
    return SymbolSpec(
        symbol=contract.symbol,
        base=contract.base,
        quote=contract.quote,
        tick_size=_figure(contract, "tick_size", "PRICE_FILTER"),
        step_size=_figure(contract, "step_size", "LOT_SIZE"),
        min_quantity=_figure(contract, "min_quantity", "LOT_SIZE"),
        max_market_quantity=_figure(contract, "max_quantity", "MARKET_LOT_SIZE", "LOT_SIZE"),
        min_notional_usdt=_figure(contract, "notional", "MIN_NOTIONAL"),
        tiers=known.tiers if known else tiers_of(_MINOR),
    )


def _figure(contract: Contract, name: str, *kinds: str) -> Decimal:
    """A figure of the first of these filters that the contract has."""
    filters = {one.kind: one for one in contract.filters}
    for kind in kinds:
        text: str | None = getattr(filters.get(kind), name, None)
        if text is not None:
            return Decimal(text)
    raise ValueError(f"{contract.symbol}: no {name} in {' or '.join(kinds)}")


def renamed(spec: SymbolSpec, symbol: str) -> SymbolSpec:
    """The same contract under another name: prices, filters and tiers stay those of the recording."""
    base, quote = base_and_quote(symbol)
    return spec if symbol == spec.symbol else replace(spec, symbol=symbol, base=base, quote=quote)
