from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain import stats

NET = st.lists(st.decimals("-100", "100", places=4), min_size=1, max_size=40)
RETURNS = st.lists(st.floats(-0.5, 0.5), max_size=60)


def money(*values: int) -> list[Decimal]:
    return [Decimal(value) for value in values]


def test_of_nothing_nothing_can_be_told() -> None:
    assert [f([]) for f in (stats.win_rate, stats.profit_factor, stats.expectancy, stats.payoff)] == [None] * 4
    assert stats.sharpe([]) is stats.sortino([0.01]) is stats.sharpe([0.01]) is None
    assert stats.cumulative_return([]) == stats.max_drawdown([]) == 0


def test_break_even_is_neither_won_nor_lost() -> None:
    net = money(2, 0, -1, 0)
    assert (stats.win_rate(net), stats.profit_factor(net), stats.payoff(net)) == (
        Decimal("0.25"),
        Decimal(2),
        Decimal(2),
    )


@pytest.mark.parametrize("net", [money(1, 2), money(0)])
def test_without_a_loss_there_is_no_ratio(net: Sequence[Decimal]) -> None:
    assert stats.profit_factor(net) is stats.payoff(net) is None


def test_returns_without_deviation_or_loss_have_no_ratio() -> None:
    assert stats.sharpe([0.5, 0.5]) is None
    assert stats.sortino([0.01, 0.02]) is None


@given(NET)
def test_expectancy_times_count_is_the_sum(net: list[Decimal]) -> None:
    mean = stats.expectancy(net)
    assert mean is not None
    assert abs(mean * len(net) - sum(net)) < Decimal("1e-20")


@given(RETURNS)
def test_a_drawdown_is_a_share_of_the_peak(returns: list[float]) -> None:
    drawdown = stats.max_drawdown(returns)
    assert -1 <= drawdown <= 0
    assert drawdown <= min(0.0, stats.cumulative_return(returns)) + 1e-9


def test_the_deepest_fall_counts_not_the_last() -> None:
    assert stats.max_drawdown([0.1, -0.5, 1.0, -0.2]) == pytest.approx(-0.5)


@pytest.mark.parametrize(
    ("wins", "trades", "interval"),
    [(0, 10, (0.0, 0.2775)), (1, 1, (0.2065, 1.0)), (5, 10, (0.2366, 0.7634)), (500, 1_000, (0.4691, 0.5309))],
)
def test_the_interval_of_the_share_of_wins(wins: int, trades: int, interval: tuple[float, float]) -> None:
    """Wilson's, by the values that textbooks and R's prop.test without continuity correction give."""
    assert stats.win_rate_95(wins, trades) == pytest.approx(interval, abs=1e-4)
    assert stats.win_rate_95(0, 0) is None
