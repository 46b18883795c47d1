from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.test_performance import LOST, WON
from vortex.domain.order import ZERO
from vortex.domain.performance import SIMULATED
from vortex.domain.results import DAY_MS, Point, Results, Tally, curve, results, thinned
from vortex.domain.trade import TradeRow, TradeStatus

NOW_MS = 20_000 * DAY_MS + 5_000
TODAY_MS = 20_000 * DAY_MS
CENTS = st.lists(st.integers(-500, 500), min_size=1, max_size=60)


def closed(at_ms: int, row: TradeRow = WON) -> TradeRow:
    return replace(row, id=str(at_ms), closed_at=at_ms)


def rows_of(cents: Sequence[int]) -> list[TradeRow]:
    return [replace(closed(number), pnl_net_usdt=Decimal(each) / 100) for number, each in enumerate(cents)]


def named(page: Results, by: str, name: str) -> Tally:
    (found,) = (each for each in page.tallies if (each.by, each.name) == (by, name))
    return found


def test_days_begin_at_midnight_utc() -> None:
    times = (TODAY_MS, TODAY_MS - 1, TODAY_MS - 6 * DAY_MS, TODAY_MS - 6 * DAY_MS - 1)
    (page,) = results([closed(at_ms) for at_ms in times], NOW_MS)
    assert [named(page, "period", name).n for name in ("today", "7 days", "all")] == [1, 3, 4]


def test_a_tally_adds_up() -> None:
    (page,) = results([closed(2, LOST), closed(1)], NOW_MS)
    whole = named(page, "period", "all")
    assert (whole.n, whole.wins, whole.win_rate) == (2, 1, Decimal("0.5"))
    assert whole.net_usdt == Decimal("18.7876") - Decimal("16.49475")
    assert whole.gross_usdt == Decimal("14.3")
    assert whole.fees_usdt == Decimal("12.00715")
    assert whole.funding_usdt == Decimal("0.5")
    assert whole.profit_factor == Decimal("18.7876") / Decimal("16.49475")
    assert whole.win_rate_95 == pytest.approx((0.0945, 0.9055), abs=1e-4)
    parts = [(each.by, each.name, each.n) for each in page.tallies if each.by != "period"]
    assert parts == [
        ("symbol", "BTCUSDT", 1), ("symbol", "ETHUSDT", 1), ("strategy", "A", 1), ("strategy", "B", 1),
        ("exit", "SL_HIT", 1), ("exit", "TP_HIT", 1),
    ]  # fmt: skip
    assert page.label is None


def test_what_cannot_be_told_is_none() -> None:
    (page,) = results([closed(1)], NOW_MS)
    today = named(page, "period", "today")
    assert (today.n, today.win_rate, today.win_rate_95, today.profit_factor) == (0, None, None, None)
    assert named(page, "period", "all").profit_factor is None, "no loss yet"
    assert results([replace(WON, status=TradeStatus.OPEN, pnl_net_usdt=None)], NOW_MS) == ()


def test_sources_are_pages_of_their_own_and_the_newest_comes_first() -> None:
    paper = replace(closed(7), mode="paper", market_source="recording of 2024-08-08")
    pages = results([closed(5), paper, closed(6)], NOW_MS)
    assert [(page.mode, page.label, len(page.curve)) for page in pages] == [
        ("paper", SIMULATED, 1),
        ("testnet", None, 2),
    ]


def test_the_curve_falls_from_its_peak() -> None:
    points = curve(rows_of([300, -100, -100, 50, 200]))
    assert [point.net_usdt for point in points] == [3, 2, 1, Decimal("1.5"), Decimal("3.5")]
    assert [point.drawdown_usdt for point in points] == [0, -1, -2, Decimal("-1.5"), 0]
    assert curve(rows_of([-100]))[0].drawdown_usdt == -1, "the peak before the first trade is zero"


@given(CENTS)
def test_a_curve_ends_at_the_sum(cents: Sequence[int]) -> None:
    (page,) = results(rows_of(cents), NOW_MS)
    assert page.curve[-1].net_usdt == named(page, "period", "all").net_usdt == sum(cents) / Decimal(100)
    assert page.max_drawdown_usdt == min(point.drawdown_usdt for point in page.curve) <= ZERO


@given(CENTS, st.integers(2, 20))
@example([0] * 6, 3)
def test_a_thinned_curve_keeps_the_deepest_fall_and_the_end(cents: Sequence[int], most: int) -> None:
    whole = curve(rows_of(cents))
    kept: tuple[Point, ...] = thinned(whole, most)
    assert len(kept) <= most
    assert kept[-1] == whole[-1]
    assert min(point.drawdown_usdt for point in kept) == min(point.drawdown_usdt for point in whole)
    assert [point.closed_ms for point in kept] == sorted({point.closed_ms for point in kept})
