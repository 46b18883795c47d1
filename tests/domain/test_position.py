from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.domain.money_builders import NOW, book, mark, trade
from vortex.domain.market import Book, MarkPrice
from vortex.domain.order import Side
from vortex.domain.position import MonitorParams, check_exit, exit_price, is_blind
from vortex.domain.trade import CloseReason, OpenTrade

PARAMS = MonitorParams()
LONG = trade()
SHORT = replace(
    trade(side=Side.SHORT, sl_price=Decimal("60084.6"), tp_price=Decimal("59746.2")),
    liquidation_price=Decimal(62_700),
)


def quotes(bid: float, ask: float, *, at_ms: int = NOW) -> Book:
    return book(bids=((bid, 1.0),), asks=((ask, 1.0),), at_ms=at_ms)


def look(of: OpenTrade, at: Book | None, marked: MarkPrice | None = None, now_ms: int = NOW) -> CloseReason | None:
    return check_exit(of, book=at, mark=marked, now_ms=now_ms, params=PARAMS)


@pytest.mark.parametrize(
    ("of", "bid", "ask", "expected"),
    [
        (LONG, 59_915.5, 59_915.6, None),
        (LONG, 59_915.4, 59_999.9, CloseReason.SL_HIT),
        (LONG, 50_000.0, 60_300.0, CloseReason.SL_HIT),
        (LONG, 60_253.7, 60_253.8, None),
        (LONG, 60_253.8, 60_253.9, CloseReason.TP_HIT),
        (SHORT, 60_084.4, 60_084.5, None),
        (SHORT, 60_084.5, 60_084.6, CloseReason.SL_HIT),
        (SHORT, 59_746.2, 59_746.3, None),
        (SHORT, 59_746.1, 59_746.2, CloseReason.TP_HIT),
    ],
)
def test_the_executable_price_decides(of: OpenTrade, bid: float, ask: float, expected: CloseReason | None) -> None:
    assert look(of, quotes(bid, ask)) is expected


def test_where_both_would_be_hit_the_stop_counts() -> None:
    torn = trade(sl_price=Decimal(60_000), tp_price=Decimal(60_000))
    assert look(torn, quotes(60_000.0, 60_000.1)) is CloseReason.SL_HIT


@pytest.mark.parametrize(
    ("of", "price", "expected"),
    [
        (LONG, 57_342.3, CloseReason.EMERGENCY),
        (LONG, 57_342.4, None),
        (SHORT, 62_657.7, CloseReason.EMERGENCY),
        (SHORT, 62_657.6, None),
    ],
)
def test_mark_near_liquidation_is_an_emergency_before_all_else(
    of: OpenTrade, price: float, expected: CloseReason | None
) -> None:
    assert look(of, quotes(60_000.0, 60_000.1), mark(price)) is expected
    if expected:
        assert look(of, quotes(50_000.0, 70_000.0), mark(price)) is CloseReason.EMERGENCY


def test_without_a_liquidation_price_there_is_no_emergency() -> None:
    assert look(replace(LONG, liquidation_price=None), quotes(60_000.0, 60_000.1), mark(1.0)) is None


def test_time_ends_a_trade_also_without_any_price() -> None:
    end = NOW + 1_800_000
    assert look(LONG, None, None, end - 1) is None
    assert look(LONG, None, None, end) is CloseReason.TIME_EXIT
    assert look(LONG, quotes(59_000.0, 59_001.0, at_ms=end), None, end) is CloseReason.SL_HIT


@pytest.mark.parametrize(
    ("book_age_ms", "mark_age_ms", "expected"),
    [(3_000, 0, "60000"), (3_001, 0, "61000"), (3_001, 10_000, "61000"), (3_001, 10_001, None)],
)
def test_a_stale_book_gives_way_to_the_mark_price(book_age_ms: int, mark_age_ms: int, expected: str | None) -> None:
    at, marked = quotes(60_000.0, 60_000.1, at_ms=NOW - book_age_ms), mark(61_000.0, at_ms=NOW - mark_age_ms)
    price = exit_price(Side.LONG, at, marked, NOW, PARAMS)
    assert price == (None if expected is None else Decimal(expected))
    assert is_blind(at, marked, NOW, PARAMS) is False


@pytest.mark.parametrize("bids", [(), ((float("nan"), 1.0),), ((0.0, 1.0),)])
def test_an_unusable_side_counts_as_stale(bids: tuple[tuple[float, float], ...]) -> None:
    assert exit_price(Side.LONG, book(bids=bids), mark(61_000.0), NOW, PARAMS) == 61_000
    assert exit_price(Side.LONG, book(bids=bids), mark(float("nan")), NOW, PARAMS) is None


def test_blind_means_that_neither_arrived_for_long() -> None:
    old, older = quotes(1.0, 2.0, at_ms=NOW - 10_001), mark(at_ms=NOW - 20_000)
    assert is_blind(old, older, NOW, PARAMS)
    assert is_blind(None, None, NOW, PARAMS)
    assert not is_blind(old, mark(at_ms=NOW - 10_000), NOW, PARAMS)


def test_limits_that_contradict_each_other_are_refused() -> None:
    with pytest.raises(ValueError, match="book_stale_ms"):
        MonitorParams(book_stale_ms=20_000)
