from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from vortex.domain.order import ZERO, Side
from vortex.domain.performance import NO_EDGE, PAPER, SIMULATED, interval, label_of, net_bp, net_r, performances
from vortex.domain.trade import CloseReason, Strategy, TradeRow, TradeStatus

WON = TradeRow(
    id="1", symbol="BTCUSDT", side=Side.LONG, strategy=Strategy.A, entry_price=Decimal(60_000), quantity=Decimal("0.1"),
    leverage=20, open_fee_usdt=Decimal(3), sl_price=Decimal(59_900), tp_price=Decimal(60_250), confidence=0.65,
    final_score=0.5, e1_direction="LONG", e5_regime="TRENDING_UP/NORMAL", opened_at=0, status=TradeStatus.CLOSED,
    mode="testnet", account="main", market_source="Binance Demo Trading", profile="p", revision=2,
    exit_price=Decimal(60_248), closed_at=9, hold_time_s=9, close_reason=CloseReason.TP_HIT,
    close_fee_usdt=Decimal("3.0124"), pnl_gross_usdt=Decimal("24.8"), pnl_net_usdt=Decimal("18.7876"),
)  # fmt: skip
LOST = replace(
    WON, id="2", strategy=Strategy.B, close_reason=CloseReason.SL_HIT, exit_price=Decimal(59_895),
    close_fee_usdt=Decimal("2.99475"), pnl_gross_usdt=Decimal("-10.5"), pnl_net_usdt=Decimal("-16.49475"),
    e5_regime="RANGING/LOW", symbol="ETHUSDT", confidence=1.0, funding_usdt=Decimal("0.5"),
)  # fmt: skip


def draws(values: Sequence[float]) -> Sequence[float]:
    return Random(1).choices(values, k=len(values))


def seeded(seed: int) -> Random:
    return Random(seed)


def test_the_parts_of_a_page() -> None:
    (page,) = performances([WON, LOST], draws)
    names = [(group.by, group.name, group.n) for group in page.groups]
    assert names == [
        ("all", "all", 2), ("strategy", "A", 1), ("strategy", "B", 1), ("symbol", "BTCUSDT", 1),
        ("symbol", "ETHUSDT", 1), ("regime", "RANGING/LOW", 1), ("regime", "TRENDING_UP/NORMAL", 1),
    ]  # fmt: skip
    whole = page.groups[0]
    assert whole.exits == {"TP_HIT": 1, "SL_HIT": 1}
    assert whole.win_rate == Decimal("0.5")
    assert whole.break_even_win_rate == pytest.approx(Decimal("16.49475") / (Decimal("16.49475") + Decimal("18.7876")))
    assert whole.expectancy_usdt == pytest.approx(Decimal("1.146425"))
    falls = whole.waterfall
    assert (falls.gross_usdt, falls.funding_usdt) == (Decimal("14.3"), Decimal("0.5"))
    assert falls.fees_usdt == Decimal("12.00715")
    assert falls.exit_slippage_usdt == Decimal("0.2") + Decimal("0.5")
    assert falls.fee_share_of_gross == pytest.approx(falls.fees_usdt / falls.gross_usdt)


def test_the_units_of_a_trade() -> None:
    assert net_bp(WON) == pytest.approx(18.7876 / 6_000 * 1e4)
    assert net_r(WON) == pytest.approx(18.7876 / (10 + 3 + 2.995))
    assert net_r(replace(WON, sl_price=WON.entry_price, open_fee_usdt=ZERO)) == 0.0


def test_one_trade_of_a_kind_has_no_interval_and_proves_nothing() -> None:
    (page,) = performances([WON], draws)
    assert {group.net_bp_95 for group in page.groups} == {None}
    assert {group.verdict for group in page.groups} == {NO_EDGE}
    assert page.groups[0].break_even_win_rate is None
    lost = performances([LOST], draws)[0].groups[0]
    assert lost.waterfall.fee_share_of_gross is None


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ([WON] * 30, "gains more than chance"), ([LOST] * 30, "loses more than chance"), ([WON, LOST] * 15, NO_EDGE),
    ],
)  # fmt: skip
def test_the_verdict_is_the_interval_s(rows: list[TradeRow], verdict: str) -> None:
    random = seeded(3)
    (page,) = performances(rows, lambda values: random.choices(values, k=len(values)))
    assert page.groups[0].verdict == verdict


@pytest.mark.parametrize(
    ("mode", "source", "label"),
    [
        ("paper", "recording of 2024-08-08", SIMULATED),
        ("paper", "synthetic", SIMULATED),
        ("paper", "live Binance USD-M", PAPER),
        ("paper", "live Binance USD-M + recording of 2024-08-08", SIMULATED),
        ("testnet", "Binance Demo Trading", None),
        ("live", "Binance USD-M", None),
    ],
)
def test_what_must_be_said_of_a_source(mode: str, source: str, label: str | None) -> None:
    assert label_of(mode, source) == label


def test_a_simulated_market_has_no_interval_however_many_trades() -> None:
    rows = [replace(WON, mode="paper", market_source="recording of 2024-08-08", id=str(number)) for number in range(99)]
    (page,) = performances(rows, draws)
    assert page.label == SIMULATED
    assert {group.net_bp_95 for group in page.groups} | {group.net_r_95 for group in page.groups} == {None}
    assert {group.verdict for group in page.groups} == {SIMULATED}


def test_sources_are_never_added_up_and_only_closed_trades_count() -> None:
    other = [replace(WON, mode="live"), replace(WON, account="b"), replace(WON, market_source="x")]
    open_ = replace(WON, status=TradeStatus.OPEN, pnl_net_usdt=None)
    failed = replace(WON, status=TradeStatus.FAILED, pnl_net_usdt=None)
    pages = performances([WON, *other, open_, failed, WON], draws)
    assert [page.groups[0].n for page in pages] == [2, 1, 1, 1]
    assert performances([], draws) == ()


def test_calibration_sets_confidence_against_wins() -> None:
    (page,) = performances([WON, replace(WON, confidence=0.69, pnl_net_usdt=Decimal(-1)), LOST], draws)
    assert [(each.low, each.high, each.n, each.win_share) for each in page.calibration.bins] == [
        (0.6, 0.7, 2, 0.5), (0.9, 1.0, 1, 0.0),
    ]  # fmt: skip
    assert page.calibration.bins[0].confidence == pytest.approx(0.67)
    assert page.calibration.brier == pytest.approx((0.35**2 + 0.69**2 + 1.0) / 3)


def test_an_exit_without_a_trigger_does_not_slip() -> None:
    timed = replace(WON, close_reason=CloseReason.TIME_EXIT)
    (page,) = performances([timed, replace(WON, exit_price=None)], draws)
    assert page.groups[0].waterfall.exit_slippage_usdt == 0


@settings(max_examples=10, deadline=None)
@given(st.lists(st.floats(-100, 100), min_size=2, max_size=15), st.integers(0, 99))
def test_an_interval_lies_within_what_was_seen(values: list[float], seed: int) -> None:
    random = seeded(seed)
    found = interval(values, lambda seen: random.choices(seen, k=len(seen)))
    assert found is not None
    assert min(values) - 1e-9 <= found.low <= found.high <= max(values) + 1e-9
