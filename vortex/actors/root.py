"""The root supervisor: the shared actors first, then one tree per symbol. Symbols come and go while others trade."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from random import Random
from typing import Any, Protocol, TypeAlias

from loguru import logger
from msgspec import Struct

from vortex.actors.telling import tell_crash, tell_quarantine
from vortex.domain.operation import OperatorAction
from vortex.messages import (
    NOBODY,
    AddSymbol,
    Leave,
    Operate,
    PeerFailed,
    PeerStarted,
    Recipient,
    RemoveSymbol,
    Shutdown,
    SymbolLeft,
    Unsubscribe,
)
from vortex.runtime import Address, ChildSpec, RestartLimits, Supervisor

SHARED = ("hot_store", "storage", "exchange", "account", "feed")
"""The shared actors in order of start."""

RETRY_S = 60.0
"""A symbol's tree that crashed too often is tried again after this time."""
STILL_STOPPING_MS = 50

AddressOf: TypeAlias = Callable[[str], Address]


class Plan(Protocol):
    """What runs below the root."""

    def shared(self, address: AddressOf) -> Sequence[ChildSpec]:
        """The shared actors in order of start."""
        ...

    def symbols(self) -> Mapping[str, bool]:
        """The symbols to start with; True for one that only ends the trade it has under way, and leaves."""
        ...

    def symbol(self, symbol: str, address: AddressOf) -> ChildSpec:
        """The tree of one symbol, as configured now."""
        ...


class _StartWhenGone(Struct, frozen=True):
    """The symbol was added again while its last tree was stopping."""

    symbol: str


class RootSupervisor(Supervisor):
    """Restarts what crashes, tells the symbols of shared actors, halts a symbol whose tree crashes too often.

    Args:
        plan: What to run.
        limits: Restarts allowed to the shared actors together.
        random: Jitter of the restart delays.
        notifier: Hears of every crash.
    """

    def __init__(self, *, plan: Plan, limits: RestartLimits, random: Random, notifier: Recipient = NOBODY) -> None:
        super().__init__(limits=limits, random=random)
        self._plan = plan
        self._notifier = notifier
        self._symbols: dict[str, bool] = {}
        self._left: set[str] = set()
        self._given_up: dict[str, Operate] = {}
        self._shutdown: Shutdown | None = None

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            **super().handlers(),
            AddSymbol: self._on_add,
            RemoveSymbol: self._on_remove,
            SymbolLeft: self._on_left,
            _StartWhenGone: self._on_start_when_gone,
            Operate: self._on_operate,
            Shutdown: self._on_shutdown,
        }

    def children(self) -> Sequence[ChildSpec]:
        self._symbols.update(self._plan.symbols())
        address = self.context.child_address
        return (*self._plan.shared(address), *(self._plan.symbol(symbol, address) for symbol in self._symbols))

    def child_started(self, name: str, address: Address) -> None:
        tell_quarantine(self._notifier, address)
        if name in SHARED:
            self._shared_started(name, address)
            return
        self._given_up.pop(name, None)
        if self._symbols.get(name):
            address.tell(Leave(leaving=True))
        if self._shutdown is not None:
            address.tell(self._shutdown)

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        logger.error("{} generation {} crashed: {!r}", name, generation, error)
        tell_crash(self._notifier, name, error, generation)
        if name in SHARED:
            self._tell_symbols(PeerFailed(name=name, detail=f"{name} restarts after {type(error).__name__}"))

    def child_exhausted(self, name: str, error: BaseException) -> float:
        """Give up on a shared actor; have a symbol flattened and halted, and try its tree again after a while."""
        if name in SHARED:
            return super().child_exhausted(name, error)
        why = f"its tree crashed too often: {error!r}"
        logger.critical("{}: {}; it is flattened and halted, the next try is in {} s", name, why, RETRY_S)
        order = self._given_up[name] = Operate(action=OperatorAction.HALT, symbol=name, why=why)
        self.child("exchange").tell(order)
        return RETRY_S

    def _shared_started(self, name: str, address: Address) -> None:
        """Tell everyone, and tell itself what the one before may not have lived to do."""
        self._tell_symbols(PeerStarted(name=name))
        if name == "exchange":
            for order in self._given_up.values():
                address.tell(order)
        elif name == "feed":
            for symbol in sorted(self._left):  # a set of texts has another order in every process
                address.tell(Unsubscribe(symbol=symbol))

    def _tell_symbols(self, message: object) -> None:
        for symbol in self._symbols:
            address = self.context.child_address(symbol)
            if address.generation:
                address.tell(message)

    # ------------------------------------------------------------------------------------------ symbols come and go

    def _on_add(self, message: AddSymbol) -> bool:
        symbol = message.symbol
        if symbol not in self._symbols:
            logger.info("{}: joins", symbol)
            self._symbols[symbol] = False
            self._left.discard(symbol)
            self._start(symbol)
        elif self._symbols[symbol]:
            logger.info("{}: stays", symbol)
            self._symbols[symbol] = False
            self.context.child_address(symbol).tell(Leave(leaving=False))
        return True

    def _on_remove(self, message: RemoveSymbol) -> bool:
        symbol = message.symbol
        if self._symbols.get(symbol) is False:
            logger.info("{}: leaves as soon as it has no trade under way", symbol)
            self._symbols[symbol] = True
            self.context.child_address(symbol).tell(Leave(leaving=True))
        return symbol in self._symbols

    def _on_left(self, message: SymbolLeft) -> None:
        if self._symbols.get(message.symbol):  # else it was added again meanwhile
            logger.info("{}: has left", message.symbol)
            del self._symbols[message.symbol]
            self._left.add(message.symbol)
            self.stop_child(message.symbol)

    def _start(self, symbol: str) -> None:
        spec = self._plan.symbol(symbol, self.context.child_address)
        try:
            self.start_child(spec)
        except ValueError:  # its last tree still stops
            self.context.after(STILL_STOPPING_MS, _StartWhenGone(symbol))

    def _on_start_when_gone(self, message: _StartWhenGone) -> None:
        if message.symbol in self._symbols:
            self._start(message.symbol)

    # ---------------------------------------------------------------------------------------------------- operation

    def _on_operate(self, message: Operate) -> None:
        """After an unhalt a tree that waits for its next try is tried at once; the rest is the exchange actor's."""
        if message.action is not OperatorAction.UNHALT:
            return
        for symbol in self._symbols if message.symbol is None else (message.symbol,):
            with suppress(KeyError):  # none of ours, or one whose last tree still stops
                self.revive(symbol)

    def _on_shutdown(self, message: Shutdown) -> None:
        self._shutdown = message
        self._tell_symbols(message)
