"""What every ledger has, whichever database keeps it: tables and views by name, each with its columns in order."""

from __future__ import annotations

from collections.abc import Mapping

from vortex.domain.trade import RejectionRow, TradeRow

TABLES: Mapping[str, tuple[str, ...]] = {
    "trade_logs": TradeRow.__struct_fields__,
    "rejected_signals": RejectionRow.__struct_fields__,
}
APART = ("mode", "account", "market_source")
"""Rows that differ in one of these are never added up."""
FIGURES = (
    "total_trades", "open_trades", "failed_trades", "wins", "losses", "breakeven", "win_rate_pct",
    "pnl_gross_usdt", "fees_usdt", "pnl_net_usdt", "pnl_net_today_usdt", "profit_factor", "expectancy_usdt",
    "avg_win_usdt", "avg_loss_usdt", "avg_pnl_pct", "best_trade_usdt", "worst_trade_usdt", "avg_hold_time_s",
    "max_drawdown_usdt", "first_closed_at", "last_closed_at",
)  # fmt: skip
VIEWS: Mapping[str, tuple[str, ...]] = {
    "v_trading_summary": (*APART, *FIGURES),
    "v_symbol_summary": (*APART, "symbol", *FIGURES),
    "v_recent_trades": TradeRow.__struct_fields__,
}
