"""What the views must say, counted once more in Python from the rows themselves, exactly."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal, localcontext
from itertools import accumulate
from typing import Any

from vortex.adapters.ledger import APART
from vortex.domain.trade import TradeRow, TradeStatus

ZERO = Decimal(0)
RECENT = 50


def summaries(rows: Sequence[TradeRow], midnight_ms: int, *more: str) -> dict[tuple[str, ...], dict[str, Any]]:
    """The figures of each mode, account and market source, and of each of `more` within them."""
    groups: dict[tuple[str, ...], list[TradeRow]] = defaultdict(list)
    for row in rows:
        groups[tuple(getattr(row, name) for name in (*APART, *more))].append(row)
    return {key: _figures(group, midnight_ms) for key, group in groups.items()}


def recent(rows: Sequence[TradeRow]) -> list[str]:
    """Ids of the newest of each mode, account and market source, newest first."""
    newest = sorted(rows, key=lambda row: (row.opened_at, row.id), reverse=True)
    taken: dict[tuple[str, ...], list[TradeRow]] = defaultdict(list)
    for row in newest:
        group = taken[tuple(getattr(row, name) for name in APART)]
        if len(group) < RECENT:
            group.append(row)
    kept = {row.id for group in taken.values() for row in group}
    return [row.id for row in newest if row.id in kept]


def _figures(group: Sequence[TradeRow], midnight_ms: int) -> dict[str, Any]:
    closed = sorted(
        (row for row in group if row.status is TradeStatus.CLOSED), key=lambda row: (row.closed_at or 0, row.id)
    )
    net = [row.pnl_net_usdt or ZERO for row in closed]
    won, lost = [each for each in net if each > 0], [-each for each in net if each < 0]
    times = [row.closed_at for row in closed]
    return {
        "total_trades": len(closed),
        "open_trades": sum(row.status is TradeStatus.OPEN for row in group),
        "failed_trades": sum(row.status is TradeStatus.FAILED for row in group),
        "wins": len(won),
        "losses": len(lost),
        "breakeven": len(net) - len(won) - len(lost),
        "win_rate_pct": _over(Decimal(100 * len(won)), len(net), 2),
        "pnl_gross_usdt": sum((row.pnl_gross_usdt or ZERO for row in closed), ZERO),
        "fees_usdt": sum((row.open_fee_usdt + (row.close_fee_usdt or ZERO) for row in closed), ZERO),
        "pnl_net_usdt": sum(net, ZERO),
        "pnl_net_today_usdt": sum(
            (row.pnl_net_usdt or ZERO for row in closed if (row.closed_at or 0) >= midnight_ms), ZERO
        ),
        "profit_factor": _over(sum(won, ZERO), sum(lost, ZERO), 4),
        "expectancy_usdt": _over(sum(net, ZERO), len(net), 8),
        "avg_win_usdt": _over(sum(won, ZERO), len(won), 8),
        "avg_loss_usdt": _over(-sum(lost, ZERO), len(lost), 8),
        "avg_pnl_pct": _over(sum((row.pnl_pct or ZERO for row in closed), ZERO), len(closed), 4),
        "best_trade_usdt": max(net, default=None),
        "worst_trade_usdt": min(net, default=None),
        "avg_hold_time_s": _over(Decimal(sum(row.hold_time_s or 0 for row in closed)), len(closed), 3),
        "max_drawdown_usdt": _drawdown(net),
        "first_closed_at": times[0] if times else None,
        "last_closed_at": times[-1] if times else None,
    }


def _drawdown(net: Sequence[Decimal]) -> Decimal:
    """The deepest fall of the sum from its highest point so far, 0 at the beginning included."""
    equity = list(accumulate(net, initial=ZERO))
    return max(high - now for high, now in zip(accumulate(equity, max), equity, strict=True))


def _over(part: Decimal, whole: Decimal | int, places: int) -> Decimal | None:
    if not whole:
        return None
    with localcontext(prec=60):
        return (part / whole).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
