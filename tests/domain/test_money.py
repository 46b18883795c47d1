from __future__ import annotations

from decimal import ROUND_HALF_UP, ROUND_UP, Decimal, localcontext
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.money import ceil_to, exact, floor_to, plain, rounded, stored

PRICES = st.decimals("0.0001", "1e6", places=6)
UNITS = st.sampled_from([Decimal("0.001"), Decimal("0.1"), Decimal("0.05"), Decimal(1)])


@pytest.mark.parametrize(
    ("value", "text"), [("0.1", "0.1"), ("100", "100"), ("1E+3", "1000"), ("-0.000000001", "0"), ("-2.50", "-2.5")]
)
def test_plain_shows_no_exponent_and_no_trailing_zero(value: str, text: str) -> None:
    assert plain(Decimal(value)) == text


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_plain_shows_what_is_no_number(value: str) -> None:
    assert plain(Decimal(value)) == value


@pytest.mark.parametrize(("value", "shown"), [("0.000000025", "0.00000002"), ("12345678901234567890.5", None)])
def test_plain_does_not_depend_on_the_thread(value: str, shown: str | None) -> None:
    with localcontext() as context:
        context.rounding, context.prec = ROUND_HALF_UP, 3
        assert plain(Decimal(value)) == (shown or value)


@pytest.mark.parametrize("rounding", [ROUND_HALF_UP, ROUND_UP])
@given(value=st.decimals(-(10**12), 10**12, places=8), places=st.integers(0, 8))
def test_rounded_is_the_nearest_and_on_a_tie_the_even_one(rounding: str, value: Decimal, places: int) -> None:
    with localcontext() as context:
        context.rounding = rounding
        shown = rounded(value, places)
    assert shown.as_tuple().exponent == -places
    assert Fraction(shown) == Fraction(round(Fraction(value) * 10**places), 10**places)


def test_exact_keeps_the_printed_digits() -> None:
    assert exact(0.1) + exact(0.2) == Decimal("0.3")


@pytest.mark.parametrize(("value", "kept"), [("1.000000005", "1"), ("1.000000015", "1.00000002")])
def test_stored_rounds_half_even(value: str, kept: str) -> None:
    assert stored(Decimal(value)) == Decimal(kept)


@given(value=PRICES, unit=UNITS)
def test_rounding_lands_on_the_grid_on_the_right_side(value: Decimal, unit: Decimal) -> None:
    low, high = floor_to(value, unit), ceil_to(value, unit)
    assert low % unit == 0
    assert high % unit == 0
    assert value - unit < low <= value <= high < value + unit
