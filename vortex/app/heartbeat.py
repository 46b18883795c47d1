"""A line a minute that says how the run is, and what lasts told to people: asked without ever waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from loguru import logger

from vortex.app.api import views
from vortex.domain.money import plain
from vortex.domain.notify.watch import ClosedGate
from vortex.domain.risk.view import AccountView
from vortex.messages import Recipient
from vortex.queries import (
    ExchangeStatus,
    GateReport,
    GetAccount,
    GetExchange,
    GetOutbox,
    GetSymbolStatus,
    OutboxStatus,
    SymbolStatus,
)
from vortex.runtime import ActorSystem
from vortex.runtime.errors import ActorFault

ASK_S, LINE_S = 5.0, 60.0
PATIENCE_S = 2.0
"""An answer that has not come by then does not count."""
SHARED = {"exchange": GetExchange(), "account": GetAccount(), "storage": GetOutbox()}


class Heartbeat:
    """Asks the actors every 5 s, and takes what they answered at a later look: `look` waits for nobody.

    Args:
        system: The actors.
        symbols: What runs.
        notifier: Told which gates are closed and what waits for the ledger.
    """

    def __init__(self, system: ActorSystem, symbols: Callable[[], Iterable[str]], notifier: Recipient) -> None:
        self._system = system
        self._symbols = symbols
        self._notifier = notifier
        self._waiting: dict[str, Callable[[float], object]] = {}
        self._answers: dict[str, object] = {}
        self._asked_s = time.monotonic()
        self._line_s = self._asked_s + LINE_S

    def look(self) -> None:
        """Ask, or take answers: whatever it is time for."""
        now_s = time.monotonic()
        if self._waiting:
            self._collect()
            if not self._waiting or now_s - self._asked_s >= PATIENCE_S:
                self._waiting.clear()
                self._report(now_s)
        elif now_s - self._asked_s >= ASK_S:
            self._asked_s = now_s
            self._ask({**SHARED, **dict.fromkeys(self._symbols(), GetSymbolStatus())})

    def _ask(self, questions: Mapping[str, object]) -> None:
        self._answers.clear()
        for path, question in questions.items():
            address = self._system.find(path)
            if address is not None:
                with suppress(ActorFault):  # one that does not run has no answer
                    self._waiting[path] = address.request(question)

    def _collect(self) -> None:
        for path, reply in tuple(self._waiting.items()):
            with suppress(ActorFault):  # not yet, or never
                self._answers[path] = reply(0.0)
                del self._waiting[path]

    def _report(self, now_s: float) -> None:
        statuses = [answer for answer in self._answers.values() if isinstance(answer, SymbolStatus)]
        self._notifier.tell(
            GateReport(
                symbols=tuple(status.symbol for status in statuses),
                closed=tuple(
                    ClosedGate(symbol=status.symbol, gate=each.gate, since_ms=each.since_ms, detail=each.detail)
                    for status in statuses
                    for each in status.gates
                ),
            )
        )
        outbox = views.pick(self._answers, "storage", OutboxStatus)
        if outbox is not None:
            self._notifier.tell(outbox)
        if now_s >= self._line_s:
            self._line_s = now_s + LINE_S
            logger.info("{}", line(self._answers, statuses))


def line(answers: Mapping[str, object], statuses: Iterable[SymbolStatus]) -> str:
    """How the run is, on one line; what did not answer is a question mark."""
    states = [status.state for status in statuses]
    gates = sorted({each.gate for status in statuses for each in status.gates})
    exchange = views.pick(answers, "exchange", ExchangeStatus)
    account = views.pick(answers, "account", AccountView)
    outbox = views.pick(answers, "storage", OutboxStatus)
    equity = None if account is None else account.equity_usdt
    return ", ".join(
        (
            f"heartbeat: {states.count('READY')} of {len(states)} symbols ready",
            f"{'?' if exchange is None else len(exchange.trades)} positions",
            f"gates closed: {' '.join(gates) or 'none'}",
            f"equity {'?' if equity is None else plain(equity)} USDT",
            f"{'?' if outbox is None else outbox.pending} rows wait",
            f"weight {'?' if exchange is None else exchange.weight_used_1m}",
        )
    )
