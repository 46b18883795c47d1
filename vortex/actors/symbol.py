"""A symbol's supervisor: owns engines, decision and monitor, introduces them to the shared actors, keeps the gates."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.actors.gates import Gates
from vortex.actors.telling import tell_crash, tell_quarantine
from vortex.domain.market import Book, MarkPrice
from vortex.domain.operation import Gate
from vortex.messages import (
    NOBODY,
    DeregisterSymbol,
    GateClosed,
    GateOpened,
    JoinAccount,
    Leave,
    LeaveAccount,
    Mirror,
    PeerFailed,
    PeerStarted,
    Recipient,
    RegisterSymbol,
    Shutdown,
    Subscribe,
    SymbolLeft,
    SymbolReconciled,
    SymbolReleased,
    Unsubscribe,
)
from vortex.queries import GetSymbolStatus, SymbolStatus
from vortex.runtime import Address, ChildSpec, RestartLimits, Supervisor

DECISION, MONITOR = "decision", "monitor"

BEHIND: Mapping[str, tuple[Gate, ...]] = {
    "exchange": (Gate.EXCHANGE, Gate.USER_STREAM),
    "account": (Gate.ACCOUNT,),
    DECISION: (Gate.ENGINES,),
    MONITOR: (Gate.MONITOR,),
}
"""Who stands behind which gates: closed while he is down, and until somebody says that he is up to date again: for
exchange and monitor SymbolReconciled says it, for the user stream the exchange, for the others the decision."""

ORDERED = (Gate.PAUSED, Gate.HALTED, Gate.KILL_SWITCH, Gate.CLOCK, Gate.DISK, Gate.JOURNAL)
"""Gates of which the exchange actor keeps the truth: a new one says them anew."""


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
        notifier: Hears of every crash.
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
        notifier: Recipient = NOBODY,
    ) -> None:
        super().__init__(limits=limits, random=random)
        self._symbol = symbol
        self._notifier = notifier
        self._peers = peers
        self._parts = parts
        self._wants = {**inputs, DECISION: (Book, MarkPrice), MONITOR: (Book, MarkPrice)}
        self._up: set[str] = set()
        self._reconciled = False
        self._was_ready = False
        self._gates = Gates(symbol, self._now_ms, self._tell_decision)
        self._leave = Leave(leaving=False)
        self._deregistered = self._released = False
        self._shutdown: Shutdown | None = None

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            **super().handlers(),
            GateClosed: self._gates.close,
            GateOpened: self._on_gate_opened,
            SymbolReconciled: self._on_reconciled,
            PeerFailed: self._on_peer_failed,
            PeerStarted: self._on_peer_started,
            Leave: self._on_leave,
            SymbolReleased: self._on_released,
            Shutdown: self._on_shutdown,
            GetSymbolStatus: self._on_get,
        }

    def started(self) -> None:
        for gates in BEHIND.values():
            self._gates.back(gates, "not known yet")
        super().started()

    def stopping(self) -> None:
        """Leave nothing behind of a symbol that has left; only now does nobody write it any more."""
        if self._released:
            for kind in ("position", "engine_signals"):
                self._peers.hot_store.tell(Mirror(key=f"{kind}:{self._symbol}", value=None))

    def children(self) -> Sequence[ChildSpec]:
        return self._parts(self.context.child_address, self.context.address)

    # ------------------------------------------------------------------------------------------------- introductions

    def child_started(self, name: str, address: Address) -> None:
        """Introduce a new child, also one that replaces another, to those it works with."""
        self._up.add(name)
        self._gates.back(BEHIND.get(name, ()), f"{name} has just started")
        if address.quarantined:
            refused = ", ".join(sorted(kind.__name__ for kind in address.quarantined))
            self._gates.shut(BEHIND.get(name, ()), f"{name} is quarantined from {refused}")
            tell_quarantine(self._notifier, address)
        if name == DECISION:
            self._brief(address)
        if not self._released:
            self._subscribe(name)
            if name == DECISION:
                self._join()
            if name in (DECISION, MONITOR):
                self._register()

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        """Close the gates of what is gone; a missing engine is seen by the decision itself."""
        logger.error("{} generation {} crashed: {!r}", self.child(name).path, generation, error)
        tell_crash(self._notifier, self.child(name).path, error, generation)
        self._up.discard(name)
        self._gates.shut(BEHIND.get(name, ()), f"{name} restarts after {type(error).__name__}")

    def _brief(self, decision: Address) -> None:
        """Tell a new decision everything that speaks against an entry."""
        for closed in self._gates.closed:
            decision.tell(closed)
        if self._leave.leaving:
            decision.tell(self._leave)
        if self._shutdown is not None:
            decision.tell(self._shutdown)

    def _subscribe(self, *names: str) -> None:
        for name in names:
            if name in self._up:
                wants = self._wants[name]
                self._peers.feed.tell(Subscribe(symbol=self._symbol, subscriber=self.child(name), values=wants))

    def _join(self) -> None:
        """Have the account tell the decision what it must know; the decision says when it does."""
        if DECISION in self._up:
            self._gates.close(GateClosed(gate=Gate.ACCOUNT, since_ms=self._now_ms(), detail="has not answered yet"))
            self._peers.account.tell(JoinAccount(symbol=self._symbol, subscriber=self.child(DECISION)))

    def _register(self) -> None:
        """Have the symbol reconciled and its actors told; a symbol that leaves is taken back until that is done."""
        self._reconciled = self._deregistered = False
        if {DECISION, MONITOR} <= self._up:
            self._peers.exchange.tell(
                RegisterSymbol(
                    symbol=self._symbol,
                    supervisor=self.context.address,
                    decision=self.child(DECISION),
                    monitor=self.child(MONITOR),
                )
            )

    # ------------------------------------------------------------------------------------------------- shared actors

    def _on_peer_failed(self, message: PeerFailed) -> None:
        self._gates.shut(BEHIND.get(message.name, ()), message.detail)

    def _on_peer_started(self, message: PeerStarted) -> None:
        """Introduce the symbol again; what the peer's last incarnation had not handled is told again by this."""
        self._gates.back(BEHIND.get(message.name, ()), f"{message.name} has just started")
        if message.name == "exchange":
            self._gates.open(*ORDERED)
        if self._released:
            return
        if message.name == "feed":
            self._subscribe(*self._wants)
        elif message.name == "account":
            self._join()
        if message.name in ("exchange", "account", "storage"):
            self._register()

    def _on_reconciled(self, _message: SymbolReconciled) -> None:
        self._reconciled = True
        self._gates.open(Gate.EXCHANGE, Gate.MONITOR)
        if self._leave.leaving:
            self._deregister()

    # -------------------------------------------------------------------------------------------------------- leaving

    def _on_leave(self, message: Leave) -> None:
        """Leave as soon as the truth is known, or stay after all: then whatever was taken back is given again."""
        if message == self._leave:
            return
        self._leave = message
        self._tell_decision(message)
        if not message.leaving:
            self._released = False
            self._subscribe(*self._wants)
            self._join()
            self._register()
        elif self._reconciled:
            self._deregister()

    def _deregister(self) -> None:
        self._deregistered = True
        self._peers.exchange.tell(DeregisterSymbol(symbol=self._symbol))

    def _on_released(self, message: SymbolReleased) -> None:
        if not self._deregistered:
            return  # an answer to an earlier wish to leave
        logger.info("{}: nothing is under way any more", self._symbol)
        self._released = True
        self._peers.feed.tell(Unsubscribe(symbol=self._symbol))
        self._peers.account.tell(LeaveAccount(symbol=self._symbol))
        if self.context.parent is not None:
            self.context.parent.tell(SymbolLeft(symbol=message.symbol))

    # ----------------------------------------------------------------------------------------------------- operation

    def _on_gate_opened(self, message: GateOpened) -> None:
        self._gates.open(message.gate)
        if message.gate is Gate.ENGINES:
            self._was_ready = True

    def _on_shutdown(self, message: Shutdown) -> None:
        self._shutdown = message
        self._tell_decision(message)

    def _on_get(self, _message: GetSymbolStatus) -> SymbolStatus:
        closed = self._gates.closed
        return SymbolStatus(
            symbol=self._symbol,
            state=self._state(),
            entry_allowed=not closed and not self._leave.leaving and self._shutdown is None,
            gates=closed,
        )

    def _state(self) -> str:
        if self._up != set(self._wants):
            return "STARTING"
        if not self._reconciled:
            return "RECONCILING"
        if self._leave.leaving:
            return "LEAVING"
        if self._gates.is_closed(Gate.HALTED, Gate.KILL_SWITCH):
            return "HALTED"
        if self._gates.is_closed(Gate.PAUSED):
            return "PAUSED"
        return "READY" if self._was_ready else "WARMING"

    def _now_ms(self) -> int:
        return self.context.clock.now_ms()

    def _tell_decision(self, message: object) -> None:
        if DECISION in self._up:  # before that it is told when it starts
            self.child(DECISION).tell(message)
