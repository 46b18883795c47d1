from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators.ewma import EwmaMoments, TimeEwma, decay_share


def test_half_of_the_way_is_made_in_a_half_life() -> None:
    assert decay_share(1_000, 1_000) == pytest.approx(0.5)
    assert decay_share(0, 1_000) == decay_share(-5, 1_000) == 0.0


def test_the_time_average_starts_at_its_first_value_and_never_runs_backwards() -> None:
    average = TimeEwma(1_000)
    assert average.value is None
    average.add(5_000, 1.0)
    average.add(6_000, 0.0)
    assert average.value == pytest.approx(0.5)
    average.add(5_500, 100.0)
    assert average.value == pytest.approx(0.5)
    average.add(7_000, 0.0)
    assert average.value == pytest.approx(0.25)
    average.clear()
    average.add(0, -1.0)
    assert average.value == -1.0


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=50))
def test_an_average_stays_within_its_values(values: list[float]) -> None:
    average = TimeEwma(1_000)
    for number, value in enumerate(values):
        average.add(number * 100, value)
    assert average.value is not None
    assert min(values) - 1e-12 <= average.value <= max(values) + 1e-12


def test_equal_samples_have_no_deviation() -> None:
    moments = EwmaMoments(10)
    for _ in range(5):
        moments.add(3.0)
    assert (moments.mean, moments.deviation, moments.count) == (3.0, 0.0, 5)
