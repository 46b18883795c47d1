from __future__ import annotations

from statistics import quantiles

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators import sentiment

shares = st.floats(0, 1)
HISTORY = [0.50 + 0.10 * number / 719 for number in range(720)]


@given(shares)
def test_the_crowd_is_faded_within_bounds(share: float) -> None:
    score = sentiment.crowd_score(share)
    assert -1.0 <= score <= 1.0
    assert score * (share - 0.5) <= 0.0
    assert sentiment.crowd_extreme(share) * (share - 0.5) <= 0.0


@pytest.mark.parametrize(
    ("share", "history", "mode", "extreme"),
    [
        (0.70, (), "adaptive", 0),
        (0.71, (), "adaptive", -1),
        (0.29, HISTORY, "absolute", 1),
        (0.62, HISTORY, "adaptive", -1),
        (0.62, HISTORY, "absolute", 0),
        (0.62, HISTORY[:167], "adaptive", 0),
        (0.597, HISTORY, "adaptive", 0),  # beyond its history's 97.5 %, but too near to one half
        (0.40, HISTORY, "adaptive", 1),
    ],
)
def test_an_extreme_crowd_is_far_from_half_or_from_its_own_history(
    share: float, history: list[float], mode: sentiment.CrowdMode, extreme: int
) -> None:
    assert sentiment.crowd_extreme(share, history, mode) == extreme


@given(st.lists(shares, min_size=2, max_size=50))
def test_percentiles_are_interpolated(values: list[float]) -> None:
    ranked = sorted(values)
    expected = quantiles(ranked, n=40, method="inclusive")
    assert sentiment.percentile(ranked, 0.025) == pytest.approx(expected[0], abs=1e-12)
    assert sentiment.percentile(ranked, 0.975) == pytest.approx(expected[-1], abs=1e-12)
    assert sentiment.percentile(ranked, 1.0) == ranked[-1]


@given(st.floats(-0.03, 0.03))
def test_funding_is_faded_within_bounds(rate: float) -> None:
    assert -1.0 <= sentiment.funding_score(rate) <= 1.0
    assert sentiment.funding_score(rate) == -sentiment.funding_score(-rate)
    assert sentiment.funding_score(rate) * rate <= 0.0
    assert abs(sentiment.funding_extreme(rate)) <= abs(sentiment.funding_score(rate)) + 1e-9


def test_clamped_funding_is_neutral_and_bounds_are_strict() -> None:
    assert sentiment.funding_score(0.0001) == 0.0
    assert sentiment.funding_extreme(0.000499) == 0
    assert sentiment.funding_extreme(-0.0005) == 1


def test_smart_money_is_followed_against_its_own_median() -> None:
    top, crowd = [0.60] * 168, [0.50] * 168
    assert sentiment.smart_score(0.65, 0.50, top, crowd) == pytest.approx(0.5)
    assert sentiment.smart_score(0.60, 0.55, top, crowd) == pytest.approx(-0.5)
    assert sentiment.smart_score(0.99, 0.01, top, crowd) == 1.0
    assert sentiment.smart_score(0.65, 0.50, [0.1] * 500 + top, crowd) == pytest.approx(0.5)
    assert sentiment.smart_score(0.65, 0.50, top[:47], crowd) is None
    assert sentiment.smart_score(0.65, 0.50, top, crowd[:47]) is None


@given(st.floats(-5, 5), st.floats(-5, 5), st.floats(0.01, 5))
def test_open_interest_is_bounded_and_odd_in_price(price: float, interest: float, atr: float) -> None:
    score = sentiment.oi_quadrant(price, interest, atr)
    assert -1.0 <= score <= 1.0
    assert score == -sentiment.oi_quadrant(-price, interest, atr)
