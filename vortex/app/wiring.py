"""The whole data path on one page: which actors there are and who is given whose address.

feed ─► E1..E5 and monitor ─► decision ─► account ─► decision ─► exchange ─► monitor ─► storage
                                                                    anyone ─(mirror)─► hot_store
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from vortex.actors.account import AccountActor
from vortex.actors.decision import DecisionActor
from vortex.actors.engine import EngineActor
from vortex.actors.exchange import ExchangeActor
from vortex.actors.feed import FeedActor, SubscriptionTable
from vortex.actors.hot_store import HotStoreActor
from vortex.actors.monitor import MonitorActor
from vortex.actors.rejecting import Rejector
from vortex.actors.root import RootSupervisor
from vortex.actors.storage import StorageActor
from vortex.actors.symbol import DECISION, MONITOR, Peers, SymbolSupervisor
from vortex.config import Config
from vortex.domain.decision import SignalBoard
from vortex.domain.engines.registry import REGISTRY, EngineSpec
from vortex.domain.pnl import RowLabels
from vortex.ports import Clock, ColdStore, Exchange, HotStore, Ids, Journal, MarketFeed, Outbox
from vortex.runtime import Address, ChildSpec, RestartLimits

PART_STOP_S = 1.0
"""An engine, a decision or a monitor has this long to stop: a hung one costs its tree no more than that."""
TREE_STOP_S = 1.5
"""A symbol's tree has this long: a hung one must leave the rest time to stop in order (live.STOP_S)."""

AddressOf = Callable[[str], Address]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside the actors; exchange and feed are made anew for every incarnation of their actor."""

    clock: Clock
    ids: Ids
    exchange: Callable[[], Exchange]
    feed: Callable[[], MarketFeed]
    hot_store: HotStore
    cold_store: ColdStore
    journal: Journal
    outbox: Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Wiring:
    """Knows how to build every actor.

    Attributes:
        config: The effective configuration.
        ports: The world outside.
        labels: What every row and every output of this run is marked with.
        random: Jitter of restart delays.
        table: Subscriptions; they outlive the feed actor.
    """

    config: Config
    ports: Ports
    labels: RowLabels
    random: Random
    table: SubscriptionTable

    def root(self) -> ChildSpec:
        """The root supervisor: shared actors, then a tree for each trading pair."""
        runtime = self.config.runtime
        limits = RestartLimits(runtime.root_restarts, runtime.root_period_s)
        return ChildSpec("root", lambda: RootSupervisor(plan=self._plan, limits=limits, random=self.random))

    def _plan(self, address: AddressOf) -> Sequence[ChildSpec]:
        config, ports, name = self.config, self.ports, self.config.account.name
        exchange, account, hot_store = address("exchange"), address("account"), address("hot_store")
        shared = (
            ChildSpec("hot_store", lambda: HotStoreActor(store=ports.hot_store)),
            ChildSpec("storage", lambda: StorageActor(outbox=ports.outbox, store=ports.cold_store, exchange=exchange)),
            ChildSpec(
                "exchange",
                lambda: ExchangeActor(port=ports.exchange(), journal=ports.journal, account=account, account_name=name),
            ),
            ChildSpec(
                "account",
                lambda: AccountActor(params=config.risk, journal=ports.journal, account_name=name, exchange=exchange),
            ),
            ChildSpec("feed", lambda: FeedActor(feed=ports.feed(), table=self.table)),
        )
        peers = Peers(
            exchange=exchange,
            storage=address("storage"),
            hot_store=hot_store,
            account=account,
            feed=address("feed"),
        )
        return (*shared, *(self._symbol(symbol, peers) for symbol in config.trading_pairs))

    def _symbol(self, symbol: str, peers: Peers) -> ChildSpec:
        runtime = self.config.runtime
        limits = RestartLimits(runtime.child_restarts, runtime.child_period_s)

        def parts(address: AddressOf, supervisor: Address) -> Sequence[ChildSpec]:
            decision = address(DECISION)
            return (
                ChildSpec(MONITOR, lambda: self._monitor(symbol, peers), stop_s=PART_STOP_S),
                ChildSpec(DECISION, lambda: self._decision(symbol, peers, supervisor), stop_s=PART_STOP_S),
                *(self._engine(symbol, spec, decision) for spec in reversed(REGISTRY)),
            )

        def tree() -> SymbolSupervisor:
            return SymbolSupervisor(
                symbol=symbol,
                peers=peers,
                parts=parts,
                inputs={spec.id.value: spec.engine.inputs for spec in REGISTRY},
                limits=limits,
                random=self.random,
            )

        return ChildSpec(symbol, tree, stop_s=TREE_STOP_S)

    def _engine(self, symbol: str, spec: EngineSpec, decision: Address) -> ChildSpec:
        params = getattr(self.config.of(symbol).engines, spec.section)
        return ChildSpec(
            spec.id.value,
            lambda: EngineActor(symbol=symbol, engine=spec.build(params), decision=decision),
            stop_s=PART_STOP_S,
        )

    def _decision(self, symbol: str, peers: Peers, supervisor: Address) -> DecisionActor:
        settings, ids = self.config.of(symbol), self.ports.ids
        return DecisionActor(
            symbol=symbol,
            board=SignalBoard(settings.decision),
            risk=settings.risk,
            supervisor=supervisor,
            account=peers.account,
            exchange=peers.exchange,
            hot_store=peers.hot_store,
            rejector=Rejector(storage=peers.storage, labels=self.labels, ids=ids),
            ids=ids,
        )

    def _monitor(self, symbol: str, peers: Peers) -> MonitorActor:
        return MonitorActor(
            symbol=symbol,
            exchange=peers.exchange,
            storage=peers.storage,
            hot_store=peers.hot_store,
            params=self.config.of(symbol).monitor,
            labels=self.labels,
        )
