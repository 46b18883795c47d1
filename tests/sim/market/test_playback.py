from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, pairwise, takewhile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.sim.core.market import BookEvent, MarkEvent, TradeEvent
from vortex.sim.market.playback import Playback, mirrored_book, mirrored_trade
from vortex.sim.market.tape import Tape, load_tape

START_MS = 1_760_000_012_345


def played(tape: Tape, position_ms: int, for_ms: int) -> Iterator[BookEvent | TradeEvent | MarkEvent]:
    events = Playback(tape, "XUSDT").events(position_ms, START_MS)
    return takewhile(lambda event: event.ts_ms < START_MS + for_ms, events)


def best(book: BookEvent) -> tuple[int, int]:
    return book.bids[0][0], book.asks[0][0]


PRICES = st.lists(st.integers(1, 400), min_size=1, max_size=20, unique=True)
BOOKS = st.builds(
    lambda bids, asks: BookEvent(
        ts_ms=5,
        symbol="X",
        bids=tuple((price, price % 7 + 1) for price in sorted(bids, reverse=True)),
        asks=tuple((400 + price, price % 5 + 1) for price in sorted(asks)),
    ),
    PRICES,
    PRICES,
)


@given(BOOKS, st.integers(801, 2_000))
def test_mirroring_a_book_twice_is_the_identity(book: BookEvent, pivot: int) -> None:
    mirror = mirrored_book(book, pivot)
    assert mirrored_book(mirror, pivot) == book
    assert best(mirror) == (pivot - best(book)[1], pivot - best(book)[0])
    assert [lots for _, lots in mirror.bids] == [lots for _, lots in book.asks]


@given(BOOKS, st.integers(402, 800))
def test_mirror_leaves_out_what_would_not_stay_positive(book: BookEvent, pivot: int) -> None:
    mirror = mirrored_book(book, pivot)
    assert len(mirror.bids) == sum(price < pivot for price, _ in book.asks)
    assert all(price > 0 for price, _ in mirror.bids + mirror.asks)


@given(st.integers(1, 500), st.booleans())
def test_mirroring_a_trade_twice_is_the_identity(price: int, maker: bool) -> None:  # noqa: FBT001  # hypothesis fills it
    trade = TradeEvent(ts_ms=1, symbol="X", trade_id=2, price_ticks=price, quantity_lots=3, buyer_is_maker=maker)
    mirror = mirrored_trade(trade, 1_000)
    assert (mirror.price_ticks, mirror.buyer_is_maker) == (1_000 - price, not maker)
    assert mirrored_trade(mirror, 1_000) == trade


def test_three_rounds_join_without_a_jump(shipped: Tape) -> None:
    books = [event for event in played(shipped, 0, 3 * shipped.duration_ms + 500) if isinstance(event, BookEvent)]
    count = len(shipped.book_times)
    for round_ in (1, 2, 3):
        before, after = best(books[round_ * count - 1]), best(books[round_ * count])
        assert abs(sum(before) - sum(after)) <= 2  # double mid: one tick
        assert abs(before[0] - after[0]) <= 3
    assert sum(best(books[0])) == sum(best(books[2 * count]))


def test_no_book_of_the_mirror_is_crossed(shipped: Tape) -> None:
    for event in played(shipped, shipped.duration_ms, shipped.duration_ms):
        if isinstance(event, BookEvent):
            assert event.bids[0][0] < event.asks[0][0]


def test_time_and_trade_ids_run_on_over_the_joints(shipped: Tape) -> None:
    events = list(played(shipped, 0, 3 * shipped.duration_ms))
    assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(events))
    ids = [event.trade_id for event in events if isinstance(event, TradeEvent)]
    assert ids == list(range(1, 3 * len(shipped.trade_times) + 1))


@pytest.mark.parametrize("part", [0.0, 0.31, 0.999, 1.0, 1.73, 2.5])
def test_playing_on_equals_never_having_stopped(btc: Tape, part: float) -> None:
    position_ms = round(part * btc.duration_ms)
    resumed = list(islice(Playback(btc, "XUSDT").events(position_ms, START_MS), 400))
    whole = Playback(btc, "XUSDT").events(0, START_MS - position_ms)
    standing: BookEvent | None = None
    for event in whole:
        if event.ts_ms > START_MS:
            break
        standing = event if isinstance(event, BookEvent) else standing
    assert standing is not None
    first = resumed[0]
    assert isinstance(first, BookEvent)
    assert (first.ts_ms, first.bids, first.asks) == (START_MS, standing.bids, standing.asks)
    assert resumed[1:] == [event, *islice(whole, 398)]


def test_mid_and_last_price_agree_with_what_is_played(btc: Tape) -> None:
    playback = Playback(btc, "XUSDT")
    for event in played(btc, 0, round(2.2 * btc.duration_ms)):
        position_ms = event.ts_ms - START_MS
        if isinstance(event, BookEvent):
            assert playback.double_mid(position_ms) == sum(best(event))
    trades = [event for event in played(btc, 0, 2 * btc.duration_ms) if isinstance(event, TradeEvent)]
    for trade, after in pairwise(trades):
        if after.ts_ms > trade.ts_ms:
            assert playback.last_price(trade.ts_ms - START_MS) == trade.price_ticks


def test_recorded_mark_prices_play_at_their_times_and_are_mirrored(write: Write) -> None:
    lines = [
        wire.partial(1_000, [("10.0", "1")], [("10.2", "1")]),
        wire.mark(1_300, "10.15", "0.0001"),
        wire.mark(2_300, "10.35", "-0.0002"),
        wire.partial(2_950, [("10.4", "1")], [("10.6", "1")]),
    ]
    playback = Playback(load_tape(write(lines)), "XUSDT")
    assert playback.has_marks
    events = list(islice(playback.events(0, START_MS), 8))
    assert [(type(event), event.ts_ms - START_MS) for event in events] == [
        (BookEvent, 0), (MarkEvent, 0), (MarkEvent, 300), (MarkEvent, 1_300), (BookEvent, 1_950),
        (BookEvent, 2_000), (MarkEvent, 2_300), (MarkEvent, 3_300),
    ]  # fmt: skip
    figures = [
        (f"{event.mark_price.normalize():f}", f"{event.index_price.normalize():f}", f"{event.funding_rate:f}")
        for event in events
        if isinstance(event, MarkEvent)
    ]
    assert figures == [
        ("10.15", "10.15", "0.00010000"), ("10.15", "10.15", "0.00010000"), ("10.35", "10.35", "-0.00020000"),
        ("10.45", "10.45", "-0.00010000"), ("10.25", "10.25", "0.00020000"),
    ]  # fmt: skip
