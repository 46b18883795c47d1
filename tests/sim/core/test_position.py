from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.sim_market import tier
from vortex.domain.order import OrderSide
from vortex.sim.core.account import Position
from vortex.sim.core.margin import liquidation_price, maintenance_usdt, max_leverage, max_notional_usdt

TIERS = (tier(0, 50_000, "0.004", 0, 125), tier(50_000, 600_000, "0.005", 50, 100))
FILLS = st.lists(
    st.tuples(st.sampled_from(OrderSide), st.integers(1, 5_000), st.integers(500_000, 700_000)), max_size=40
)


def position(*fills: tuple[OrderSide, str, str]) -> tuple[Position, Decimal]:
    held, realized = Position(symbol="BTCUSDT"), Decimal(0)
    for side, quantity, price in fills:
        realized += held.apply(side, Decimal(quantity), Decimal(price), 20)
    return held, realized


def test_entry_price_is_the_average_of_what_increased() -> None:
    held, realized = position((OrderSide.BUY, "0.060", "60000"), (OrderSide.BUY, "0.040", "60003.5"))
    assert (held.amount, held.entry_price, held.isolated_wallet) == (
        Decimal("0.1"),
        Decimal("60001.4"),
        Decimal("300.007"),
    )
    assert realized == 0
    assert held.closing_side is OrderSide.SELL


def test_a_reduction_realises_and_releases_margin_in_proportion() -> None:
    held, realized = position((OrderSide.SELL, "2", "3000"), (OrderSide.BUY, "0.5", "2900"))
    assert realized == 50
    assert (held.amount, held.entry_price, held.isolated_wallet) == (Decimal("-1.5"), Decimal(3000), Decimal(225))


def test_beyond_flat_the_other_direction_opens_at_the_new_price() -> None:
    held, realized = position((OrderSide.BUY, "1", "100"), (OrderSide.SELL, "3", "110"))
    assert realized == 10
    assert (held.amount, held.entry_price, held.isolated_wallet) == (Decimal(-2), Decimal(110), Decimal(11))


def test_flat_holds_nothing() -> None:
    held, _ = position((OrderSide.BUY, "1", "100"), (OrderSide.SELL, "1", "90"))
    assert not any((held.amount, held.entry_price, held.isolated_wallet))
    assert held.closing_side is None


@given(FILLS)
def test_realised_plus_open_profit_is_the_cash_that_moved(fills: list[tuple[OrderSide, int, int]]) -> None:
    held, realized, cash, price = Position(symbol="BTCUSDT"), Decimal(0), Decimal(0), Decimal(0)
    for side, lots, ticks in fills:
        quantity, price = Decimal(lots) / 1000, Decimal(ticks) / 10
        realized += held.apply(side, quantity, price, 20)
        cash -= quantity * price if side is OrderSide.BUY else -quantity * price
    open_profit = held.amount * (price - held.entry_price)
    assert abs(realized + open_profit - (cash + held.amount * price)) < Decimal("1e-12")
    assert held.amount == sum(
        (Decimal(lots) / 1000 * (1 if side is OrderSide.BUY else -1) for side, lots, _ in fills), Decimal(0)
    )
    assert abs(held.isolated_wallet - abs(held.amount) * held.entry_price / 20) < Decimal("1e-12")


def test_brackets() -> None:
    assert max_leverage(TIERS) == 125
    assert [max_notional_usdt(TIERS, leverage) for leverage in (125, 101, 100, 1, 126)] == [
        50_000,
        50_000,
        600_000,
        600_000,
        0,
    ]
    assert maintenance_usdt(TIERS, Decimal(6_000)) == 24
    assert maintenance_usdt(TIERS, Decimal(100_000)) == 450


@pytest.mark.parametrize(
    ("side", "expected"), [(OrderSide.BUY, "57228.9157"), (OrderSide.SELL, "62749.0040")], ids=["long", "short"]
)
def test_liquidation_price_of_a_position(side: OrderSide, expected: str) -> None:
    held, _ = position((side, "0.1", "60000"))
    price = liquidation_price(TIERS, held)
    assert price is not None
    assert round(price, 4) == Decimal(expected)


def test_flat_has_no_liquidation_price() -> None:
    assert liquidation_price(TIERS, Position(symbol="BTCUSDT")) is None
