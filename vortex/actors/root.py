"""The root supervisor: the shared actors first, then one tree per symbol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import Any

from loguru import logger

from vortex.messages import PeerStarted, Shutdown
from vortex.runtime import Address, ChildSpec, RestartLimits, Supervisor

SHARED = ("hot_store", "storage", "exchange", "account", "feed")
"""The shared actors in order of start."""

Plan = Callable[[Callable[[str], Address]], Sequence[ChildSpec]]
"""Given the address of a child by name, every child in order of start."""


class RootSupervisor(Supervisor):
    """Restarts what crashes and tells the symbols when a shared actor is a new one."""

    def __init__(self, *, plan: Plan, limits: RestartLimits, random: Random) -> None:
        super().__init__(limits=limits, random=random)
        self._plan = plan
        self._symbols: dict[str, Address] = {}

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {**super().handlers(), Shutdown: self._on_shutdown}

    def children(self) -> Sequence[ChildSpec]:
        return self._plan(self.context.child_address)

    def child_started(self, name: str, address: Address) -> None:
        if name not in SHARED:
            self._symbols[name] = address
            return
        for symbol in self._symbols.values():
            symbol.tell(PeerStarted(name=name))

    def child_failed(self, name: str, error: BaseException, generation: int) -> None:
        logger.warning("{} generation {} crashed: {!r}", name, generation, error)

    def _on_shutdown(self, message: Shutdown) -> None:
        for symbol in self._symbols.values():
            symbol.tell(message)
