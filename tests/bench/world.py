"""The product's own symbol trees under a market of decoded frames; only exchange and storage are stand-ins."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from random import Random
from typing import Any, TypeAlias
from uuid import uuid4

import pykka
from msgspec import structs

from tests.bench.market import START_MS, Tape, names
from tests.bench.ports import CountingStorage, Decisions, FlatExchange, MemoryJournal, SilentFeed
from tests.domain.money_builders import RULES, TIERS
from vortex.actors.feed import SubscriptionTable
from vortex.actors.root import AddressOf, RootSupervisor
from vortex.adapters.clock import UuidIds
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config
from vortex.config.sections import Runtime
from vortex.domain.market import MarketValue
from vortex.domain.order import AccountState, SymbolSetup
from vortex.domain.pnl import RowLabels
from vortex.messages import Recipient
from vortex.ports import Clock, HotStore
from vortex.runtime import (
    Actor,
    ActorState,
    ActorSystem,
    Address,
    ChildSpec,
    PoolDispatcher,
    RestartLimits,
    StockDispatcher,
    ThreadDispatcher,
)
from vortex.runtime.cell import Cell
from vortex.runtime.dispatch.stock import StockCell

SHARED = ("hot_store", "storage", "exchange", "account", "feed")
PARTS = ("monitor", "decision", "E1", "E2", "E3", "E4", "E5")
LOOK_S = 0.005
LABELS = RowLabels(mode="paper", account="main", market_source="generated", profile="bench")
SETUP = SymbolSetup(rules=RULES, tiers=TIERS, taker_fee=Decimal("0.0005"))
CASH = Decimal(10_000)
MakeStorage: TypeAlias = Callable[[Recipient], Actor]
ABSENT: Any = None
"""Belongs to the actors for which others stand in."""
CRASHES_ALLOWED = Runtime(child_restarts=1_000, child_period_s=0.05)
"""Every crash is the first of its period, so that the next start is at once."""


class PlainCell(StockCell):
    """Named and registered as pykka does it."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.actor_urn = uuid4().urn
        pykka.ActorRegistry.register(self.actor_ref)

    def finish(self) -> None:
        super().finish()
        pykka.ActorRegistry.unregister(self.actor_ref)


class PlainStock(StockDispatcher):
    """pykka alone: nobody watches handlers, which among thousands of threads wait long for the interpreter."""

    def cell(self, spec: ChildSpec) -> type[Cell]:  # noqa: ARG002  # all alike here
        return PlainCell

    def running(self) -> Iterable[Cell]:
        return ()


DISPATCHERS: Mapping[str, type[ThreadDispatcher]] = {
    "pool": PoolDispatcher, "stock": PlainStock, "thread": ThreadDispatcher,
}  # fmt: skip


class World:
    """A running system.

    Args:
        kind: Name of the dispatcher.
        tapes: The market; the trees of its symbols are started.
        clock: What time it is there.
        config: Thresholds; those of the defaults hardly ever trade.
        hot_store: Is told what decisions mirror and the market says; none.
        storage: Makes what writes rows, given the exchange's address; what merely counts them.

    Attributes:
        decisions: What was decided.
        written: What storage was told.
        orders: What the exchange was told.
        on_order: Told each of them, on the exchange's thread.
    """

    def __init__(
        self,
        kind: str,
        tapes: Sequence[Tape],
        clock: Clock,
        config: Config | None = None,
        *,
        hot_store: HotStore | None = None,
        storage: MakeStorage | None = None,
    ) -> None:
        self.decisions = Decisions(hot_store)
        self._storage: MakeStorage = storage or (lambda _exchange: CountingStorage(self.written))
        self.written: list[object] = []
        self.orders: list[object] = []
        self.on_order: Callable[[object], object] = lambda _order: None
        self._tapes = tapes
        self._table = SubscriptionTable(self.decisions.observe)
        self._failures: list[BaseException] = []
        self._wiring = Wiring(
            config=structs.replace(config or Config(), trading_pairs=names(tapes), runtime=CRASHES_ALLOWED),
            ports=_ports(clock, self.decisions),
            labels=LABELS,
            random=Random(1),
            table=self._table,
        )
        self.system = ActorSystem(DISPATCHERS[kind](clock), on_root_failure=self._failures.append)

    # ------------------------------------------------------------------- the root's plan: the wiring's, but for two

    def shared(self, address: AddressOf) -> Sequence[ChildSpec]:
        stands_in = {
            "storage": lambda: self._storage(address("exchange")),
            "exchange": lambda: FlatExchange(SETUP, self._hear),
        }
        return [
            structs.replace(spec, factory=stands_in.get(spec.name, spec.factory))
            for spec in self._wiring.shared(address)
        ]

    def symbols(self) -> Mapping[str, bool]:
        return dict.fromkeys(names(self._tapes), False)

    def symbol(self, symbol: str, address: AddressOf) -> ChildSpec:
        return self._wiring.symbol(symbol, address)

    def _hear(self, order: object) -> None:
        """On the exchange's thread."""
        self.orders.append(order)
        self.on_order(order)

    # --------------------------------------------------------------------------------------------------- its life

    def start(self, timeout_s: float) -> float:
        """Start every actor; returns the real seconds until all are ready."""
        began_s = time.monotonic()
        limits = RestartLimits(0, 1.0)
        self.system.start_root(
            ChildSpec("root", lambda: RootSupervisor(plan=self, limits=limits, random=Random(1)), run="first")
        )
        for path in (*SHARED, *[f"{symbol}/{part}" for symbol in names(self._tapes) for part in PARTS]):
            while not self._is_ready(path):  # one at a time: to look at all of them would slow them down
                if time.monotonic() - began_s > timeout_s or self._failures:
                    raise TimeoutError(f"{path} is not ready: {self._failures}")
                time.sleep(LOOK_S)
        took_s = time.monotonic() - began_s
        state = AccountState(ts_ms=START_MS, wallet_usdt=CASH, unrealized_usdt=CASH - CASH, available_usdt=CASH)
        self.at("account").tell(state)
        return took_s

    def deliver(self, values: Sequence[MarketValue]) -> None:
        """Tell every subscriber, as the feed does."""
        for value in values:
            self._table.deliver(value)

    def at(self, path: str) -> Address:
        """The address of an actor. Raises LookupError."""
        address = self.system.find(path)
        if address is None:
            raise LookupError(path)
        return address

    def check(self) -> None:
        """Raise RuntimeError when the tree gave up."""
        if self._failures:
            raise RuntimeError(f"the tree gave up: {self._failures}")

    def stop(self, timeout_s: float) -> None:
        """Stop everything."""
        if not self.system.stop(timeout_s):
            raise TimeoutError(f"not stopped within {timeout_s} s")

    def _is_ready(self, path: str) -> bool:
        address = self.system.find(path)
        return address is not None and address.state is ActorState.READY


def _ports(clock: Clock, decisions: Decisions) -> Ports:
    return Ports(
        clock=clock, ids=UuidIds(), exchange=lambda: ABSENT, feed=SilentFeed, hot_store=decisions, cold_store=ABSENT,
        journal=MemoryJournal(), outbox=ABSENT, courier=lambda: ABSENT,
    )  # fmt: skip
