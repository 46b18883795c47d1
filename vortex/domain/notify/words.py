"""What notifications say of trades and figures."""

from __future__ import annotations

from decimal import Decimal

from vortex.domain.money import plain, rounded
from vortex.domain.pnl import TradeResult
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade

CENTS_FROM = Decimal(1)
"""From this amount on cents are enough; smaller ones are shown as they are."""
DAY_MS, MINUTE_MS = 86_400_000, 60_000


def usdt(amount: Decimal) -> str:
    """An amount with its sign, in cents unless they would hide it."""
    shown = rounded(amount, 2) if abs(amount) >= CENTS_FROM else amount
    return f"{'+' if amount > 0 else ''}{plain(shown)} USDT"


def opened(trade: OpenTrade) -> str:
    """A position that has just been opened."""
    plan = trade.plan
    return (
        f"{plan.symbol} {plan.side} {plain(trade.quantity)} at {plain(trade.entry_price)}, "
        f"stop {plain(plan.sl_price)}, take-profit {plain(plan.tp_price)}, "
        f"x{plan.leverage}, strategy {plan.strategy}"
    )


def closed(plan: EntryPlan, result: TradeResult, reason: CloseReason, held_ms: int) -> str:
    """What became of it; net is after fees and funding."""
    return (
        f"{plan.symbol} {plan.side} {reason}: net {usdt(result.pnl_net_usdt)} "
        f"({rounded(result.pnl_pct, 2):+f} % of margin), "
        f"fees {plain(result.open_fee_usdt + result.close_fee_usdt)}, "
        f"{plain(result.entry_price)} to {plain(result.exit_price)}, held {lasting(held_ms)}"
    )


def lasting(duration_ms: float) -> str:
    """A duration for people: `850 ms`, `12.4 s`, `3 min 20 s`, `2 h 05 min`."""
    seconds = duration_ms / 1_000
    if seconds < 1:
        return f"{duration_ms:.0f} ms"
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.1f} s"
    minutes, rest = divmod(int(seconds), 60)
    hours, left = divmod(minutes, 60)
    return f"{hours} h {left:02d} min" if hours else f"{minutes} min {rest} s"


def date_of(day: int) -> str:
    """Days since 1970 as `2026-11-28`: the civil calendar, computed in eras of 400 years that begin on 1 March."""
    era, of_era = divmod(day + 719_468, 146_097)
    year = (of_era - of_era // 1_460 + of_era // 36_524 - of_era // 146_096) // 365
    of_year = of_era - (365 * year + year // 4 - year // 100)
    shifted = (5 * of_year + 2) // 153
    month = shifted + 3 if shifted < 10 else shifted - 9  # noqa: PLR2004  # March is 0
    return f"{era * 400 + year + (month <= 2):04d}-{month:02d}-{of_year - (153 * shifted + 2) // 5 + 1:02d}"  # noqa: PLR2004


def time_of(ts_ms: int) -> str:
    """The time of day, `07:05`, UTC."""
    hours, minutes = divmod(ts_ms % DAY_MS // MINUTE_MS, 60)
    return f"{hours:02d}:{minutes:02d}"
