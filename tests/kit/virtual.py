"""The whole system in virtual time: the product's tree and wiring on the simulator's core, one thread, no socket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from pathlib import Path
from random import Random
from typing import Any

from tests.kit.courier import PromptCourier
from vortex.actors.feed import SubscriptionTable
from vortex.adapters.memory import MemoryHotStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.adapters.sqlite.outbox import SqliteOutbox
from vortex.app.wiring import Ports, Wiring
from vortex.config import Config
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.meters import Meters
from vortex.domain.pnl import RowLabels
from vortex.ports import Clock
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


@dataclass(frozen=True, slots=True)
class Files:
    """What outlives the actors."""

    journal: SqliteJournal
    outbox: SqliteOutbox
    cold_store: SqliteColdStore
    hot_store: MemoryHotStore
    courier: PromptCourier

    @classmethod
    def open(cls, data_dir: Path, clock: Clock) -> Files:
        journal = SqliteJournal(data_dir / "journal.db", clock.now_ms)
        outbox = SqliteOutbox(data_dir / "journal.db", clock.now_ms)
        cold_store = SqliteColdStore.open(data_dir / "vortex.db")
        courier = PromptCourier.between(data_dir / "journal.db", cold_store)
        return cls(journal, outbox, cold_store, MemoryHotStore(clock.now_ms), courier)

    def ports(self, clock: Clock, venue: VirtualVenue) -> Ports:
        """These files, and that exchange."""
        return Ports(
            clock=clock, ids=CountedIds(), exchange=lambda: venue.exchange, feed=lambda: venue.feed,
            hot_store=self.hot_store, cold_store=self.cold_store, journal=self.journal, outbox=self.outbox,
            courier=lambda: self.courier,
        )  # fmt: skip


@dataclass(slots=True)
class VirtualRun:
    """One system under one seed.

    Attributes:
        dispatcher: Runs it: `run_for(ms)`, and says what time it is.
        core: The exchange: its ledger is the judge.
        world: The market around it, and the way to it and back.
        system: The actors.
        files: What they have written; `cold_store` holds the rows.
        meters: What the actors count, of all roots together.
        failures: What the root died of, each time.
        start: Starts another root over the same files and the same exchange.
    """

    dispatcher: VirtualDispatcher
    core: ExchangeCore
    world: World
    system: ActorSystem
    files: Files
    meters: Meters
    failures: list[BaseException]
    start: Callable[[], ActorSystem]

    @property
    def cold_store(self) -> SqliteColdStore:
        return self.files.cold_store

    @property
    def outbox(self) -> SqliteOutbox:
        return self.files.outbox

    @property
    def hot_store(self) -> MemoryHotStore:
        return self.files.hot_store

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

    def restart(self) -> None:
        """What an outer supervisor does after the root's death: a new process, which knows the files alone."""
        self.system = self.start()


def virtual_run(
    config: Config, data_dir: Path, *, seed: int = 1, markets: tuple[str, ...] = DEFAULT_MARKETS,
    played_ms: Mapping[str, int] | None = None, latency: Latency | None = None,
    dispatcher: VirtualDispatcher | None = None,
) -> VirtualRun:  # fmt: skip
    """Build the product's tree over a simulated exchange; nothing has happened yet.

    Args:
        config: The effective configuration.
        data_dir: Where journal, outbox and rows are kept.
        seed: Of latencies, restart delays, and of who runs next.
        markets: The sources.
        played_ms: Where in its recording each symbol begins.
        latency: Instead of the usual one.
        dispatcher: Instead of a plain one of this seed.
    """
    dispatcher = dispatcher or VirtualDispatcher(seed, START_MS)
    sources = open_markets(markets, seed=config.sim.seed, resume=played_ms)
    core = ExchangeCore([spec for source in sources for spec in source.specs], balance_usdt=Decimal(10_000))
    world = World(core, sources, latency=latency or Latency(), seed=seed, start_ms=START_MS)
    flow = config.engines.order_flow
    venue = VirtualVenue(world, dispatcher, lambda: BookFlow(flow.depth, flow.decay, flow.levels))
    files = Files.open(data_dir, dispatcher)
    ports = files.ports(dispatcher, venue)
    labels = RowLabels(mode="paper", account="main", market_source="virtual", profile=config.profile)
    failures, meters = list[BaseException](), Meters()

    def start() -> ActorSystem:
        venue.exchange.stop()
        venue.feed.stop()
        system = ActorSystem(dispatcher, on_root_failure=failures.append)
        table = SubscriptionTable(files.hot_store.observe)
        jitter = Random(seed)
        wiring = Wiring(config=config, ports=ports, labels=labels, random=jitter, table=table, meters=meters)
        system.start_root(wiring.root())
        return system

    return VirtualRun(dispatcher, core, world, start(), files, meters, failures, start)
