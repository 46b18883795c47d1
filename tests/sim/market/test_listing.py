from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest

from vortex.sim.core.market import SymbolSpec
from vortex.sim.market.listing import base_and_quote, renamed, spec_for


def spec(symbol: str, tick: str = "0.1", step: str = "0.001", price: str = "60000") -> SymbolSpec:
    return spec_for(symbol, price_unit=Decimal(tick), quantity_unit=Decimal(step), price=Decimal(price))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT", "OTHERUSDT"])
def test_tiers_are_gapless_and_continuous_in_margin(symbol: str) -> None:
    tiers = spec(symbol).tiers
    assert tiers[0].floor_usdt == tiers[0].cumulative_usdt == 0
    for low, high in pairwise(tiers):
        assert low.cap_usdt == high.floor_usdt
        assert low.max_leverage > high.max_leverage
        step = high.floor_usdt * (high.maintenance_rate - low.maintenance_rate)
        assert high.cumulative_usdt == low.cumulative_usdt + step
    assert all(tier.maintenance_rate * tier.max_leverage < 1 for tier in tiers)


def test_table_is_used_where_the_recording_lies_on_its_grid() -> None:
    btc = spec("BTCUSDT", tick="1", step="0.01")
    assert (btc.tick_size, btc.step_size, btc.min_notional_usdt) == (Decimal("0.10"), Decimal("0.001"), Decimal(50))
    assert (btc.max_market_quantity, btc.tiers[0].max_leverage) == (Decimal(120), 125)
    eth = spec("ETHUSDT", tick="0.01")
    assert (eth.tick_size, eth.max_market_quantity, eth.min_notional_usdt) == (
        Decimal("0.01"),
        Decimal(2000),
        Decimal(20),
    )


def test_finer_recording_than_the_table_keeps_its_own_grid() -> None:
    assert spec("BTCUSDT", tick="0.01").tick_size == Decimal("0.01")


def test_unknown_symbol_is_derived_from_its_numbers() -> None:
    other = spec("DOGEUSDT", tick="0.00001", step="1", price="0.2")
    assert (other.base, other.quote, other.min_quantity) == ("DOGE", "USDT", Decimal(1))
    assert other.max_market_quantity == 5_000_000
    assert spec("HUGEUSDT", step="1", price="5000000").max_market_quantity == 1


def test_renamed_keeps_everything_but_the_name() -> None:
    other = renamed(spec("BTCUSDT"), "SOLUSDC")
    assert (other.symbol, other.base, other.quote) == ("SOLUSDC", "SOL", "USDC")
    assert (other.tick_size, other.tiers) == (spec("BTCUSDT").tick_size, spec("BTCUSDT").tiers)


@pytest.mark.parametrize(
    ("symbol", "parts"),
    [("BTCUSDT", ("BTC", "USDT")), ("A01FDUSD", ("A01", "FDUSD")), ("USDT", ("USDT", "USDT")), ("XY", ("XY", "USDT"))],
)
def test_base_and_quote(symbol: str, parts: tuple[str, str]) -> None:
    assert base_and_quote(symbol) == parts
