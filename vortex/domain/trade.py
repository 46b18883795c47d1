"""A trade from plan to ledger row: what the risk manager grants, what is open, what is written down.

Field names of the two rows are the columns of `trade_logs` and `rejected_signals`; money is Decimal, times are epoch
milliseconds (stores turn them into their own types).
"""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from msgspec import Struct

from vortex.domain.order import ZERO, Side


class Strategy(StrEnum):
    """Entry strategies; X marks an adopted position."""

    A = "A"
    B = "B"
    C = "C"
    ADOPTED = "X"


class CloseReason(StrEnum):
    """Why a trade ended; the last two belong to FAILED rows."""

    TP_HIT = "TP_HIT"
    """The take-profit, resting on the exchange or seen by the monitor."""
    SL_HIT = "SL_HIT"
    """The stop, resting on the exchange or seen by the monitor."""
    TIME_EXIT = "TIME_EXIT"
    """Held for as long as its strategy allows."""
    LIQUIDATED = "LIQUIDATED"
    """The exchange liquidated the position."""
    ADL = "ADL"
    """The exchange reduced the position to cover the losses of others (auto-deleveraging)."""
    EMERGENCY = "EMERGENCY"
    """The mark price came near the liquidation price."""
    MANUAL = "MANUAL"
    """A person asked for it."""
    EXTERNAL = "EXTERNAL"
    """Closed on the exchange by an order that is not ours."""
    HALT = "HALT"
    """The symbol or everything was halted."""
    SHUTDOWN = "SHUTDOWN"
    """The process stopped and was told to close."""
    DRAWDOWN_FLATTEN = "DRAWDOWN_FLATTEN"
    """The day's loss reached the hard limit."""
    PROTECTION_FAILED = "PROTECTION_FAILED"
    """No confirmed stop in time, or the stop was refused or lost."""
    ORDER_REJECTED = "ORDER_REJECTED"
    """The exchange refused the entry, or it never arrived there."""
    ORDER_EXPIRED = "ORDER_EXPIRED"
    """The entry ended without any execution, or we gave it up before it left."""


class TradeStatus(StrEnum):
    """Life of a `trade_logs` row."""

    OPEN = "OPEN"
    CLOSED = "CLOSED"
    FAILED = "FAILED"


class EntryPlan(Struct, frozen=True, kw_only=True):
    """What the risk manager granted: everything needed to open, protect, watch and write down one trade."""

    symbol: str
    side: Side
    strategy: Strategy
    quantity: Decimal
    expected_price: Decimal
    sl_price: Decimal
    tp_price: Decimal
    leverage: int
    max_hold_s: int
    risk_usdt: Decimal
    notional_usdt: Decimal
    margin_usdt: Decimal
    atr15: Decimal
    confidence: float
    final_score: float
    e1_direction: str
    e5_regime: str
    decision_id: str
    decided_ms: int
    book_ms: int


class OpenTrade(Struct, frozen=True, kw_only=True):
    """A position that is ours: the plan and what the fills made of it."""

    trade_id: str
    plan: EntryPlan
    quantity: Decimal
    entry_price: Decimal
    open_fee_usdt: Decimal
    opened_ms: int
    liquidation_price: Decimal | None = None
    protected: bool = False


class TradeRow(Struct, frozen=True, kw_only=True):
    """One row of `trade_logs`; written whole each time, the higher `revision` wins."""

    id: str
    symbol: str
    side: Side
    strategy: Strategy
    entry_price: Decimal
    quantity: Decimal
    leverage: int
    open_fee_usdt: Decimal
    sl_price: Decimal
    tp_price: Decimal
    confidence: float
    final_score: float
    e1_direction: str
    e5_regime: str
    opened_at: int
    status: TradeStatus
    mode: str
    account: str
    market_source: str
    profile: str
    revision: int
    exit_price: Decimal | None = None
    closed_at: int | None = None
    hold_time_s: int | None = None
    close_reason: CloseReason | None = None
    close_fee_usdt: Decimal | None = None
    funding_usdt: Decimal = ZERO
    pnl_gross_usdt: Decimal | None = None
    pnl_net_usdt: Decimal | None = None
    pnl_pct: Decimal | None = None


class RejectionRow(Struct, frozen=True, kw_only=True):
    """One row of `rejected_signals`; `details` is a JSON text of every gate."""

    id: str
    symbol: str
    action: Side
    strategy: Strategy
    rejection_reason: str
    confidence: float
    final_score: float
    daily_pnl: Decimal
    details: str
    count: int
    mode: str
    account: str
    market_source: str
    profile: str
    created_at: int
