"""Statistics of closed trades and of daily returns. What cannot be told from the data given is None."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from itertools import accumulate
from math import prod, sqrt
from statistics import fmean, stdev

from vortex.domain.order import ZERO

DAYS_PER_YEAR = 365
"""The market never closes."""

MIN_RETURNS = 2
Z_95 = 1.959964
"""Standard deviations either side that hold 95 % of a normal distribution."""


def win_rate(net: Sequence[Decimal]) -> Decimal | None:
    """Return the share of trades with a net profit; break-even is no win."""
    return Decimal(sum(pnl > 0 for pnl in net)) / len(net) if net else None


def win_rate_95(wins: int, trades: int) -> tuple[float, float] | None:
    """Return the 95 % interval of the share of wins (Wilson, 1927, which holds for few trades too); None of none."""
    if not trades:
        return None
    share, weight = wins / trades, Z_95**2 / trades
    centre = share + weight / 2
    reach = Z_95 * sqrt(share * (1 - share) / trades + weight / (4 * trades))
    low, high = ((centre + sign * reach) / (1 + weight) for sign in (-1, 1))
    return max(0.0, low), min(1.0, high)


def profit_factor(net: Sequence[Decimal]) -> Decimal | None:
    """Return what the winners earned over what the losers lost; None without a loss."""
    lost = -sum((pnl for pnl in net if pnl < 0), ZERO)
    return sum((pnl for pnl in net if pnl > 0), ZERO) / lost if lost else None


def expectancy(net: Sequence[Decimal]) -> Decimal | None:
    """Return the mean net profit of a trade, USDT."""
    return sum(net, ZERO) / len(net) if net else None


def payoff(net: Sequence[Decimal]) -> Decimal | None:
    """Return the average win over the average loss; None without both."""
    wins, losses = [pnl for pnl in net if pnl > 0], [-pnl for pnl in net if pnl < 0]
    if not wins or not losses:
        return None
    return (sum(wins, ZERO) / len(wins)) / (sum(losses, ZERO) / len(losses))


def sharpe(returns: Sequence[float]) -> float | None:
    """Return the yearly Sharpe ratio of daily returns (sample deviation, no risk-free rate); None below two days."""
    if len(returns) < MIN_RETURNS:
        return None
    deviation = stdev(returns)
    return fmean(returns) / deviation * sqrt(DAYS_PER_YEAR) if deviation else None


def sortino(returns: Sequence[float]) -> float | None:
    """Return the yearly Sortino ratio of daily returns: the mean over the root mean square of the losses."""
    if len(returns) < MIN_RETURNS:
        return None
    downside = sqrt(fmean(min(each, 0.0) ** 2 for each in returns))
    return fmean(returns) / downside * sqrt(DAYS_PER_YEAR) if downside else None


def cumulative_return(returns: Sequence[float]) -> float:
    """Return the compound return; 0 of none."""
    return prod(1.0 + each for each in returns) - 1.0


def max_drawdown(returns: Sequence[float]) -> float:
    """Return the deepest fall from a peak of compounded wealth, as a share of that peak, in [-1, 0]."""
    wealth = list(accumulate((1.0 + each for each in returns), lambda before, each: before * each, initial=1.0))
    peaks = accumulate(wealth, max)
    return min(now / peak - 1.0 for now, peak in zip(wealth, peaks, strict=True))
