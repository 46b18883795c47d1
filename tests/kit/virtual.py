"""The whole system in virtual time: the product's tree and wiring on the simulator's core, one thread, no socket."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from vortex.actors.feed import SubscriptionTable
from vortex.adapters.memory import MemoryHotStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.pnl import RowLabels
from vortex.runtime import ActorSystem, VirtualDispatcher
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.world import Latency, World
from vortex.sim.market.sources import DEFAULT_MARKETS, open_markets
from vortex.sim.virtual import VirtualVenue

START_MS = 1_800_000_007_300


class CountedIds:
    """Ids that are the same in every run."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def uuid(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._numbers):012d}"


@dataclass(slots=True)
class VirtualRun:
    """One system under one seed.

    Attributes:
        dispatcher: Runs it: `run_for(ms)`, and says what time it is.
        core: The exchange: its ledger is the judge.
        system: The actors.
        cold_store: The rows that were written.
        failures: What the root died of, if it did.
    """

    dispatcher: VirtualDispatcher
    core: ExchangeCore
    system: ActorSystem
    cold_store: SqliteColdStore
    outbox: SqliteOutbox
    hot_store: MemoryHotStore
    failures: list[BaseException]

    def decided_ms(self, symbol: str) -> int | None:
        """When the symbol's last decision was made."""
        key = f"engine_signals:{symbol}"
        mirrored: Any = self.hot_store.get([key]).get(key)
        return None if mirrored is None else mirrored["decision"].ts_ms

    def ledger(self) -> dict[str, Any]:
        """The exchange's own account of everything."""
        return self.core.ledger(self.dispatcher.now_ms())

    def run_for(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.dispatcher.run_for(seconds * 1000.0)


def virtual_run(
    config: Config, data_dir: Path, *, seed: int = 1, markets: tuple[str, ...] = DEFAULT_MARKETS
) -> VirtualRun:
    """Build the product's tree over a simulated exchange; nothing has happened yet."""
    dispatcher = VirtualDispatcher(seed, START_MS)
    sources = open_markets(markets, seed=config.sim.seed)
    core = ExchangeCore([spec for source in sources for spec in source.specs], balance_usdt=Decimal(10_000))
    world = World(core, sources, latency=Latency(), seed=seed, start_ms=START_MS)
    flow = config.engines.order_flow
    venue = VirtualVenue(world, dispatcher, lambda: BookFlow(flow.depth, flow.decay, flow.levels))
    journal = SqliteJournal(data_dir / "journal.db", dispatcher.now_ms)
    outbox = SqliteOutbox(data_dir / "journal.db", dispatcher.now_ms)
    cold_store = SqliteColdStore.open(data_dir / "vortex.db")
    hot_store = MemoryHotStore()
    ports = Ports(
        clock=dispatcher,
        ids=CountedIds(),
        exchange=lambda: venue.exchange,
        feed=lambda: venue.feed,
        hot_store=hot_store,
        cold_store=cold_store,
        journal=journal,
        outbox=outbox,
    )
    labels = RowLabels(mode="paper", account="main", market_source="virtual", profile=config.profile)
    failures: list[BaseException] = []
    system = ActorSystem(dispatcher, on_root_failure=failures.append)
    wiring = Wiring(config=config, ports=ports, labels=labels, random=Random(seed), table=SubscriptionTable())
    system.start_root(wiring.root())
    return VirtualRun(dispatcher, core, system, cold_store, outbox, hot_store, failures)
