"""Answers of a control API, as the page gets them."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.domain.test_performance import LOST, WON
from vortex.domain.results import results

NOW_MS = 1_723_118_400_000
"""2024-08-08 12:00:00 UTC."""
FEEDS = {
    "depth20": 92, "aggTrade": 81, "kline_1m": 245, "kline_15m": 245, "markPrice": 4_000, "forceOrder": None,
    "user": 61_000, "sentiment": 4_000,
}  # fmt: skip
POSITION: dict[str, Any] = {
    "trade_id": "t1", "side": "SHORT", "quantity": "0.00100000", "entry_price": "61815.00000000",
    "mark_price": "61815.20333333", "liq_price": "66699.45219124", "sl_price": "61988.20", "tp_price": "61295.30",
    "leverage": 12, "strategy": "A", "opened_ms": NOW_MS, "upnl_usdt": "-0.00020333",
}  # fmt: skip
ENGINE: dict[str, Any] = {"score": -0.158, "quality": 0.8, "weight": 0.37, "age_ms": 114, "reasons": ["VPIN_WARMING"]}
SILENT: dict[str, Any] = {"score": None, "quality": None, "weight": None, "age_ms": None, "reasons": []}
DECISION: dict[str, Any] = {
    "id": "d1", "action": "LONG", "strategy": "A", "confidence": 0.345, "final_score": 0.088,
    "reasons": ["STRATEGY_A"], "ts_ms": NOW_MS,
}  # fmt: skip
FLAT: dict[str, Any] = {
    "state": "PAUSED", "position": None, "protected": None, "decision": None, "feeds": dict.fromkeys(FEEDS),
    "engines": dict.fromkeys(("E1", "E2", "E3", "E4", "E5"), SILENT),
}  # fmt: skip
HELD: dict[str, Any] = {
    "state": "READY", "position": POSITION, "protected": True, "decision": DECISION, "feeds": FEEDS,
    "engines": dict.fromkeys(("E1", "E2", "E3", "E4", "E5"), ENGINE),
}  # fmt: skip
STATUS: dict[str, Any] = {
    "mode": "paper", "profile": "demo profile", "market_source": "recording of 2024-08-08", "simulated": True,
    "now_ms": NOW_MS, "uptime_s": 65, "ready": True,
    "gates": [{"gate": "paused", "symbol": "ETHUSDT", "since_ms": NOW_MS, "detail": "by the <control> API"}],
    "account": {"equity_usdt": "9999.82741049", "daily_pnl_usdt": "-0.17258951", "drawdown_latched": False},
    "symbols": {"BTCUSDT": HELD, "ETHUSDT": FLAT},
    "outbox": {"pending": 0, "oldest_s": None, "parked": 0},
    "exchange": {"weight_used_1m": 93, "orders_1m": 11, "unknown_orders": 0},
}  # fmt: skip
UNKNOWN: dict[str, Any] = {
    **STATUS,
    "ready": False, "gates": [], "symbols": {"BTCUSDT": {**FLAT, "state": None}},
    "account": dict.fromkeys(STATUS["account"]), "outbox": dict.fromkeys(STATUS["outbox"]),
    "exchange": dict.fromkeys(STATUS["exchange"]),
}  # fmt: skip
"""Of a system whose actors do not answer."""


def actor(path: str, **what: object) -> dict[str, Any]:
    healthy = {"state": "READY", "generation": 1, "restarts": 0, "mailbox": 0, "dead_letters": 0, "last_error": None}
    return {"path": path, **healthy, **what}


ACTORS = [
    actor("root"), actor("exchange"), actor("hot_store"), actor("storage"), actor("BTCUSDT"), actor("BTCUSDT/E1"),
    actor("BTCUSDT/monitor", restarts=2, generation=3, state="RESTARTING", last_error="ZeroDivisionError: by <0>"),
]  # fmt: skip
TRADES: list[dict[str, Any]] = msgspec.to_builtins([WON, LOST])
RESULTS: dict[str, Any] = msgspec.to_builtins({"now_ms": NOW_MS, "sources": results([WON, LOST], NOW_MS)})
EXPLAINED: dict[str, Any] = {
    "id": "r1",
    "kind": "reject",
    "explanation": {
        "decision": {
            "symbol": "BTCUSDT", "action": "SHORT", "strategy": "A", "final_score": -0.114, "confidence": 0.214,
            "ts_ms": NOW_MS, "regime": "RANGING", "phase": None, "toxicity": "NORMAL", "reasons": ["STRATEGY_A"],
            "triggers": [
                {"strategy": "A", "side": "SHORT", "checks": [
                    {"name": "score", "value": 0.114, "threshold": 0.05, "passed": True},
                    {"name": "phase", "value": None, "threshold": "LOW|NORMAL", "passed": False},
                ]},
            ],
        },
        "components": {},
        "verdict": {"gates": [
            {"code": "COOLDOWN", "value": "12 s", "threshold": None, "margin": None, "passed": False},
            {"code": "RR_LOW", "value": None, "threshold": None, "margin": None, "passed": None},
        ]},
        "denied": {"open_risk": "0.06"},
        "changes": ["COOLDOWN: 12 s"],
    },
}  # fmt: skip
REJECT = {
    "id": "r1", "created_at": NOW_MS, "symbol": "BTCUSDT", "action": "SHORT", "strategy": "A",
    "rejection_reason": "COOLDOWN", "count": 3, "confidence": 0.214, "final_score": -0.114,
}  # fmt: skip
