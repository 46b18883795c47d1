from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.market.course import LOOK_BACK, SLOT_MS, SLOTS, Course, Minute, course_of, trades_of
from vortex.sim.market.dice import dice

prices = st.integers(min_value=1, max_value=60) | st.integers(min_value=1, max_value=2_000_000)


@st.composite
def minutes(draw: st.DrawFn) -> Minute:
    low, *between, high = sorted(draw(st.lists(prices, min_size=4, max_size=4)))
    opened, close = draw(st.permutations([*between, low, high]))[:2]
    shape = Minute(open=opened, high=high, low=low, close=close, lots=0)
    lots = draw(st.integers(min_value=shape.touches, max_value=shape.touches + 5) | st.integers(10, 10**8))
    return Minute(open=opened, high=high, low=low, close=close, lots=lots)


@given(minute=minutes(), seed=st.integers(0, 2**32))
def test_trades_print_exactly_the_candle(minute: Minute, seed: int) -> None:
    course = course_of(minute, 1_000.0, dice(seed))
    printed = [trade.price for trade in course.trades]
    assert (printed[0], max(printed), min(printed), printed[-1]) == (
        minute.open, minute.high, minute.low, minute.close,
    )  # fmt: skip
    assert sum(trade.lots for trade in course.trades) == minute.lots
    assert min(trade.lots for trade in course.trades) >= 1
    assert len(course.trades) == trades_of(minute, 1_000.0)
    times = [trade.at_ms for trade in course.trades]
    assert 0 < times[0] <= times[-1] < SLOTS * SLOT_MS
    assert all(a <= b for a, b in pairwise(times))


@given(minute=minutes(), seed=st.integers(0, 2**32))
def test_trades_are_at_the_best_price_of_their_moment(minute: Minute, seed: int) -> None:
    course = course_of(minute, 1_000.0, dice(seed))
    assert len(course.bids) == SLOTS
    assert course.spread >= 1
    assert all(bid >= 0 for bid in course.bids)
    for trade in course.trades:
        bid = course.bids[trade.at_ms // SLOT_MS]
        assert trade.price == (bid if trade.buyer_is_maker else bid + course.spread)


def test_a_minute_without_volume_moves_and_does_not_trade() -> None:
    course = course_of(Minute(open=100, high=180, low=90, close=110, lots=0), 50.0, dice(1))
    assert course.trades == []
    assert min(course.bids) == 90
    assert max(course.bids) + course.spread == 180


def test_the_same_dice_give_the_same_course() -> None:
    minute = Minute(open=5_000, high=5_100, low=4_900, close=4_950, lots=70_000)
    assert course_of(minute, 50_000.0, dice(1)) == course_of(minute, 50_000.0, dice(1))
    assert course_of(minute, 50_000.0, dice(1)) != course_of(minute, 50_000.0, dice(2))


def test_more_volume_has_more_trades_up_to_a_limit() -> None:
    counts = [trades_of(Minute(open=5, high=9, low=1, close=5, lots=lots), 1_000.0) for lots in (4, 250, 4_000, 10**9)]
    assert counts == [4, 45, 180, 1_500]


@pytest.fixture(scope="module")
def lively() -> list[Course]:
    minute = Minute(open=50_000, high=50_600, low=49_700, close=50_300, lots=4_000_000)
    return [course_of(minute, 1_000_000.0, dice("lively", seed)) for seed in range(40)]


def test_takers_follow_the_move_behind_them(lively: list[Course]) -> None:
    up: list[bool] = []
    down: list[bool] = []
    for course in lively:
        for trade in course.trades:
            lean = course.lean(trade.at_ms // SLOT_MS)
            if abs(lean) > 0.5:
                (up if lean > 0 else down).append(not trade.buyer_is_maker)
    assert sum(up) / len(up) > 0.65
    assert sum(down) / len(down) < 0.35


def test_nothing_looks_ahead(lively: list[Course]) -> None:
    """What takers did says nothing of the move after it, beyond what the candle's own drift says."""
    ahead: dict[bool, list[int]] = {True: [], False: []}
    for course in lively:
        for trade in course.trades:
            slot = trade.at_ms // SLOT_MS
            if slot + LOOK_BACK < SLOTS:
                ahead[trade.buyer_is_maker].append(course.bids[slot + LOOK_BACK] - course.bids[slot])
    bought, sold = (sum(moves) / len(moves) for moves in (ahead[False], ahead[True]))
    typical = sum(map(abs, ahead[False])) / len(ahead[False])
    assert abs(bought - sold) < 0.2 * typical
