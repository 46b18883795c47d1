from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.app.dashboard import cells
from vortex.app.dashboard.cells import DASH, Cell

pytestmark = pytest.mark.usefixtures("rounding_of_others")

AMOUNTS = st.decimals("-1e6", "1e6", places=8)


@pytest.mark.parametrize(
    "write", [cells.price, cells.quantity, cells.usdt, cells.gain, cells.ratio, cells.share, cells.score, cells.text,
              cells.count, cells.age, cells.moment],
)  # fmt: skip
def test_what_is_not_known_is_a_dash(write: object) -> None:
    assert callable(write)
    assert write(None) == Cell(DASH, "dim")


@pytest.mark.parametrize(
    ("value", "shown"),
    [("61815.00000000", "61,815.00"), ("61815.20333333", "61,815.203"), ("0.00123400", "0.001234"), ("2.5", "2.50"),
     ("100000", "100,000.00"), ("0", "0.00"), ("123456789.123", "123,456,789.12")],
)  # fmt: skip
def test_prices(value: str, shown: str) -> None:
    assert cells.price(value).text == shown
    assert cells.price(value).title == value


@pytest.mark.parametrize(
    ("value", "shown", "tone"),
    [("1.23456", "+1.2346", "good"), ("-0.05164548", "-0.0516", "bad"), ("0", "0.0000", ""), ("-0.00001", "0.0000", ""),
     ("1234.5", "+1,234.5000", "good")],
)  # fmt: skip
def test_a_gain_is_signed_and_coloured_as_its_sign(value: str, shown: str, tone: str) -> None:
    assert cells.gain(value) == Cell(shown, tone, f"{value} USDT")


@given(AMOUNTS)
def test_what_is_shown_of_an_amount_is_the_amount(value: Decimal) -> None:
    assert abs(Decimal(cells.gain(value).text.replace(",", "")) - value) <= Decimal("0.00005")
    assert abs(Decimal(cells.usdt(value).text.replace(",", "")) - value) <= Decimal("0.005")


def test_shares_ages_and_times() -> None:
    assert cells.share("0.5", (0.0945, 0.9055)).text == "50 % [9, 91]"
    assert cells.share("0.5").text == "50 %"
    assert [cells.age(each).text for each in (0, 1_499, 1_500, 61_000)] == ["0 ms", "1499 ms", "1 s", "1 min 01 s"]
    assert cells.age(1_001, 1_000).tone == "warn"
    assert [cells.duration(each) for each in (59, 3_600, 90_000)] == ["59 s", "1 h 00 min", "1 d 01 h"]
    assert cells.moment(1_723_118_400_000).text == "08-08 12:00:00"
    assert cells.clock(1_723_118_400_000) == "2024-08-08 12:00:00"
    assert cells.text("a\nb\x1b[1m").text == "a?b?[1m"
    assert cells.score(-0.1).text == "-0.100"
    assert cells.ratio("NaN").text == DASH
