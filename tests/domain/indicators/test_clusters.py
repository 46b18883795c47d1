from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import T0
from vortex.domain.indicators.bins import PriceBins, piles, usual_bin
from vortex.domain.indicators.clusters import HISTORY_MS, STEP_MS, ObservedLiquidations, ProjectedLiquidations
from vortex.domain.indicators.open_interest import InterestRing

prices = st.floats(1e-6, 1e6)


@given(prices)
def test_a_price_lies_in_its_bin(price: float) -> None:
    bins = PriceBins(0.0025, 1_000.0)
    index = bins.index(price)
    assert bins.edge(index) <= price * (1 + 1e-9)
    assert bins.edge(index + 1) >= price * (1 - 1e-9)
    assert bins.edge(index + 1) / bins.edge(index) == pytest.approx(1.0025)


@given(st.lists(st.tuples(st.integers(0, 10**7), prices), min_size=1, max_size=20))
def test_amounts_fade_by_half_whenever_they_came(adds: list[tuple[int, float]]) -> None:
    half_life_ms = 10_000.0
    bins = PriceBins(0.0025, half_life_ms)
    for ts_ms, price in sorted(adds):
        bins.add(ts_ms, price, 3.0)
    end_ms = max(ts_ms for ts_ms, _ in adds)
    expected = sum(3.0 * 2.0 ** ((ts_ms - end_ms) / half_life_ms) for ts_ms, _ in adds)
    assert sum(bins.at(end_ms).values()) == pytest.approx(expected, rel=1e-9)


def test_a_run_of_heavy_bins_is_one_pile() -> None:
    amounts = {1: 1.0, 2: 9.0, 3: 3.0, 4: 1.0, 6: 3.0, 7: 1.0, 8: 1.0}
    total, usual = sum(amounts.values()), usual_bin(amounts.values())
    found = piles(amounts, total, usual)
    assert usual == 1.0
    assert [(pile.low, pile.high, pile.share) for pile in found] == [(2, 3, 12 / 19), (6, 6, 3 / 19)]
    assert piles({}, 0.0, usual_bin([])) == []


def projected(*, hours: float = 13.0, rises: int = 3) -> ProjectedLiquidations:
    """Open interest rises by 100 contracts at 100.0 three times, then stays as it is."""
    made = ProjectedLiquidations(0.004)
    contracts = 1_000.0
    for step in range(int(hours * 12)):
        contracts += 100.0 if 0 < step <= rises else 0.0
        made.interest(T0 + step * STEP_MS, contracts, 100.0)
    return made


def test_new_positions_are_projected_to_both_sides() -> None:
    made = projected()
    found = made.clusters(T0 + 13 * 3_600_000, 100.0)
    assert found == (None, None)  # within 3 % there are only the two bins of 100x, none stands out


def test_nothing_is_said_before_twelve_hours() -> None:
    assert projected(hours=11.9).clusters(T0 + HISTORY_MS - 1, 100.0) is None
    assert ProjectedLiquidations(0.004).clusters(T0, 100.0) is None


def busy(*, late: float = 100.0) -> ProjectedLiquidations:
    """Half a day of small rises at prices all around, and a large one at the end."""
    made = ProjectedLiquidations(0.004)
    contracts = 1_000.0
    for step in range(160):
        price = 96.0 + step % 9
        made.traded(price, 5.0)
        made.interest(T0 + step * STEP_MS, contracts, price)
        contracts += 1.0
    made.traded(late, 1.0)
    made.interest(T0 + 160 * STEP_MS, contracts + 300.0, late)
    return made


def test_a_large_rise_makes_a_cluster_on_either_side() -> None:
    found = busy().clusters(T0 + 160 * STEP_MS, 100.0)
    assert found is not None
    above, below = found
    assert above is not None
    assert below is not None
    # 50x holds twice as much as 100x: longs at 98 / 0.996, shorts at 102 / 1.004
    assert above.near == pytest.approx(102 / 1.004, rel=0.0025)
    assert above.near <= 102 / 1.004
    assert below.near == pytest.approx(98 / 0.996, rel=0.0025)
    assert below.near >= 98 / 0.996
    assert 0.2 < above.share < 0.5
    assert 0.2 < below.share < 0.5


def test_what_the_mark_price_went_through_is_gone() -> None:
    made = busy()
    assert made.pass_through(101.0, 102.0) is True
    found = made.clusters(T0 + 160 * STEP_MS, 100.0)
    assert found is not None
    assert found[0] is None
    assert made.pass_through(1e-3, 1e3) is True
    assert made.pass_through(1e-3, 1e3) is False
    assert made.clusters(T0 + 160 * STEP_MS, 100.0) == (None, None)


def test_a_pause_of_the_poll_starts_the_history_again() -> None:
    made = busy()
    later_ms = T0 + 160 * STEP_MS + 900_001
    made.interest(later_ms, 5_000.0, 100.0)
    assert made.clusters(later_ms, 100.0) is None


def test_only_every_fifth_minute_counts() -> None:
    made = ProjectedLiquidations(0.004)
    made.interest(T0, 1_000.0, 100.0)
    made.interest(T0 + STEP_MS - 1, 2_000.0, 50.0)
    assert made.pass_through(1e-3, 1e3) is False
    made.interest(T0 + STEP_MS, 2_000.0, 100.0)
    assert made.pass_through(1e-3, 1e3) is True


@pytest.mark.parametrize(("price", "volume"), [(float("nan"), 1.0), (1.0, 0.0), (0.0, 1.0), (1.0, float("inf"))])
def test_what_is_no_trade_moves_no_price(price: float, volume: float) -> None:
    made = busy()
    made.traded(price, volume)
    assert made.clusters(T0 + 160 * STEP_MS, 100.0) == busy().clusters(T0 + 160 * STEP_MS, 100.0)


def test_an_observed_liquidation_counts_on_its_side() -> None:
    seen = ObservedLiquidations()
    assert seen.add(T0, 100.0, 3.0, long=True)
    assert seen.add(T0 - 5, 100.0, 1.0, long=True)  # out of order: the last one stays
    assert not seen.add(T0, -1.0, 3.0, long=False)
    assert seen.last_ms == {True: T0}
    assert seen.flush(T0, long=True) == pytest.approx(400.0, rel=1e-5)
    assert seen.flush(T0, long=False) == 0.0


def ring(*samples: tuple[int, float, float]) -> InterestRing:
    made = InterestRing()
    for ts_ms, contracts, price in samples:
        made.add(ts_ms, contracts, price)
    return made


@pytest.mark.parametrize(
    ("contracts", "price", "expected"),
    [
        (1_010.0, 101.0, 1.0), (1_010.0, 99.0, -1.0), (990.0, 101.0, -1.0), (990.0, 99.0, 1.0),
        (1_005.0, 100.5, 0.25), (1_000.5, 101.0, 0.0), (1_010.0, 100.05, 0.0),
    ],
)  # fmt: skip
def test_the_four_quadrants(contracts: float, price: float, expected: float) -> None:
    made = ring((T0, 1_000.0, 100.0), (T0 + 900_000, contracts, price))
    assert made.quadrant(1.0) == pytest.approx(expected, abs=1e-9)


def test_the_ring_wants_a_quarter_of_an_hour_and_no_more() -> None:
    assert InterestRing().quadrant(1.0) is None
    assert ring((T0, 1_000.0, 100.0), (T0 + 899_999, 1_010.0, 101.0)).quadrant(1.0) is None
    assert ring((T0, 1_000.0, 100.0), (T0 + 1_020_001, 1_010.0, 101.0)).quadrant(1.0) is None
    moved = ring((T0, 1.0, 1.0), (T0 + 30_000, 1_000.0, 100.0), (T0 + 930_000, 1_010.0, 101.0))
    assert moved.quadrant(1.0) == pytest.approx(1.0)


@pytest.mark.parametrize("sample", [(T0, 1_010.0, 101.0), (T0 + 1, 0.0, 1.0), (T0 + 1, 1.0, float("nan"))])
def test_what_is_no_sample_is_left_out(sample: tuple[int, float, float]) -> None:
    made = ring((T0, 1_000.0, 100.0))
    assert made.add(*sample) is None
    assert made.add(T0 + 2, 1_000.0, 100.0) == (T0, 1_000.0, 100.0)
