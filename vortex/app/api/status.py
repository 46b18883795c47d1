"""What a running system says of itself: asks the actors and composes the answers of the control API.

All actors are asked together and have one second together: a hung or absent one costs its own fields, not the page.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from loguru import logger

from vortex.actors.root import SHARED
from vortex.app.api import views
from vortex.domain.pnl import RowLabels
from vortex.domain.risk.view import AccountView
from vortex.ports import Clock
from vortex.queries import (
    ExchangeStatus,
    GetAccount,
    GetExchange,
    GetFeedAges,
    GetMirror,
    GetOutbox,
    GetSymbolStatus,
    HotStoreStatus,
    OutboxStatus,
    SymbolStatus,
)
from vortex.runtime import ActorInfo, ActorState, ActorSystem
from vortex.runtime.errors import ActorFault

ASK_S = 1.0
UNREADY = frozenset({"STARTING", "RECONCILING"})
ANSWERING = frozenset({ActorState.READY, ActorState.HUNG})
"""Of an actor that should answer; one that hangs does not."""
NO_SYMBOLS = frozenset({"root", *SHARED})


class StatusReader:
    """Reads one running system; safe from any thread that is not an actor's.

    Args:
        system: The actors.
        pairs: The symbols that are to be traded now; one that leaves is shown until it has left.
        clock: The injected clock.
        labels: Mode, profile and market source.
        simulated: False only for the real market or a testnet.
        hot_store: How the mirror does; it is asked itself, nobody is waited for.
    """

    def __init__(
        self,
        *,
        system: ActorSystem,
        pairs: Callable[[], tuple[str, ...]],
        clock: Clock,
        labels: RowLabels,
        simulated: bool,
        hot_store: Callable[[], HotStoreStatus],
    ) -> None:
        self._system = system
        self._pairs = pairs
        self._clock = clock
        self._labels = labels
        self._simulated = simulated
        self._hot_store = hot_store
        self._started_ms = clock.monotonic_ms()

    def actors(self) -> list[ActorInfo]:
        """Every actor of the tree."""
        return self._system.tree()

    def now_ms(self) -> int:
        """The time of the injected clock."""
        return self._clock.now_ms()

    def mirror(self) -> HotStoreStatus:
        """How the hot store does; nobody is waited for."""
        return self._hot_store()

    def alive(self) -> bool:
        """False once the tree of actors has given up, or moves no more; asks nobody."""
        return self._system.alive()

    def symbols(self) -> tuple[str, ...]:
        """The symbols to be traded, and after them those that leave and whose trees still run."""
        running = (path for path, state in self._system.states().items() if state is not ActorState.STOPPED)
        trees = (path for path in running if "/" not in path and path not in NO_SYMBOLS)
        return tuple(dict.fromkeys((*self._pairs(), *trees)))

    def exchange(self) -> ExchangeStatus | None:
        """The exchange actor's own view, None when it does not answer."""
        return views.pick(self.ask({"exchange": GetExchange()}), "exchange", ExchangeStatus)

    def unready(self) -> list[str]:
        """Why the system is not ready; empty when it is."""
        symbols = self.symbols()
        return self.reasons(symbols, self.ask({"exchange": GetExchange(), **dict.fromkeys(symbols, GetSymbolStatus())}))

    def status(self) -> dict[str, object]:
        """The answer of `/api/status`."""
        symbols, kinds = self.symbols(), ("position", "engine_signals")
        answers = self.ask(
            {
                "hot_store": GetMirror(keys=tuple(f"{kind}:{symbol}" for kind in kinds for symbol in symbols)),
                "account": GetAccount(),
                "exchange": GetExchange(),
                "storage": GetOutbox(),
                "feed": GetFeedAges(),
                **dict.fromkeys(symbols, GetSymbolStatus()),
            }
        )
        return {
            "mode": self._labels.mode,
            "profile": self._labels.profile,
            "market_source": self._labels.market_source,
            "simulated": self._simulated,
            "now_ms": self._clock.now_ms(),
            "uptime_s": int(self._clock.monotonic_ms() - self._started_ms) // 1_000,
            "ready": not self.reasons(symbols, answers),
            "gates": views.gates(symbols, answers),
            "account": views.fields(
                views.pick(answers, "account", AccountView), "equity_usdt", "daily_pnl_usdt", "drawdown_latched"
            ),
            "symbols": self._symbol_fields(symbols, answers),
            "outbox": views.outbox(views.pick(answers, "storage", OutboxStatus), self._clock.now_ms()),
            "hot_store": views.fields(self._hot_store(), "kind", "state", "since_ms", "lost", "detail"),
            "exchange": views.fields(
                views.pick(answers, "exchange", ExchangeStatus), "weight_used_1m", "orders_1m", "unknown_orders"
            ),
        }

    def ask(self, questions: Mapping[str, object]) -> dict[str, object]:
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

    def reasons(self, symbols: Sequence[str], answers: Mapping[str, object]) -> list[str]:
        """Why the system is not ready, by these answers."""
        addresses = {name: self._system.find(name) for name in SHARED}
        reasons = [f"{name} has not started" for name, found in addresses.items() if not (found and found.generation)]
        for symbol in symbols:
            state = self.state(symbol, answers)
            if state is None:
                reasons.append(f"{symbol} does not answer")
            elif state in UNREADY:
                reasons.append(f"{symbol} is {state}")
        return reasons

    def state(self, symbol: str, answers: Mapping[str, object]) -> str | None:
        """What the symbol's supervisor and the exchange actor say; None when one that should answer does not.

        What was ordered counts also while the symbol's tree is down: the exchange actor carries it out by itself.
        """
        own, exchange = views.pick(answers, symbol, SymbolStatus), views.pick(answers, "exchange", ExchangeStatus)
        address = self._system.find(symbol)
        if address is None or (own is not None and own.state in UNREADY):
            return "STARTING" if own is None else own.state
        if exchange is not None and symbol in exchange.flattening:
            return "FLATTENING"
        if exchange is not None and symbol in exchange.halted and (own is None or own.state != "LEAVING"):
            return "HALTED"
        if own is not None:
            return own.state
        return None if address.state in ANSWERING else "STARTING"

    def _symbol_fields(self, symbols: Sequence[str], answers: Mapping[str, object]) -> dict[str, object]:
        now_ms = self._clock.now_ms()
        mirror: Mapping[str, Any] = views.pick(answers, "hot_store", dict) or {}
        heard: Mapping[str, Mapping[str, int | None]] = views.pick(answers, "feed", dict) or {}
        exchange = views.pick(answers, "exchange", ExchangeStatus)
        user_ms = exchange.user_stream_ms if exchange is not None else None
        return {
            symbol: {
                "state": self.state(symbol, answers),
                **views.position(symbol, mirror.get(f"position:{symbol}"), exchange),
                **views.opinions(mirror.get(f"engine_signals:{symbol}"), now_ms),
                "feeds": views.ages(heard.get(symbol, {}), user_ms, now_ms),
            }
            for symbol in symbols
        }


@contextmanager
def _silence(path: str) -> Iterator[None]:
    """An actor that is away, crashes or is late: the answer goes without it."""
    try:
        yield
    except ActorFault as fault:
        logger.debug("no answer of {}: {}", path, fault)
