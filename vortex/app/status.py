"""What a running system says of itself: asks the actors and composes the answers of CONTRACTS 4.

Every question has a timeout and every answer may be missing: a hung actor costs its own fields, not the page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from loguru import logger

from vortex.actors.feed import STREAMS
from vortex.actors.root import SHARED
from vortex.domain.decision import Decision
from vortex.domain.pnl import RowLabels
from vortex.domain.risk.view import AccountView
from vortex.domain.signal import EngineId, Signal
from vortex.messages import (
    ExchangeStatus,
    GateClosed,
    GetAccount,
    GetExchange,
    GetFeedAges,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
    OutboxStatus,
    SymbolStatus,
)
from vortex.ports import Clock
from vortex.runtime import ActorInfo, ActorSystem
from vortex.runtime.errors import ActorFault

T = TypeVar("T")
ASK_S = 1.0
UNREADY = frozenset({"STARTING", "RECONCILING"})


class StatusReader:
    """Reads one running system.

    Args:
        system: The actors.
        symbols: The symbols traded.
        clock: The injected clock.
        labels: Mode, profile and market source.
        simulated: False only for the real market or a testnet.
        started_ms: When the system was started.
    """

    def __init__(
        self,
        *,
        system: ActorSystem,
        symbols: tuple[str, ...],
        clock: Clock,
        labels: RowLabels,
        simulated: bool,
        started_ms: int,
    ) -> None:
        self._system = system
        self._symbols = symbols
        self._clock = clock
        self._labels = labels
        self._simulated = simulated
        self._started_ms = started_ms

    def actors(self) -> list[ActorInfo]:
        """Every actor of the tree."""
        return self._system.tree()

    def has_actor(self, path: str) -> bool:
        """True when an actor of this path has been started."""
        return any(actor.path == path for actor in self._system.tree())

    def exchange(self) -> ExchangeStatus | None:
        """The exchange actor's own view, None when it does not answer."""
        return self._ask("exchange", GetExchange(), ExchangeStatus)

    def unready(self) -> list[str]:
        """Why the system is not ready; empty when it is."""
        running = {actor.path for actor in self._system.tree()}
        reasons = [f"{name} has not started" for name in SHARED if name not in running]
        for symbol in self._symbols:
            status = self._symbol_status(symbol)
            if status is None:
                reasons.append(f"{symbol} does not answer")
            elif status.state in UNREADY:
                reasons.append(f"{symbol} is {status.state}")
        account = self._ask("account", GetAccount(), AccountView)
        if account is None or account.equity_usdt is None:
            reasons.append("the account is not known yet")
        return reasons

    def status(self) -> dict[str, object]:
        """The whole of `/api/status`."""
        account = self._ask("account", GetAccount(), AccountView)
        outbox = self._ask("storage", GetOutbox(), OutboxStatus)
        exchange = self.exchange()
        heard = self._ask("feed", GetFeedAges(), dict) or {}
        mirror = self._mirror()
        now_ms = self._clock.now_ms()
        user_ms = exchange.user_stream_ms if exchange is not None else None
        states = {symbol: self._symbol_status(symbol) for symbol in self._symbols}
        return {
            "mode": self._labels.mode,
            "profile": self._labels.profile,
            "market_source": self._labels.market_source,
            "simulated": self._simulated,
            "uptime_s": (now_ms - self._started_ms) // 1000,
            "ready": not self.unready(),
            "gates": [_gate(symbol, gate) for symbol, state in states.items() if state for gate in state.gates],
            "account": _account(account),
            "symbols": {
                symbol: {
                    "state": state.state if state is not None else None,
                    **_position(mirror.get(f"position:{symbol}")),
                    **_opinions(mirror.get(f"engine_signals:{symbol}"), now_ms),
                    "feeds": _ages(heard.get(symbol, {}), user_ms, now_ms),
                }
                for symbol, state in states.items()
            },
            "outbox": {
                "pending": outbox.pending if outbox else None,
                "oldest_s": (now_ms - outbox.oldest_ms) // 1000 if outbox and outbox.oldest_ms else None,
                "parked": outbox.parked if outbox else None,
            },
            "exchange": {
                "weight_used_1m": exchange.weight_used_1m if exchange else None,
                "orders_1m": exchange.orders_1m if exchange else None,
                "unknown_orders": exchange.unknown_orders if exchange else None,
            },
        }

    def _mirror(self) -> dict[str, Any]:
        keys = tuple(f"{kind}:{symbol}" for kind in ("position", "engine_signals") for symbol in self._symbols)
        return self._ask("hot_store", GetMirror(keys=keys), dict) or {}

    def _symbol_status(self, symbol: str) -> SymbolStatus | None:
        return self._ask(symbol, GetSymbolStatus(), SymbolStatus)

    def _ask(self, path: str, question: object, kind: type[T]) -> T | None:
        address = self._system.find(path)
        if address is None:
            return None
        try:
            answer = address.ask(question, ASK_S)
        except ActorFault as fault:
            logger.debug("{}: {}", path, fault)
            return None
        return answer if isinstance(answer, kind) else None


def _gate(symbol: str, gate: GateClosed) -> dict[str, object]:
    return {"gate": gate.gate, "symbol": symbol, "since_ms": gate.since_ms, "detail": gate.detail}


def _account(view: AccountView | None) -> dict[str, object]:
    if view is None:
        return {"equity_usdt": None, "daily_pnl_usdt": None, "drawdown_latched": None}
    return {
        "equity_usdt": view.equity_usdt,
        "daily_pnl_usdt": view.daily_pnl_usdt,
        "drawdown_latched": view.drawdown_latched,
    }


def _position(position: Mapping[str, object] | None) -> dict[str, object]:
    if position is None:
        return {"position": None, "protected": None}
    shown = {key: value for key, value in position.items() if key != "protected"}
    return {"position": shown, "protected": position["protected"]}


def _opinions(mirrored: Mapping[str, Any] | None, now_ms: int) -> dict[str, object]:
    """The last decision and the newest signal of each engine."""
    decision: Decision | None = mirrored["decision"] if mirrored else None
    signals: Mapping[EngineId, Signal | None] = mirrored["signals"] if mirrored else {}
    return {
        "decision": None
        if decision is None
        else {
            "id": decision.id,
            "action": decision.action,
            "strategy": decision.strategy,
            "confidence": decision.confidence,
            "final_score": decision.final_score,
            "reasons": decision.reasons,
            "ts_ms": decision.ts_ms,
        },
        "engines": {engine.value: _engine(signals.get(engine), now_ms) for engine in EngineId},
    }


def _engine(signal: Signal | None, now_ms: int) -> dict[str, object]:
    if signal is None:
        return {"score": None, "quality": None, "age_ms": None}
    return {
        "score": signal.score,
        "quality": signal.quality,
        "age_ms": max(0, now_ms - signal.ts_ms),
        "reasons": signal.reasons,
    }


def _ages(heard: Mapping[str, int | None], user_ms: int | None, now_ms: int) -> dict[str, int | None]:
    streams = {**dict.fromkeys(STREAMS), **heard, "user": user_ms}
    return {name: None if ts_ms is None else max(0, now_ms - ts_ms) for name, ts_ms in streams.items()}
