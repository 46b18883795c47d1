from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.market.ladder import Ladder, RecordedBook, Scale
from vortex.sim.market.wire import DepthDiff, Snapshot

LEVELS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 5)))


def diff(previous: int, first: int, last: int, *, bid: str = "99") -> DepthDiff:
    return DepthDiff(time_ms=0, first_id=first, last_id=last, previous_id=previous, bids=[(bid, "1")], asks=[])


SNAPSHOT = Snapshot(last_id=100, bids=[("98", "1")], asks=[("101", "1")])


@given(LEVELS, st.sampled_from([-1, 1]), st.integers(1, 40))
def test_ladder_is_a_sorted_mapping(levels: list[tuple[int, int]], sign: int, depth: int) -> None:
    ladder = Ladder(sign)
    ladder.apply(levels)
    rest = {price: quantity for price, quantity in dict(levels).items() if quantity}
    assert ladder.best(depth) == tuple(sorted(rest.items(), key=lambda level: sign * level[0])[:depth])


@given(st.decimals("0", "99999999", places=8))
def test_scale_is_exact(value: Decimal) -> None:
    assert Scale()[f"{value:f}"] == value * 10**8


@pytest.mark.parametrize(
    ("texts", "unit"), [(["1.50", "2.00"], "0.1"), (["3", "20"], "1"), (["0.00000001"], "0.00000001"), ([], "1")]
)
def test_unit_is_the_finest_digit_that_was_used(texts: list[str], unit: str) -> None:
    scale = Scale()
    for text in texts:
        scale[text]
    assert Decimal(scale.unit()) / 10**8 == Decimal(unit)


def test_differences_wait_for_the_snapshot_and_old_ones_are_dropped() -> None:
    book = RecordedBook()
    book.update(diff(80, 81, 90, bid="100.5"))
    book.update(diff(90, 91, 105, bid="99.5"))
    assert not book.live
    book.start(SNAPSHOT)
    assert book.live
    assert [price for price, _ in book.best(5)[0]] == [9_950_000_000, 9_800_000_000]


def test_later_snapshot_changes_nothing() -> None:
    book = RecordedBook()
    book.start(SNAPSHOT)
    book.update(diff(99, 100, 101))
    before = book.best(5)
    book.start(Snapshot(last_id=101, bids=[("1", "1")], asks=[("2", "1")]))
    assert book.best(5) == before


def test_break_in_the_chain_is_an_error() -> None:
    book = RecordedBook()
    book.start(SNAPSHOT)
    book.update(diff(99, 100, 101))
    with pytest.raises(ValueError, match="updates are missing: pu is 102, the message before ended at 101"):
        book.update(diff(102, 103, 104))


def test_gap_behind_the_snapshot_is_an_error() -> None:
    book = RecordedBook()
    book.start(SNAPSHOT)
    with pytest.raises(ValueError, match="snapshot 100, first usable U 101"):
        book.update(diff(100, 101, 102))


@pytest.mark.parametrize(("bid", "reason"), [("101", "crossed"), ("101.5", "crossed")])
def test_crossed_book_is_an_error(bid: str, reason: str) -> None:
    book = RecordedBook()
    book.start(SNAPSHOT)
    book.update(diff(99, 100, 101, bid=bid))
    with pytest.raises(ValueError, match=reason):
        book.best(1)


def test_empty_side_is_an_error() -> None:
    book = RecordedBook()
    book.start(Snapshot(last_id=100, bids=[("98", "1")], asks=[]))
    with pytest.raises(ValueError, match="empty"):
        book.best(1)
