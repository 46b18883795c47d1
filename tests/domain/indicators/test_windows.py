from __future__ import annotations

from math import fsum
from statistics import median

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators.windows import RollingMedian, SlidingSums

entries = st.lists(st.tuples(st.integers(0, 400), st.floats(-1e6, 1e6), st.floats(0, 1e6)), max_size=60)


@given(entries, st.integers(1, 20))
def test_sums_are_those_of_the_entries_in_the_window(moves: list[tuple[int, float, float]], capacity: int) -> None:
    sums = SlidingSums(1_000, capacity)
    now, kept = 0, list[tuple[int, float, float]]()
    for elapsed, first, second in moves:
        now += elapsed
        sums.add(now, first, second)
        kept = [entry for entry in [*kept, (now, first, second)] if entry[0] > now - 1_000][-capacity:]
        assert len(sums) == len(kept)
        assert sums.first == pytest.approx(fsum(entry[1] for entry in kept), abs=1e-6)
        assert sums.second == pytest.approx(fsum(entry[2] for entry in kept), abs=1e-6)


def test_the_window_is_open_at_its_old_end() -> None:
    sums = SlidingSums(1_000)
    sums.add(0, 1.0, 0.0)
    sums.add(999, 2.0, 0.0)
    assert sums.first == 3.0
    sums.expire(1_000)
    assert (sums.first, len(sums)) == (2.0, 1)
    sums.expire(10_000)
    assert (sums.first, sums.second, len(sums)) == (0.0, 0.0, 0)


def test_no_rounding_error_outlives_the_entry_that_caused_it() -> None:
    sums = SlidingSums(1_000)
    sums.add(0, 1e17, 1e17)
    sums.add(500, 0.1, 0.3)
    sums.add(1_200, 0.2, 0.3)
    assert (sums.first, sums.second) == (0.1 + 0.2, 0.3 + 0.3)


def test_a_window_is_truncated_until_its_oldest_entry_reaches_the_edge() -> None:
    sums = SlidingSums(1_000, capacity=2)
    assert sums.truncated(5_000)
    sums.add(0, 1.0, 1.0)
    assert sums.truncated(999)
    assert not sums.truncated(1_000)
    sums.add(1_100, 1.0, 1.0)
    sums.add(1_200, 1.0, 1.0)
    assert not sums.truncated(1_200)
    sums.add(1_300, 1.0, 1.0)  # 1_100 falls out for lack of room
    assert sums.truncated(1_300)
    sums.clear()
    assert sums.truncated(9_999)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5)), min_size=1, max_size=80))
def test_the_rolling_median_is_the_median_of_the_window(moves: list[tuple[int, int]]) -> None:
    rolling = RollingMedian(100)
    now, kept = 0, list[tuple[int, float]]()
    assert rolling.value is None
    for elapsed, value in moves:
        now += elapsed
        rolling.add(now, float(value))
        kept = [entry for entry in [*kept, (now, float(value))] if entry[0] > now - 100]
        assert rolling.value == median(entry[1] for entry in kept)
