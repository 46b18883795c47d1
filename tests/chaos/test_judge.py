"""The judge counts trades by the exchange's executions, whatever shape they have."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from tests.kit.ledger import trades_of, unprotected_ms

SYMBOL = "BTCUSDT"


def fill(client_id: str, side: str, quantity: str, price: str, ts_ms: int) -> dict[str, Any]:
    commission = Decimal(quantity) * Decimal(price) / 1_000
    return {
        "symbol": SYMBOL, "client_id": client_id, "side": side, "qty": quantity, "price": price,
        "commission": str(commission), "ts_ms": ts_ms,
    }  # fmt: skip


def ledger(*fills: Mapping[str, Any]) -> dict[str, Any]:
    return {"fills": list(fills)}


def test_a_trade_is_from_flat_to_flat() -> None:
    [first, second] = trades_of(
        ledger(
            fill("a", "BUY", "2", "100", 1),
            fill("b", "SELL", "0.5", "110", 2),
            fill("c", "SELL", "1.5", "110", 3),
            fill("d", "SELL", "1", "100", 4),
        ),
        SYMBOL,
    )
    assert (first.entry_id, first.opened_ms, first.closed_ms) == ("a", 1, 3)
    assert first.pnl_net_usdt == Decimal("19.58")
    assert (second.entry_id, second.opening, second.closed_ms) == ("d", "SELL", None)


def test_an_execution_that_turns_the_position_over_ends_one_trade_and_begins_another() -> None:
    [first, second, third] = trades_of(
        ledger(
            fill("ours", "BUY", "1", "100", 1),
            fill("web_1", "SELL", "3", "110", 2),
            fill("web_2", "BUY", "2", "105", 3),
            fill("again", "SELL", "1", "100", 4),
        ),
        SYMBOL,
    )
    assert (first.closed_ms, first.pnl_net_usdt) == (2, Decimal("9.79"))
    assert (second.entry_id, second.opening, second.opened_ms, second.closed_ms) == ("web_1", "SELL", 2, 3)
    assert second.pnl_net_usdt == Decimal("9.57")
    assert (third.entry_id, third.quantity, third.closed_ms) == ("again", Decimal(1), None)


def test_time_without_a_stop_counts_from_fill_to_stop_but_for_what_the_machine_stalled() -> None:
    naked = [(1_000, "1", False), (4_000, "1", True), (9_000, "0", False), (9_500, "1", False)]
    timeline = [
        {"symbol": SYMBOL, "ts_ms": ts_ms, "position_amt": amount, "stop_working": working}
        for ts_ms, amount, working in naked
    ]
    told = {"now_ms": 11_000, "timeline": timeline}
    assert unprotected_ms(told, SYMBOL) == 3_000
    assert unprotected_ms(told, SYMBOL, [(0, 1_500), (3_000, 3_400), (5_000, 8_000)]) == 2_100
    assert unprotected_ms(told, SYMBOL, [(1_000, 4_000)]) == 1_500
    assert unprotected_ms(told, "ETHUSDT") == 0
