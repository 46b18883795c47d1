"""The exchange's ledger as judge: what it must say of our rows and of our stops."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any


def unprotected_ms(ledger: Mapping[str, Any], symbol: str) -> int:
    """The longest time in which the exchange saw a position of this symbol without a working stop."""
    longest, since = 0, None
    for entry in ledger["timeline"]:
        if entry["symbol"] != symbol:
            continue
        naked = float(entry["position_amt"]) != 0 and not entry["stop_working"]
        if naked and since is None:
            since = entry["ts_ms"]
        if not naked and since is not None:
            longest, since = max(longest, entry["ts_ms"] - since), None
    return longest if since is None else max(longest, ledger["now_ms"] - since)


def agree_with_ledger(trade: Mapping[str, Any], ledger: Mapping[str, Any]) -> None:
    """One closed row is exactly what the exchange's fills say, and the trade had entry, stop, take-profit and exit."""
    sign = 1 if trade["side"] == "LONG" else -1
    opening, closing = ("BUY", "SELL") if sign > 0 else ("SELL", "BUY")
    fills = [
        fill for fill in ledger["fills"]
        if fill["symbol"] == trade["symbol"] and trade["opened_at"] <= fill["ts_ms"] <= trade["closed_at"]
    ]  # fmt: skip
    money = {
        side: sum(Decimal(fill["qty"]) * Decimal(fill["price"]) for fill in fills if fill["side"] == side)
        for side in (opening, closing)
    }
    fees = {
        side: sum(Decimal(fill["commission"]) for fill in fills if fill["side"] == side) for side in (opening, closing)
    }
    net = sign * (money[closing] - money[opening]) - fees[opening] - fees[closing]
    near = Decimal("1e-8")
    assert abs(Decimal(trade["open_fee_usdt"]) - fees[opening]) <= near
    assert abs(Decimal(trade["close_fee_usdt"]) - fees[closing]) <= near
    assert abs(Decimal(trade["pnl_net_usdt"]) - net) <= near
    entry = next(fill["client_id"] for fill in fills if fill["side"] == opening)
    assert entry.startswith(f"v7-main-{trade['symbol']}-")
    assert entry.endswith("E")
    algos = {algo["client_id"]: algo for algo in ledger["algo_orders"]}
    assert algos[entry[:-1] + "S"]["type"] == "STOP_MARKET"
    assert Decimal(algos[entry[:-1] + "S"]["trigger_price"]) == Decimal(trade["sl_price"])
    assert algos[entry[:-1] + "T"]["type"] == "TAKE_PROFIT_MARKET"
    assert any(fill["side"] == closing for fill in fills)
