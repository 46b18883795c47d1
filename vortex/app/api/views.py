"""The parts of the status page: from what actors answer to plain fields; what nobody answered is null."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from vortex.actors.feed import STREAMS
from vortex.actors.monitor import position_view
from vortex.domain.decision import ENGINES, Decision
from vortex.domain.operation import Gate
from vortex.domain.risk.view import AccountView
from vortex.domain.signal import Signal
from vortex.domain.trade import OpenTrade
from vortex.queries import ExchangeStatus, OutboxStatus, SymbolStatus

T = TypeVar("T")
ACCOUNT_WIDE = frozenset({Gate.USER_STREAM, Gate.JOURNAL, Gate.ACCOUNT, Gate.CLOCK, Gate.KILL_SWITCH, Gate.DISK})
"""Gates that every symbol closes for the same cause; they are shown once, with symbol null."""


def pick(answers: Mapping[str, object], path: str, kind: type[T]) -> T | None:
    """What this actor answered; None when it did not."""
    answer = answers.get(path)
    return answer if isinstance(answer, kind) else None


def fields(source: object | None, *names: str) -> dict[str, object]:
    """These attributes; each null when there is no source."""
    return {name: getattr(source, name) if source is not None else None for name in names}


def gates(symbols: Sequence[str], answers: Mapping[str, object]) -> list[dict[str, object]]:
    """Every closed gate: those of the whole account first."""
    exchange = pick(answers, "exchange", ExchangeStatus)
    shared: dict[Gate, dict[str, object]] = {}
    own = []
    for symbol in symbols:
        status = pick(answers, symbol, SymbolStatus)
        if status is None and exchange is not None and symbol in exchange.halted:
            own.append(_gate(Gate.HALTED, symbol, None, "halted; its own actors do not answer"))
        for closed in status.gates if status is not None else ():
            if closed.gate in ACCOUNT_WIDE:
                shared.setdefault(closed.gate, _gate(closed.gate, None, closed.since_ms, closed.detail))
            else:
                own.append(_gate(closed.gate, symbol, closed.since_ms, closed.detail))
    if exchange is None:
        shared[Gate.EXCHANGE] = _gate(Gate.EXCHANGE, None, None, "does not answer")
    if why := _account_closed(pick(answers, "account", AccountView)):
        shared[Gate.ACCOUNT] = _gate(Gate.ACCOUNT, None, None, why)
    return [*shared.values(), *own]


def _gate(gate: Gate, symbol: str | None, since_ms: int | None, detail: str) -> dict[str, object]:
    return {"gate": gate, "symbol": symbol, "since_ms": since_ms, "detail": detail}


def _account_closed(view: AccountView | None) -> str | None:
    """Why the account as a whole takes no entry now."""
    if view is None:
        return "does not answer"
    if view.equity_usdt is None:
        return "equity unknown"
    if view.drawdown_latched:
        return "the day's loss limit is reached"
    return view.governor_tripped


def outbox(outbox: OutboxStatus | None, now_ms: int) -> dict[str, object]:
    """Rows that wait for the ledger, and since when."""
    oldest_ms = outbox.oldest_ms if outbox is not None else None
    return {
        **fields(outbox, "pending"),
        "oldest_s": None if oldest_ms is None else max(0, now_ms - oldest_ms) // 1_000,
        **fields(outbox, "parked", "paused", "dropped_rejections"),
    }


def position(symbol: str, mirrored: Mapping[str, object] | None, exchange: ExchangeStatus | None) -> dict[str, object]:
    """The open position, and whether its stop is confirmed.

    What the monitor mirrored may be old when it is down: whether there is a position, which one, and whether it is
    protected, the exchange actor knows as long as it answers.
    """
    if exchange is not None:
        mirrored = _confirmed(mirrored, exchange.trades.get(symbol))
    if mirrored is None:
        return {"position": None, "protected": None}
    shown = {key: value for key, value in mirrored.items() if key not in ("protected", "row")}
    return {"position": shown, "protected": mirrored["protected"]}


def _confirmed(mirrored: Mapping[str, object] | None, trade: OpenTrade | None) -> Mapping[str, object] | None:
    """The position of this trade, with the monitor's marks where they are of the same one."""
    if trade is None:
        return None
    if mirrored is None or mirrored["trade_id"] != trade.trade_id:
        return position_view(trade, None)
    return {**mirrored, "protected": trade.protected}


def opinions(mirrored: Mapping[str, Any] | None, now_ms: int) -> dict[str, object]:
    """The last decision and the newest signal of each engine."""
    decision: Decision | None = mirrored["decision"] if mirrored else None
    signals: Mapping[str, Signal | None] = mirrored["signals"] if mirrored else {}
    weights: Mapping[str, float] = decision.weights if decision is not None else {}
    shown = ("id", "action", "strategy", "confidence", "final_score", "reasons", "ts_ms")
    return {
        "decision": None if decision is None else fields(decision, *shown),
        "engines": {engine: _engine(signals.get(engine), weights.get(engine), now_ms) for engine in ENGINES},
    }


def _engine(signal: Signal | None, weight: float | None, now_ms: int) -> dict[str, object]:
    reasons: Sequence[str] = signal.reasons if signal is not None else ()
    age_ms = None if signal is None else max(0, now_ms - signal.ts_ms)
    return {**fields(signal, "score", "quality"), "weight": weight, "age_ms": age_ms, "reasons": reasons}


def ages(heard: Mapping[str, int | None], user_ms: int | None, now_ms: int) -> dict[str, int | None]:
    """How long ago each stream was heard."""
    streams = {**dict.fromkeys(STREAMS), **heard, "user": user_ms}
    return {name: None if ts_ms is None else max(0, now_ms - ts_ms) for name, ts_ms in streams.items()}
