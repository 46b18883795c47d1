from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import ladder, ladders, mirror
from vortex.domain.indicators.flow import (
    BookFlow,
    book_fault,
    imbalance,
    micro_deviation,
    micro_price,
    ofi_event,
    spread_bps,
)
from vortex.domain.market import Levels

GOOD_BIDS: Levels = ((100.0, 1.0), (99.5, 2.0))
GOOD_ASKS: Levels = ((100.5, 1.0), (101.0, 2.0))


@pytest.mark.parametrize(
    ("bids", "asks", "fault"),
    [
        (GOOD_BIDS, GOOD_ASKS, None),
        ((), GOOD_ASKS, "BOOK_EMPTY"),
        (GOOD_BIDS, (), "BOOK_EMPTY"),
        (((100.5, 1.0),), GOOD_ASKS, "BOOK_CROSSED"),
        (((101.0, 1.0),), GOOD_ASKS, "BOOK_CROSSED"),
        (((nan, 1.0),), GOOD_ASKS, "BOOK_INVALID"),
        (((100.0, nan),), GOOD_ASKS, "BOOK_INVALID"),
        (((100.0, 0.0),), GOOD_ASKS, "BOOK_INVALID"),
        (((100.0, -1.0),), GOOD_ASKS, "BOOK_INVALID"),
        (((100.0, inf),), GOOD_ASKS, "BOOK_INVALID"),
        (((0.0, 1.0),), GOOD_ASKS, "BOOK_INVALID"),
        (((-1.0, 1.0),), GOOD_ASKS, "BOOK_INVALID"),
        (((100.0, 1.0), (100.0, 1.0)), GOOD_ASKS, "BOOK_INVALID"),
        (GOOD_BIDS, ((inf, 1.0),), "BOOK_INVALID"),
        (GOOD_BIDS, ((100.5, 1.0), (100.4, 1.0)), "BOOK_INVALID"),
        (GOOD_BIDS, ((100.5, 1.0), (101.0, nan)), "BOOK_INVALID"),
        (((-inf, 1.0),), GOOD_ASKS, "BOOK_INVALID"),
    ],
)
def test_a_book_that_cannot_be_used_says_why(bids: Levels, asks: Levels, fault: str | None) -> None:
    assert book_fault(bids, asks) == fault
    step = BookFlow().step(0, bids, asks)
    assert (step.imbalance is None) == (fault is not None)


@given(ladders)
def test_the_micro_price_lies_inside_the_spread_and_its_deviation_is_the_touch_imbalance(
    book: tuple[Levels, Levels],
) -> None:
    bids, asks = book
    bid, ask = bids[0][0], asks[0][0]
    micro = micro_price(bids, asks)
    assert bid < micro < ask
    assert micro_deviation(bids, asks) == imbalance(bids, asks, 1, 1.0)
    assert micro_deviation(bids, asks) == pytest.approx((micro - (bid + ask) / 2) / ((ask - bid) / 2), abs=1e-6)


@given(ladders, st.integers(1, 20), st.sampled_from([0.5, 0.8, 1.0]))
def test_imbalance_is_bounded_and_a_mirrored_book_negates_it(
    book: tuple[Levels, Levels], depth: int, decay: float
) -> None:
    share = imbalance(*book, depth, decay)
    other = imbalance(*mirror(*book, centre=75_000.0), depth, decay)
    assert share is not None
    assert other is not None
    assert -1.0 <= share <= 1.0
    assert share == -other


def test_imbalance_weighs_levels_by_their_distance() -> None:
    bids, asks = ladder(10, [4.0, 2.0], [1.0])
    assert imbalance(bids, asks, 10, 1.0) == pytest.approx(5 / 7)
    assert imbalance(bids, asks, 10, 0.5) == pytest.approx(4 / 6)
    assert imbalance((), (), 10, 1.0) is None


def literal_event(old: tuple[Levels, Levels], new: tuple[Levels, Levels]) -> float:
    """The published formula, indicator by indicator."""
    (old_bid, old_bid_size), (old_ask, old_ask_size) = old[0][0], old[1][0]
    (bid, bid_size), (ask, ask_size) = new[0][0], new[1][0]
    return (
        bid_size * (bid >= old_bid)
        - old_bid_size * (bid <= old_bid)
        - ask_size * (ask <= old_ask)
        + old_ask_size * (ask >= old_ask)
    )


@given(ladders, ladders)
def test_an_order_flow_event_is_the_published_formula(old: tuple[Levels, Levels], new: tuple[Levels, Levels]) -> None:
    event = ofi_event(old[0][0], old[1][0], new[0][0], new[1][0])
    assert event == pytest.approx(literal_event(old, new), abs=1e-9)
    flow = BookFlow()
    flow.step(0, *old)
    step = flow.step(1, *new)
    assert step.ofi[0] == event
    assert step.ofi_abs == tuple(abs(value) for value in step.ofi)
    assert not step.resync


@given(ladders, ladders)
def test_a_mirrored_pair_of_books_negates_every_event(old: tuple[Levels, Levels], new: tuple[Levels, Levels]) -> None:
    flow, other = BookFlow(levels=20), BookFlow(levels=20)
    flow.step(0, *old)
    other.step(0, *mirror(*old, centre=75_000.0))
    events = flow.step(1, *new).ofi
    assert events == pytest.approx([-value for value in other.step(1, *mirror(*new, centre=75_000.0)).ofi], abs=1e-9)


def test_a_level_missing_in_either_book_contributes_nothing() -> None:
    flow = BookFlow(levels=3)
    flow.step(0, *ladder(10, [1.0, 1.0], [1.0]))
    assert flow.step(1, *ladder(10, [3.0, 3.0], [1.0, 1.0])).ofi == (2.0, 0.0, 0.0)


def test_nothing_spans_the_first_book_a_reset_or_a_book_that_cannot_be_trusted() -> None:
    flow = BookFlow(levels=2)
    small, large = ladder(10, [1.0], [1.0]), ladder(10, [9.0], [1.0])
    zeros = (0.0, 0.0)
    first = flow.step(0, *small)
    assert (first.resync, first.ofi, first.ofi_abs, first.imbalance) == (True, zeros, zeros, 0.0)
    flow.reset()
    assert flow.step(1, *large).resync
    assert not flow.step(2, *small).resync
    bad = flow.step(3, (), large[1])
    assert (bad.resync, bad.imbalance, bad.ofi) == (True, None, zeros)
    after = flow.step(4, *large)
    assert (after.resync, after.ofi) == (True, zeros)
    assert after.imbalance == pytest.approx(0.8)


@pytest.mark.parametrize(
    ("bids", "asks"), [((), GOOD_ASKS), (GOOD_BIDS, ()), (((nan, 1.0),), GOOD_ASKS), (((101.0, 1.0),), GOOD_ASKS)]
)
def test_a_bad_touch_has_no_spread(bids: Levels, asks: Levels) -> None:
    assert spread_bps(bids, asks) is None


def test_the_spread_is_told_in_basis_points_of_the_mid() -> None:
    assert spread_bps(((99.0, 1.0),), ((101.0, 1.0),)) == pytest.approx(200.0)
