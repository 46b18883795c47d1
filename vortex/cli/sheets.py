"""Rows for spreadsheets and programs: CSV after RFC 4180, every row with the words that say what run it is of."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

Row = Mapping[str, Any]

LABEL, SIMULATED = "label", "simulated"
TRADE_COLUMNS = (
    LABEL, SIMULATED, "mode", "profile", "market_source", "account", "id", "symbol", "side", "strategy", "status",
    "opened_at", "closed_at", "hold_time_s", "quantity", "leverage", "entry_price", "exit_price", "sl_price",
    "tp_price", "close_reason", "open_fee_usdt", "close_fee_usdt", "funding_usdt", "pnl_gross_usdt",
    "pnl_net_usdt", "pnl_pct", "confidence", "final_score", "e1_direction", "e5_regime", "revision",
)  # fmt: skip
"""Of `vortex trades --csv`, in this order; new ones come at the end."""


def header() -> str:
    """The names of the columns."""
    return _line(TRADE_COLUMNS)


def trade_line(row: Row) -> str:
    """One trade; absent is empty, times are UTC epoch ms, money is a decimal number."""
    told = {
        **row,
        LABEL: f"{row['mode'].upper()} · {row['profile']} · {row['market_source']}",
        SIMULATED: "true" if row["mode"] == "paper" else "false",
    }
    return _line([told.get(name) for name in TRADE_COLUMNS])


def _line(cells: Sequence[object]) -> str:
    """One record without its line end."""
    text = io.StringIO()
    csv.writer(text, lineterminator="").writerow(["" if cell is None else cell for cell in cells])
    return text.getvalue()
