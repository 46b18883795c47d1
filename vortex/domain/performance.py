"""What closed trades prove, and what they do not: expectancy with its interval, where the gross went, calibration.

Nothing here adds trades of two modes, accounts or market sources. A simulated market is no evidence, however many
trades it gives: then there is no interval.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from statistics import fmean

from msgspec import Struct

from vortex.domain.money import BPS
from vortex.domain.order import ZERO
from vortex.domain.stats import expectancy, payoff, profit_factor, win_rate
from vortex.domain.trade import CloseReason, TradeRow, TradeStatus

SIMULATED, PAPER, NO_EDGE = "simulated market: not evidence", "paper fills", "no evidence of edge"
LIVE_SOURCE = "live"
"""How the label of a source begins that relays the real market."""
RESAMPLES = 1_000
TAIL = 0.025
LEAST_TRADES = 2
DECILES = 10
TRIGGERS = (CloseReason.SL_HIT, CloseReason.TP_HIT)

Resample = Callable[[Sequence[float]], Sequence[float]]
"""Draws as many values as there are, with replacement."""


class Interval(Struct, frozen=True):
    """The central 95 % of a bootstrapped mean."""

    low: float
    high: float


class Waterfall(Struct, frozen=True, kw_only=True):
    """From gross to net, USDT. Slippage is part of gross: what exits lost against the price that triggered them."""

    gross_usdt: Decimal
    fees_usdt: Decimal
    funding_usdt: Decimal
    net_usdt: Decimal
    exit_slippage_usdt: Decimal
    fee_share_of_gross: Decimal | None


class Group(Struct, frozen=True, kw_only=True):
    """Trades that have something in common; what cannot be told of so few is None."""

    by: str
    name: str
    n: int
    net_bp: float
    """Mean net result of a trade in basis points of its notional."""
    net_r: float
    """The same in multiples of the loss at its stop, fees included."""
    net_bp_95: Interval | None
    net_r_95: Interval | None
    verdict: str
    win_rate: Decimal | None
    break_even_win_rate: Decimal | None
    """Share of wins at which trades with these average wins and losses earn nothing."""
    profit_factor: Decimal | None
    expectancy_usdt: Decimal | None
    waterfall: Waterfall
    exits: Mapping[str, int]


class Bin(Struct, frozen=True, kw_only=True):
    """A tenth of the range of confidence against what became of it."""

    low: float
    high: float
    n: int
    confidence: float
    win_share: float


class Calibration(Struct, frozen=True, kw_only=True):
    """Confidence as if it were a probability, which it is not until this says so."""

    bins: tuple[Bin, ...]
    brier: float
    """Mean squared distance of confidence from what happened: 0.25 for a coin that always says one half."""


class Performance(Struct, frozen=True, kw_only=True):
    """The closed trades of one mode, account and market source."""

    mode: str
    account: str
    market_source: str
    label: str | None
    groups: tuple[Group, ...]
    calibration: Calibration


def performances(rows: Iterable[TradeRow], resample: Resample) -> tuple[Performance, ...]:
    """Return one page for each mode, account and market source that has closed trades."""
    sources: dict[tuple[str, str, str], list[TradeRow]] = {}
    for row in rows:
        if row.status is TradeStatus.CLOSED and row.pnl_net_usdt is not None:
            sources.setdefault((row.mode, row.account, row.market_source), []).append(row)
    return tuple([_performance(key, closed, resample) for key, closed in sources.items()])


def label_of(mode: str, market_source: str) -> str | None:
    """Return what must be said beside every figure of this source; None for real orders on a real exchange."""
    if mode != "paper":
        return None
    real = all(part.strip().lower().startswith(LIVE_SOURCE) for part in market_source.split(" + "))
    return PAPER if real else SIMULATED


def net_bp(row: TradeRow) -> float:
    """Net result in basis points of the entry's notional."""
    return float(BPS * (row.pnl_net_usdt or ZERO) / (row.quantity * row.entry_price))


def net_r(row: TradeRow) -> float:
    """Net result in multiples of what the stop would have cost with the fees of both sides."""
    stop_fee = row.open_fee_usdt * row.sl_price / row.entry_price
    risk = row.quantity * abs(row.entry_price - row.sl_price) + row.open_fee_usdt + stop_fee
    return float((row.pnl_net_usdt or ZERO) / risk) if risk > 0 else 0.0


def interval(values: Sequence[float], resample: Resample) -> Interval | None:
    """Bootstrap the mean; None below two values."""
    if len(values) < LEAST_TRADES:
        return None
    means = sorted([fmean(resample(values)) for _ in range(RESAMPLES)])
    edge = int(TAIL * RESAMPLES)
    return Interval(means[edge], means[-1 - edge])


def _performance(key: tuple[str, str, str], rows: Sequence[TradeRow], resample: Resample) -> Performance:
    mode, account, source = key
    label = label_of(mode, source)
    evidence = None if label == SIMULATED else resample
    groups = [_group("all", "all", rows, evidence)]
    for by, name_of in (
        ("strategy", lambda row: str(row.strategy)),
        ("symbol", lambda row: row.symbol),
        ("regime", lambda row: row.e5_regime),
    ):
        parts: dict[str, list[TradeRow]] = {}
        for row in rows:
            parts.setdefault(name_of(row), []).append(row)
        groups += [_group(by, name, part, evidence) for name, part in sorted(parts.items())]
    return Performance(
        mode=mode, account=account, market_source=source, label=label, groups=tuple(groups),
        calibration=_calibration(rows),
    )  # fmt: skip


def _group(by: str, name: str, rows: Sequence[TradeRow], resample: Resample | None) -> Group:
    bps, rs = [net_bp(row) for row in rows], [net_r(row) for row in rows]
    net = [row.pnl_net_usdt or ZERO for row in rows]
    bp_95, r_95 = (interval(bps, resample), interval(rs, resample)) if resample else (None, None)
    ratio = payoff(net)
    return Group(
        by=by, name=name, n=len(rows), net_bp=fmean(bps), net_r=fmean(rs), net_bp_95=bp_95, net_r_95=r_95,
        verdict=_verdict(bp_95) if resample else SIMULATED, win_rate=win_rate(net),
        break_even_win_rate=None if ratio is None else 1 / (1 + ratio),
        profit_factor=profit_factor(net), expectancy_usdt=expectancy(net), waterfall=_waterfall(rows),
        exits=dict(Counter([str(row.close_reason) for row in rows])),
    )  # fmt: skip


def _verdict(interval: Interval | None) -> str:
    if interval is None or interval.low <= 0.0 <= interval.high:
        return NO_EDGE
    return "gains more than chance" if interval.low > 0.0 else "loses more than chance"


def _waterfall(rows: Sequence[TradeRow]) -> Waterfall:
    gross = sum([row.pnl_gross_usdt or ZERO for row in rows], ZERO)
    fees = sum([row.open_fee_usdt + (row.close_fee_usdt or ZERO) for row in rows], ZERO)
    return Waterfall(
        gross_usdt=gross, fees_usdt=fees, funding_usdt=sum([row.funding_usdt for row in rows], ZERO),
        net_usdt=sum([row.pnl_net_usdt or ZERO for row in rows], ZERO),
        exit_slippage_usdt=sum([_exit_slippage(row) for row in rows], ZERO),
        fee_share_of_gross=fees / gross if gross > 0 else None,
    )  # fmt: skip


def _exit_slippage(row: TradeRow) -> Decimal:
    """What leaving lost against the trigger price; an exit without one, as by time, slips against nothing."""
    if row.exit_price is None or row.close_reason not in TRIGGERS:
        return ZERO
    trigger = row.sl_price if row.close_reason is CloseReason.SL_HIT else row.tp_price
    return row.side.sign * (trigger - row.exit_price) * row.quantity


def _calibration(rows: Sequence[TradeRow]) -> Calibration:
    wins = [(row.confidence, (row.pnl_net_usdt or ZERO) > 0) for row in rows]
    bins = []
    for number in range(DECILES):
        inside = [each for each in wins if min(int(each[0] * DECILES), DECILES - 1) == number]
        if inside:
            bins.append(
                Bin(
                    low=number / DECILES, high=(number + 1) / DECILES, n=len(inside),
                    confidence=fmean([confidence for confidence, _ in inside]),
                    win_share=fmean([float(won) for _, won in inside]),
                )
            )  # fmt: skip
    return Calibration(bins=tuple(bins), brier=fmean([(confidence - won) ** 2 for confidence, won in wins]))
