"""A symbol's supervisor: owns engines, decision and monitor, introduces them to the shared actors, keeps the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.domain.market import Book, MarkPrice
from vortex.domain.operation import Gate
from vortex.messages import (
    GateClosed,
    GateOpened,
    GetSymbolStatus,
    JoinAccount,
    PeerStarted,
    Recipient,
    RegisterSymbol,
    Shutdown,
    Subscribe,
    SymbolReconciled,
    SymbolStatus,
)
from vortex.runtime import Address, ChildSpec, RestartLimits, Supervisor

DECISION, MONITOR = "decision", "monitor"


class Peers(Struct, frozen=True, kw_only=True):
    """The shared actors a symbol works with."""

    exchange: Recipient
    storage: Recipient
    hot_store: Recipient
    account: Recipient
    feed: Recipient


Parts = Callable[[Callable[[str], Address], Address], Sequence[ChildSpec]]
"""Given the address of a child by name and the supervisor's own, the children in order of start."""


class SymbolSupervisor(Supervisor):
    """One symbol's tree.

    Args:
        symbol: The symbol.
        peers: The shared actors.
        parts: Makes the child specs: monitor, decision, engines.
        inputs: What each engine reads, by child name.
        limits: Restarts allowed before the whole tree is restarted.
        random: Jitter of the restart delays.
    """

    def __init__(
        self,
        *,
        symbol: str,
        peers: Peers,
        parts: Parts,
        inputs: Mapping[str, tuple[type, ...]],
        limits: RestartLimits,
        random: Random,
    ) -> None:
        super().__init__(limits=limits, random=random)
        self._symbol = symbol
        self._peers = peers
        self._parts = parts
        self._wants = {**inputs, DECISION: (Book, MarkPrice), MONITOR: (Book, MarkPrice)}
        self._started: set[str] = set()
        self._reconciled = False
        self._was_ready = False
        self._gates: dict[Gate, GateClosed] = {}

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            **super().handlers(),
            GateClosed: self._on_gate_closed,
            GateOpened: self._on_gate_opened,
            SymbolReconciled: self._on_reconciled,
            PeerStarted: self._on_peer_started,
            Shutdown: self._on_shutdown,
            GetSymbolStatus: self._on_get,
        }

    def children(self) -> Sequence[ChildSpec]:
        return self._parts(self.context.child_address, self.context.address)

    def child_started(self, name: str, address: Address) -> None:
        """Introduce a new child, also one that replaces another, to those it works with."""
        self._started.add(name)
        self._subscribe(name)
        if name == DECISION:
            self._peers.account.tell(JoinAccount(symbol=self._symbol, subscriber=address))
            for closed in self._gates.values():
                address.tell(closed)
        if name == MONITOR:
            self._open(Gate.MONITOR)
        if name in (DECISION, MONITOR):
            self._register()

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        """Close the gate of what is gone; a missing engine is seen by the decision itself."""
        logger.warning("{}/{} generation {} crashed: {!r}", self._symbol, name, generation, error)
        self._started.discard(name)
        if name == MONITOR:
            self._close(Gate.MONITOR, f"restarting after {type(error).__name__}")

    def _subscribe(self, name: str) -> None:
        self._peers.feed.tell(Subscribe(symbol=self._symbol, subscriber=self.child(name), values=self._wants[name]))

    def _register(self) -> None:
        if not {DECISION, MONITOR} <= self._started:
            return
        self._peers.exchange.tell(
            RegisterSymbol(
                symbol=self._symbol,
                supervisor=self.context.address,
                decision=self.child(DECISION),
                monitor=self.child(MONITOR),
            )
        )

    # --------------------------------------------------------------------------------------------------- handlers

    def _on_reconciled(self, _message: SymbolReconciled) -> None:
        self._reconciled = True
        self._open(Gate.EXCHANGE)

    def _on_peer_started(self, message: PeerStarted) -> None:
        """Introduce the symbol again; what the peer's last incarnation had not handled is told again by this."""
        if message.name == "exchange":
            self._reconciled = False
            self._close(Gate.EXCHANGE, "reconciling")
        elif message.name == "account" and DECISION in self._started:
            self._peers.account.tell(JoinAccount(symbol=self._symbol, subscriber=self.child(DECISION)))
        elif message.name == "feed":
            for name in filter(self._started.__contains__, self._wants):
                self._subscribe(name)
        if message.name in ("exchange", "account", "storage"):
            self._register()

    def _on_gate_closed(self, message: GateClosed) -> None:
        kept = self._gates.setdefault(message.gate, message)
        if kept is message:
            logger.info("{}: gate {} closed, {}", self._symbol, message.gate, message.detail)
        self._tell_decision(kept)

    def _on_gate_opened(self, message: GateOpened) -> None:
        if message.gate is Gate.ENGINES:
            self._was_ready = True
        if self._gates.pop(message.gate, None) is not None:
            logger.info("{}: gate {} opened", self._symbol, message.gate)
        self._tell_decision(message)

    def _on_shutdown(self, message: Shutdown) -> None:
        self._tell_decision(message)

    def _on_get(self, _message: GetSymbolStatus) -> SymbolStatus:
        return SymbolStatus(
            symbol=self._symbol,
            state=self._state(),
            entry_allowed=not self._gates,
            gates=tuple(self._gates.values()),
        )

    def _tell_decision(self, message: object) -> None:
        if DECISION in self._started:  # before that it will be told when it starts
            self.child(DECISION).tell(message)

    def _state(self) -> str:
        if self._started != set(self._wants):
            return "STARTING"
        if not self._reconciled:
            return "RECONCILING"
        return "READY" if self._was_ready else "WARMING"

    def _close(self, gate: Gate, detail: str) -> None:
        now_ms = self.context.clock.now_ms()
        self._on_gate_closed(GateClosed(gate=gate, since_ms=now_ms, detail=detail))

    def _open(self, gate: Gate) -> None:
        self._on_gate_opened(GateOpened(gate=gate))
