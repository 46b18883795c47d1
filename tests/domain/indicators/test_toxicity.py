from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.builders import SYMBOL, T0, trade
from vortex.domain.indicators.toxicity import DAY_MINUTES, DAY_MS, MINUTE_MS, FlowToxicity
from vortex.domain.indicators.vpin import VolumeBuckets
from vortex.domain.market import MinuteVolume, VolumeHistory

MIDNIGHT = T0 // DAY_MS * DAY_MS
BUCKET = 2.0 * DAY_MINUTES / 50


def history(count: int, *, first_ms: int = MIDNIGHT - 7 * DAY_MS, volume: float = 2.0) -> VolumeHistory:
    """A balanced minute follows a wholly bought one."""
    minutes = [
        MinuteVolume(first_ms + number * MINUTE_MS, volume, volume * (0.5 + 0.5 * (number % 2)))
        for number in range(count)
    ]
    return VolumeHistory(symbol=SYMBOL, minutes=tuple(minutes))


def warm() -> FlowToxicity:
    made = FlowToxicity()
    made.load(history(7 * DAY_MINUTES))
    return made


def test_a_week_is_ranked_at_once() -> None:
    made = warm()
    assert made.vpin == pytest.approx(0.5, abs=0.02)
    assert made.rank is not None


@pytest.mark.parametrize("count", [0, DAY_MINUTES - 1])
def test_less_than_a_day_says_nothing(count: int) -> None:
    made = FlowToxicity()
    made.load(history(count))
    made.take(trade(1, T0, buy=True, quantity=1e6))
    assert (made.vpin, made.rank) == (None, None)


def test_a_day_across_midnight_gives_a_volume_but_no_rank_yet() -> None:
    made = FlowToxicity()
    made.load(history(DAY_MINUTES, first_ms=MIDNIGHT - DAY_MS // 2))
    assert made.vpin == pytest.approx(0.5, abs=0.02)
    assert made.rank is None


def test_minutes_that_make_no_sense_are_left_out() -> None:
    good = history(7 * DAY_MINUTES).minutes
    bad = [MinuteVolume(good[-1].open_ms + MINUTE_MS, volume, bought)
           for volume, bought in ((nan, 0.0), (1.0, 2.0), (inf, 1.0), (1.0, -1.0), (1.0, nan))]  # fmt: skip
    made, clean = FlowToxicity(), warm()
    made.load(VolumeHistory(symbol=SYMBOL, minutes=(*good, *bad)))
    assert (made.vpin, made.rank) == (clean.vpin, clean.rank)
    made.load(VolumeHistory(symbol=SYMBOL, minutes=tuple(bad)))
    assert made.vpin == clean.vpin


@pytest.mark.parametrize("quantity", [nan, inf, 0.0, -1.0])
def test_what_is_no_trade_fills_nothing(quantity: float) -> None:
    made, clean = warm(), warm()
    made.take(trade(1, MIDNIGHT, buy=True, quantity=quantity))
    for each in (made, clean):
        each.take(trade(2, MIDNIGHT + 1, buy=True, quantity=BUCKET))
    assert (made.vpin, made.rank) == (clean.vpin, clean.rank)


def test_a_repeated_trade_counts_once_and_a_restarted_count_does_count() -> None:
    made, clean = warm(), warm()
    first, again = trade(7, MIDNIGHT, buy=True, quantity=BUCKET), trade(3, MIDNIGHT + 1, buy=True, quantity=BUCKET)
    for each in (first, first, again):
        made.take(each)
    for each in (first, again):
        clean.take(each)
    assert made.vpin == clean.vpin
    one = warm()
    one.take(first)
    assert one.vpin != made.vpin


@settings(max_examples=15, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 50), st.booleans(), st.integers(1, 80)), min_size=1, max_size=60))
def test_trades_seen_before_the_history_came_are_not_lost(moves: list[tuple[int, bool, int]]) -> None:
    """A history that ends before the first trade may come at any time; it only pours those trades by the minute."""
    ts_ms, seen = MIDNIGHT, []
    for number, (seconds, buy, size) in enumerate(moves):
        ts_ms += seconds * 1_000
        seen.append(trade(number, ts_ms, buy=buy, quantity=float(size)))
    late, early = FlowToxicity(), warm()
    for each in seen:
        late.take(each)
        early.take(each)
    late.load(history(7 * DAY_MINUTES))
    one, other = late._buckets, early._buckets
    assert one is not None
    assert other is not None
    assert (one.complete, one.partial) == (other.complete, other.partial)


def test_midnight_sizes_the_next_bucket_by_the_days_that_were_whole() -> None:
    made = warm()
    made.take(trade(1, MIDNIGHT, buy=True, quantity=8 * 2.0 * DAY_MINUTES))  # a day of eight times the volume
    made.take(trade(2, MIDNIGHT + DAY_MS, buy=False, quantity=1e-8))
    buckets = made._buckets
    assert buckets is not None
    before = buckets.complete
    made.take(trade(3, MIDNIGHT + DAY_MS, buy=False, quantity=2 * BUCKET - 1e-8))
    assert buckets.complete == before + 1  # (6 * 1 + 8) / 7 = 2 days of volume a day
    made.take(trade(4, MIDNIGHT + 3 * DAY_MS, buy=False, quantity=2 * BUCKET))  # a day went by unseen
    made.take(trade(5, MIDNIGHT + 4 * DAY_MS, buy=False, quantity=1e-8))  # and tells nothing
    assert list(buckets.closes)
    assert buckets.complete == before + 2


def test_a_day_that_was_seen_from_midnight_counts() -> None:
    made = FlowToxicity()
    made.load(history(DAY_MINUTES, first_ms=MIDNIGHT - DAY_MS // 2))
    made.take(trade(1, MIDNIGHT + DAY_MS, buy=True, quantity=BUCKET))  # nothing traded in its second half
    buckets = made._buckets
    assert buckets is not None
    assert buckets.complete == 51  # three quarters of the first day's volume a day


def test_a_bucket_is_resized_only_when_the_next_one_begins() -> None:
    buckets = VolumeBuckets(10.0, 1)
    buckets.resize(4.0)
    buckets.add(4.0, buy=True)
    assert buckets.complete == 1
    buckets.add(1.0, buy=True)
    buckets.resize(2.0)
    buckets.add(3.0, buy=False)
    assert (buckets.complete, buckets.partial, buckets.vpin) == (2, 0.0, 0.5)
    buckets.pour(1.0, 3.0)
    assert (buckets.complete, buckets.vpin) == (4, 0.5)
