"""What a trade earned, from its fills, and the ledger rows that say so.

Everything is exact until it is stored with 8 decimals, rounded half-even. Commissions are in USDT: who read an
execution has converted one that was paid in another asset. One that could not be is counted as so many USDT.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.money import stored
from vortex.domain.order import ZERO, Fill, Side
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade, Strategy, TradeRow, TradeStatus

OPEN_REVISION = 1
FINAL_REVISION = 2
ADOPTED_LATER = 2
"""Revisions by which the rows of an adopted trade come after all others of the same trade."""


class RowLabels(Struct, frozen=True, kw_only=True):
    """What every row says about the run that wrote it, so that no figure is taken for another's."""

    mode: str
    account: str
    market_source: str
    profile: str

    @property
    def words(self) -> str:
        """What stands beside every output of the run, e.g. `PAPER · demo profile · recording of 2024-08-08`."""
        return f"{self.mode.upper()} · {self.profile} · {self.market_source}"


class TradeResult(Struct, frozen=True, kw_only=True):
    """A closed trade in money, unrounded; prices are the fills' averages."""

    entry_price: Decimal
    exit_price: Decimal
    quantity: Decimal
    open_fee_usdt: Decimal
    close_fee_usdt: Decimal
    pnl_gross_usdt: Decimal
    pnl_net_usdt: Decimal
    margin_usdt: Decimal
    pnl_pct: Decimal
    """Net profit in percent of the initial margin."""


def account_trade(
    side: Side, entry_fills: Sequence[Fill], exit_fills: Sequence[Fill], leverage: int, funding_usdt: Decimal
) -> TradeResult:
    """Return what the trade earned; funding is signed, received is positive.

    Raises:
        ValueError: The quantities of entry and exit differ or are zero: the trade is not closed.
    """
    quantity = sum((fill.quantity for fill in entry_fills), ZERO)
    if quantity <= 0 or quantity != sum((fill.quantity for fill in exit_fills), ZERO):
        raise ValueError(f"a closed trade leaves what it entered, not {quantity} in and {_quantities(exit_fills)} out")
    paid = sum((fill.price * fill.quantity for fill in entry_fills), ZERO)
    got = sum((fill.price * fill.quantity for fill in exit_fills), ZERO)
    open_fee = sum((fill.commission for fill in entry_fills), ZERO)
    close_fee = sum((fill.commission for fill in exit_fills), ZERO)
    gross = side.sign * (got - paid)
    net = gross - open_fee - close_fee + funding_usdt
    return TradeResult(
        entry_price=paid / quantity, exit_price=got / quantity, quantity=quantity,
        open_fee_usdt=open_fee, close_fee_usdt=close_fee, pnl_gross_usdt=gross, pnl_net_usdt=net,
        margin_usdt=paid / leverage, pnl_pct=100 * net * leverage / paid,
    )  # fmt: skip


def open_row(trade: OpenTrade, labels: RowLabels) -> TradeRow:
    """Return the row of a trade that has just opened."""
    row = _planned_row(trade.trade_id, trade.plan, labels, trade.opened_ms)
    return msgspec.structs.replace(
        row,
        revision=row.revision + _later(trade.plan),
        entry_price=stored(trade.entry_price),
        quantity=trade.quantity,
        open_fee_usdt=stored(trade.open_fee_usdt),
    )


def closed_row(
    trade: OpenTrade,
    labels: RowLabels,
    *,
    entry_fills: Sequence[Fill],
    exit_fills: Sequence[Fill],
    reason: CloseReason,
    funding_usdt: Decimal,
) -> TradeRow:
    """Return the final row of a closed trade, all its money from the fills. Raises ValueError like `account_trade`."""
    result = account_trade(trade.plan.side, entry_fills, exit_fills, trade.plan.leverage, funding_usdt)
    closed_ms = max(fill.ts_ms for fill in exit_fills)
    return msgspec.structs.replace(
        _planned_row(trade.trade_id, trade.plan, labels, trade.opened_ms),
        status=TradeStatus.CLOSED,
        revision=FINAL_REVISION + _later(trade.plan),
        entry_price=stored(result.entry_price),
        quantity=result.quantity,
        open_fee_usdt=stored(result.open_fee_usdt),
        exit_price=stored(result.exit_price),
        closed_at=closed_ms,
        hold_time_s=max(0, closed_ms - trade.opened_ms) // 1_000,
        close_reason=reason,
        close_fee_usdt=stored(result.close_fee_usdt),
        funding_usdt=stored(funding_usdt),
        pnl_gross_usdt=stored(result.pnl_gross_usdt),
        pnl_net_usdt=stored(result.pnl_net_usdt),
        pnl_pct=stored(result.pnl_pct),
    )


def failed_row(plan: EntryPlan, labels: RowLabels, *, trade_id: str, reason: CloseReason, ts_ms: int) -> TradeRow:
    """Return the final row of an entry without any fill: price and quantity are the planned ones, nothing was paid."""
    return msgspec.structs.replace(
        _planned_row(trade_id, plan, labels, plan.decided_ms),
        status=TradeStatus.FAILED,
        revision=FINAL_REVISION,
        closed_at=ts_ms,
        close_reason=reason,
    )


def _planned_row(trade_id: str, plan: EntryPlan, labels: RowLabels, opened_ms: int) -> TradeRow:
    return TradeRow(
        id=trade_id, symbol=plan.symbol, side=plan.side, strategy=plan.strategy,
        entry_price=stored(plan.expected_price), quantity=plan.quantity, leverage=plan.leverage,
        open_fee_usdt=ZERO, sl_price=plan.sl_price, tp_price=plan.tp_price,
        confidence=plan.confidence, final_score=plan.final_score,
        e1_direction=plan.e1_direction, e5_regime=plan.e5_regime,
        opened_at=opened_ms, status=TradeStatus.OPEN, revision=OPEN_REVISION,
        mode=labels.mode, account=labels.account, market_source=labels.market_source, profile=labels.profile,
    )  # fmt: skip


def _later(plan: EntryPlan) -> int:
    """An adopted trade may have a row already, even a final one: what was adopted is what counts."""
    return ADOPTED_LATER if plan.strategy is Strategy.ADOPTED else 0


def _quantities(fills: Sequence[Fill]) -> str:
    return " + ".join(str(fill.quantity) for fill in fills) or "nothing"
