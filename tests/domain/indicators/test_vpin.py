from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators.vpin import VolumeBuckets, bulk_vpin, share_at_most

flows = st.lists(st.tuples(st.integers(1, 40_000), st.booleans()), max_size=60)


@given(flows)
def test_no_volume_is_lost_and_splitting_a_trade_changes_nothing(trades: list[tuple[int, bool]]) -> None:
    whole, split = VolumeBuckets(5.0, 3), VolumeBuckets(5.0, 3)
    for lots, buy in trades:
        whole.add(lots / 1000, buy=buy)
        split.add((lots // 2) / 1000, buy=buy)
        split.add((lots - lots // 2) / 1000, buy=buy)
    assert whole.complete * 5.0 + whole.partial == pytest.approx(sum(lots for lots, _ in trades) / 1000)
    assert (whole.buys, whole.partial, whole.vpin) == (split.buys, split.partial, split.vpin)
    assert whole.vpin is None or 0.0 <= whole.vpin <= 1.0
    assert (whole.vpin is None) == (whole.complete < 3)


def test_one_sided_flow_is_wholly_toxic_and_balanced_flow_not_at_all() -> None:
    one, two = VolumeBuckets(1.0, 2), VolumeBuckets(1.0, 2)
    one.add(2.0, buy=True)
    for buy in (True, False, True, False):
        two.add(0.5, buy=buy)
    assert (one.vpin, two.vpin) == (1.0, 0.0)


def test_a_bucket_filled_to_the_brim_is_complete() -> None:
    buckets = VolumeBuckets(0.3, 1)
    for _ in range(3):
        buckets.add(0.1, buy=True)
    assert (buckets.complete, buckets.partial) == (1, 0.0)


def test_an_empty_bucket_size_is_refused() -> None:
    with pytest.raises(ValueError, match="must hold something"):
        VolumeBuckets(0.0)


def test_what_cannot_be_told_is_none() -> None:
    assert bulk_vpin([]) is bulk_vpin([0.5, 0.5]) is share_at_most([], 1.0) is None
    assert bulk_vpin([1.0, -1.0]) == pytest.approx(0.6826894921)
