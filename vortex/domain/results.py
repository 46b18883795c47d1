"""What closed trades made, by period, symbol, strategy and exit, and their curve; no two sources are added up."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal

from msgspec import Struct

from vortex.domain.order import ZERO
from vortex.domain.performance import label_of
from vortex.domain.stats import profit_factor, win_rate, win_rate_95
from vortex.domain.trade import TradeRow, TradeStatus

DAY_MS = 86_400_000
WEEK_DAYS = 7
MOST_POINTS = 500
"""Of a curve; of more trades some are left out, never the deepest fall or the last one."""

Key = tuple[str, str, str]


class Tally(Struct, frozen=True, kw_only=True):
    """Trades that have something in common; what cannot be told of them is None.

    Attributes:
        by: `period`, `symbol`, `strategy` or `exit`.
        name: Which: a period is `today` (UTC), `7 days` (today and the six days before) or `all`.
        win_rate_95: Where the true share of wins lies in 95 of 100 such samples, by chance alone.
    """

    by: str
    name: str
    n: int
    wins: int
    gross_usdt: Decimal
    fees_usdt: Decimal
    funding_usdt: Decimal
    net_usdt: Decimal
    win_rate: Decimal | None
    win_rate_95: tuple[float, float] | None
    profit_factor: Decimal | None


class Point(Struct, frozen=True):
    """The sum of net results after one trade, and how far it is below its highest point until then, at most 0."""

    closed_ms: int
    net_usdt: Decimal
    drawdown_usdt: Decimal


class Results(Struct, frozen=True, kw_only=True):
    """The closed trades of one mode, account and market source.

    Attributes:
        label: What must be said beside every figure; None for real orders on a real exchange.
        curve: From the first trade on, in the order in which they closed.
        max_drawdown_usdt: The deepest fall of the whole curve, at most 0.
    """

    mode: str
    account: str
    market_source: str
    label: str | None
    tallies: tuple[Tally, ...]
    curve: tuple[Point, ...]
    max_drawdown_usdt: Decimal


def results(rows: Iterable[TradeRow], now_ms: int) -> tuple[Results, ...]:
    """Return one page for each source that has closed trades, that of the newest trade first.

    Args:
        rows: Trades of any order and status.
        now_ms: Says what today is, UTC epoch ms.
    """
    sources: dict[Key, list[TradeRow]] = {}
    closed = [row for row in rows if row.status is TradeStatus.CLOSED and row.pnl_net_usdt is not None]
    for row in sorted(closed, key=_closed_ms):
        sources.setdefault((row.mode, row.account, row.market_source), []).append(row)
    newest_first = sorted(sources.items(), key=lambda item: _closed_ms(item[1][-1]), reverse=True)
    return tuple([_results(key, trades, now_ms) for key, trades in newest_first])


def _results(key: Key, rows: Sequence[TradeRow], now_ms: int) -> Results:
    mode, account, source = key
    whole = curve(rows)
    return Results(
        mode=mode, account=account, market_source=source, label=label_of(mode, source),
        tallies=(*_periods(rows, now_ms), *_groups(rows)), curve=thinned(whole),
        max_drawdown_usdt=min([point.drawdown_usdt for point in whole], default=ZERO),
    )  # fmt: skip


def _periods(rows: Sequence[TradeRow], now_ms: int) -> list[Tally]:
    today_ms = now_ms - now_ms % DAY_MS
    begins = {"today": today_ms, "7 days": today_ms - (WEEK_DAYS - 1) * DAY_MS, "all": 0}
    return [
        tally("period", name, [row for row in rows if _closed_ms(row) >= since_ms]) for name, since_ms in begins.items()
    ]


def _groups(rows: Sequence[TradeRow]) -> list[Tally]:
    names: dict[str, Callable[[TradeRow], str]] = {
        "symbol": lambda row: row.symbol,
        "strategy": lambda row: str(row.strategy),
        "exit": lambda row: str(row.close_reason),
    }
    found = []
    for by, name_of in names.items():
        parts: dict[str, list[TradeRow]] = {}
        for row in rows:
            parts.setdefault(name_of(row), []).append(row)
        found += [tally(by, name, part) for name, part in sorted(parts.items())]
    return found


def tally(by: str, name: str, rows: Sequence[TradeRow]) -> Tally:
    """Add up closed trades."""
    net = [row.pnl_net_usdt or ZERO for row in rows]
    wins = sum(each > 0 for each in net)
    return Tally(
        by=by, name=name, n=len(rows), wins=wins,
        gross_usdt=sum([row.pnl_gross_usdt or ZERO for row in rows], ZERO),
        fees_usdt=sum([row.open_fee_usdt + (row.close_fee_usdt or ZERO) for row in rows], ZERO),
        funding_usdt=sum([row.funding_usdt for row in rows], ZERO),
        net_usdt=sum(net, ZERO), win_rate=win_rate(net), win_rate_95=win_rate_95(wins, len(rows)),
        profit_factor=profit_factor(net),
    )  # fmt: skip


def curve(rows: Sequence[TradeRow]) -> tuple[Point, ...]:
    """Return the running sum of net results of trades in the order of their closing."""
    total = peak = ZERO
    points = []
    for row in rows:
        total += row.pnl_net_usdt or ZERO
        peak = max(peak, total)
        points.append(Point(_closed_ms(row), total, total - peak))
    return tuple(points)


def thinned(points: Sequence[Point], most: int = MOST_POINTS) -> tuple[Point, ...]:
    """Leave points out until at most `most`, two or more, are left; of each stretch the deepest and the last stay."""
    if len(points) <= most:
        return tuple(points)
    width = -(-len(points) // (most // 2))
    kept: list[Point] = []
    for start in range(0, len(points), width):
        stretch = points[start : start + width]
        deepest = min(stretch, key=lambda point: point.drawdown_usdt)
        kept += [deepest] if deepest is stretch[-1] else [deepest, stretch[-1]]
    return tuple(kept)


def _closed_ms(row: TradeRow) -> int:
    return row.opened_at if row.closed_at is None else row.closed_at
