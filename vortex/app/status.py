"""What a running system says of itself: asks the actors and composes the answers of the control API.

All actors are asked together and have one second together: a hung or absent one costs its own fields, not the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

from loguru import logger

from vortex.actors.feed import STREAMS
from vortex.actors.root import SHARED
from vortex.domain.decision import Decision
from vortex.domain.operation import Gate
from vortex.domain.pnl import RowLabels
from vortex.domain.risk.view import AccountView
from vortex.domain.signal import EngineId, Signal
from vortex.messages import (
    ExchangeStatus,
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
from vortex.runtime import ActorInfo, ActorState, ActorSystem
from vortex.runtime.errors import ActorFault

T = TypeVar("T")
ASK_S = 1.0
UNREADY = frozenset({"STARTING", "RECONCILING"})
ACCOUNT_WIDE = frozenset({Gate.USER_STREAM, Gate.JOURNAL, Gate.ACCOUNT, Gate.CLOCK, Gate.KILL_SWITCH, Gate.DISK})
"""Gates that every symbol closes for the same cause; they are shown once, with symbol null."""


class StatusReader:
    """Reads one running system; safe from any thread that is not an actor's.

    Args:
        system: The actors.
        symbols: The symbols traded.
        clock: The injected clock.
        labels: Mode, profile and market source.
        simulated: False only for the real market or a testnet.
    """

    def __init__(
        self, *, system: ActorSystem, symbols: tuple[str, ...], clock: Clock, labels: RowLabels, simulated: bool
    ) -> None:
        self._system = system
        self._symbols = symbols
        self._clock = clock
        self._labels = labels
        self._simulated = simulated
        self._started_ms = clock.monotonic_ms()

    def actors(self) -> list[ActorInfo]:
        """Every actor of the tree."""
        return self._system.tree()

    def alive(self) -> bool:
        """False once the tree of actors has given up; asks nobody."""
        return any(actor.path == "root" and actor.state is not ActorState.STOPPED for actor in self._system.tree())

    def exchange(self) -> ExchangeStatus | None:
        """The exchange actor's own view, None when it does not answer."""
        return _of(self._ask({"exchange": GetExchange()}), "exchange", ExchangeStatus)

    def unready(self) -> list[str]:
        """Why the system is not ready; empty when it is."""
        return self._reasons(self._ask(dict.fromkeys(self._symbols, GetSymbolStatus())))

    def status(self) -> dict[str, object]:
        """The answer of `/api/status`."""
        kinds = ("position", "engine_signals")
        answers = self._ask(
            {
                "hot_store": GetMirror(keys=tuple(f"{kind}:{symbol}" for kind in kinds for symbol in self._symbols)),
                "account": GetAccount(),
                "exchange": GetExchange(),
                "storage": GetOutbox(),
                "feed": GetFeedAges(),
                **dict.fromkeys(self._symbols, GetSymbolStatus()),
            }
        )
        return {
            "mode": self._labels.mode,
            "profile": self._labels.profile,
            "market_source": self._labels.market_source,
            "simulated": self._simulated,
            "uptime_s": int(self._clock.monotonic_ms() - self._started_ms) // 1_000,
            "ready": not self._reasons(answers),
            "gates": list(self._gates(answers)),
            "account": _fields(
                _of(answers, "account", AccountView), "equity_usdt", "daily_pnl_usdt", "drawdown_latched"
            ),
            "symbols": self._symbol_fields(answers),
            "outbox": _outbox(_of(answers, "storage", OutboxStatus), self._clock.now_ms()),
            "exchange": _fields(
                _of(answers, "exchange", ExchangeStatus), "weight_used_1m", "orders_1m", "unknown_orders"
            ),
        }

    def _ask(self, questions: Mapping[str, object]) -> dict[str, object]:
        """Ask every path its question; the answers that came in time."""
        waiting: dict[str, Callable[[float], object]] = {}
        answers: dict[str, object] = {}
        deadline_s = time.monotonic() + ASK_S
        for path, question in questions.items():
            address = self._system.find(path)
            with _silence(path):
                if address is not None:
                    waiting[path] = address.request(question)
        for path, reply in waiting.items():
            with _silence(path):
                answers[path] = reply(max(0.0, deadline_s - time.monotonic()))
        return answers

    def _reasons(self, answers: Mapping[str, object]) -> list[str]:
        states = {actor.path: actor.state for actor in self._system.tree()}
        reasons = [f"{name} has not started" for name in SHARED if name not in states]
        for symbol in self._symbols:
            status = _of(answers, symbol, SymbolStatus)
            state = self._state(symbol, status)
            if state is None:
                reasons.append(f"{symbol} does not answer")
            elif state in UNREADY:
                reasons.append(f"{symbol} is {state}")
        return reasons

    def _state(self, symbol: str, status: SymbolStatus | None) -> str | None:
        """What the symbol's supervisor says; None for one that should answer and does not."""
        if status is not None:
            return status.state
        address = self._system.find(symbol)
        return None if address is not None and address.state is ActorState.READY else "STARTING"

    def _gates(self, answers: Mapping[str, object]) -> Iterator[dict[str, object]]:
        """Every closed gate: those of the whole account first."""
        shared: dict[Gate, dict[str, object]] = {}
        own = []
        for symbol in self._symbols:
            status = _of(answers, symbol, SymbolStatus)
            for closed in status.gates if status is not None else ():
                if closed.gate in ACCOUNT_WIDE:
                    shared.setdefault(closed.gate, _gate(closed.gate, None, closed.since_ms, closed.detail))
                else:
                    own.append(_gate(closed.gate, symbol, closed.since_ms, closed.detail))
        if "exchange" not in answers:
            shared[Gate.EXCHANGE] = _gate(Gate.EXCHANGE, None, None, "does not answer")
        if why := _account_closed(_of(answers, "account", AccountView)):
            shared[Gate.ACCOUNT] = _gate(Gate.ACCOUNT, None, None, why)
        yield from shared.values()
        yield from own

    def _symbol_fields(self, answers: Mapping[str, object]) -> dict[str, object]:
        now_ms = self._clock.now_ms()
        mirror: Mapping[str, Any] = _of(answers, "hot_store", dict) or {}
        heard: Mapping[str, Mapping[str, int | None]] = _of(answers, "feed", dict) or {}
        exchange = _of(answers, "exchange", ExchangeStatus)
        user_ms = exchange.user_stream_ms if exchange is not None else None
        return {
            symbol: {
                "state": self._state(symbol, _of(answers, symbol, SymbolStatus)),
                **_position(mirror.get(f"position:{symbol}")),
                **_opinions(mirror.get(f"engine_signals:{symbol}"), now_ms),
                "feeds": _ages(heard.get(symbol, {}), user_ms, now_ms),
            }
            for symbol in self._symbols
        }


@contextmanager
def _silence(path: str) -> Iterator[None]:
    """An actor that is away, crashes or is late: the answer goes without it."""
    try:
        yield
    except ActorFault as fault:
        logger.debug("no answer of {}: {}", path, fault)


def _of(answers: Mapping[str, object], path: str, kind: type[T]) -> T | None:
    answer = answers.get(path)
    return answer if isinstance(answer, kind) else None


def _fields(source: object | None, *names: str) -> dict[str, object]:
    """These attributes; each null when there is no source."""
    return {name: getattr(source, name) if source is not None else None for name in names}


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


def _outbox(outbox: OutboxStatus | None, now_ms: int) -> dict[str, object]:
    oldest_ms = outbox.oldest_ms if outbox is not None else None
    return {
        **_fields(outbox, "pending"),
        "oldest_s": None if oldest_ms is None else max(0, now_ms - oldest_ms) // 1_000,
        **_fields(outbox, "parked"),
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
    shown = ("id", "action", "strategy", "confidence", "final_score", "reasons", "ts_ms")
    return {
        "decision": None if decision is None else _fields(decision, *shown),
        "engines": {engine.value: _engine(signals.get(engine), now_ms) for engine in EngineId},
    }


def _engine(signal: Signal | None, now_ms: int) -> dict[str, object]:
    reasons: Sequence[str] = signal.reasons if signal is not None else ()
    age_ms = None if signal is None else max(0, now_ms - signal.ts_ms)
    return {**_fields(signal, "score", "quality"), "age_ms": age_ms, "reasons": reasons}


def _ages(heard: Mapping[str, int | None], user_ms: int | None, now_ms: int) -> dict[str, int | None]:
    streams = {**dict.fromkeys(STREAMS), **heard, "user": user_ms}
    return {name: None if ts_ms is None else max(0, now_ms - ts_ms) for name, ts_ms in streams.items()}
