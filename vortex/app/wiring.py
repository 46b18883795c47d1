"""The whole data path on one page: which actors there are and who is given whose address.

feed ─► E1..E5 and monitor ─► decision ─► account ─► decision ─► exchange ─► monitor ─► storage
                                                                    anyone ─(mirror)─► hot_store
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random

from msgspec import Struct

from vortex.actors.account import AccountActor
from vortex.actors.decision import DecisionActor
from vortex.actors.engine import EngineActor
from vortex.actors.exchange import ExchangeActor
from vortex.actors.feed import FeedActor, SubscriptionTable
from vortex.actors.hot_store import HotStoreActor
from vortex.actors.monitor import MonitorActor
from vortex.actors.order_journal import OrderJournal
from vortex.actors.rejecting import Rejector
from vortex.actors.root import AddressOf, RootSupervisor
from vortex.actors.shelf import Shelf
from vortex.actors.storage import StorageActor
from vortex.actors.symbol import DECISION, MONITOR, Peers, SymbolSupervisor
from vortex.config import Config
from vortex.domain.decision import SignalBoard
from vortex.domain.desk.adoption import ForeignParams
from vortex.domain.engines.registry import REGISTRY, EngineSpec
from vortex.domain.meters import Meters
from vortex.domain.pnl import RowLabels
from vortex.messages import NOBODY, Recipient
from vortex.ports import Clock, ColdStore, Courier, Exchange, HotStore, Ids, Journal, MarketFeed, Outbox
from vortex.runtime import Address, ChildSpec, RestartLimits

PART_STOP_S = 1.0
"""An engine, a decision or a monitor has this long to stop: a hung one costs its tree no more than that."""
TREE_STOP_S = 1.5
"""A symbol's tree has this long: a hung one must leave the rest time to stop in order (live.STOP_S)."""

EXCHANGE_BUDGET_S, STORAGE_BUDGET_S, ACCOUNT_BUDGET_S = 15.0, 15.0, 5.0
"""A handler of an actor that waits for the disk hangs when it takes longer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything outside the actors; exchange, feed and courier are made anew for every incarnation of their actor."""

    clock: Clock
    ids: Ids
    exchange: Callable[[], Exchange]
    feed: Callable[[], MarketFeed]
    hot_store: HotStore
    cold_store: ColdStore
    journal: Journal
    outbox: Outbox
    courier: Callable[[], Courier]
    notifier: Recipient = NOBODY


@dataclass(slots=True, kw_only=True)
class Wiring:
    """Knows how to build every actor: the plan of the root supervisor.

    Attributes:
        config: The effective configuration; a symbol keeps the one it was added with.
        ports: The world outside.
        labels: What every row and every output of this run is marked with.
        random: Jitter of restart delays.
        table: Subscriptions; they outlive the feed actor.
        meters: What the actors count; they outlive every actor.
    """

    config: Config
    ports: Ports
    labels: RowLabels
    random: Random
    table: SubscriptionTable
    meters: Meters = field(default_factory=Meters)

    def root(self) -> ChildSpec:
        """The root supervisor: shared actors, then a tree for each symbol."""
        runtime = self.config.runtime
        limits = RestartLimits(runtime.root_restarts, runtime.root_period_s)
        notifier = self.ports.notifier
        return ChildSpec(
            "root",
            lambda: RootSupervisor(plan=self, limits=limits, random=self.random, notifier=notifier),
            run="first",
        )

    def reconfigure(self, config: Config) -> None:
        """Build symbols that are added from now on by this configuration. Safe from any thread."""
        self.config = config

    def shared(self, address: AddressOf) -> Sequence[ChildSpec]:
        """The actors that all symbols share, in order of start; what may block has a thread of its own."""
        config, ports = self.config, self.ports
        exchange, account = address("exchange"), address("account")
        return (
            ChildSpec("hot_store", lambda: HotStoreActor(store=ports.hot_store)),
            ChildSpec(
                "storage",
                lambda: StorageActor(
                    outbox=ports.outbox, courier=ports.courier(), exchange=exchange, random=self.random
                ),
                run="thread",
                budget_s=STORAGE_BUDGET_S,
            ),
            ChildSpec(
                "exchange",
                lambda: self._exchange(config, account),
                run="thread",
                budget_s=EXCHANGE_BUDGET_S,
            ),
            ChildSpec(
                "account",
                lambda: self._account(config, exchange),
                run="thread",
                budget_s=ACCOUNT_BUDGET_S,
            ),
            ChildSpec("feed", lambda: FeedActor(feed=ports.feed(), table=self.table)),
        )

    def _exchange(self, config: Config, account: Recipient) -> ExchangeActor:
        foreign = ForeignParams(
            foreign_position=config.exchange.foreign_position, adopted_stop_pct=config.exchange.adopted_stop_pct
        )
        return ExchangeActor(
            port=self.ports.exchange(),
            journal=self.ports.journal,
            account=account,
            account_name=config.account.name,
            foreign=foreign,
            canary=config.mode != "paper",
            meters=self.meters,
            notifier=self.ports.notifier,
        )

    def _account(self, config: Config, exchange: Recipient) -> AccountActor:
        return AccountActor(
            params=config.risk,
            journal=self.ports.journal,
            account_name=config.account.name,
            exchange=exchange,
            notifier=self.ports.notifier,
        )

    def symbols(self) -> Mapping[str, bool]:
        """The trading pairs; and, to leave, those with a trade to end or a row to write from before the last stop."""
        journal = OrderJournal.reader(self.ports.journal, self.config.account.name)
        unfinished = {*journal.load(), *(ended.bracket.plan.symbol for ended in journal.ended.values())}
        return {**dict.fromkeys(sorted(unfinished), True), **dict.fromkeys(self.config.trading_pairs, False)}

    def symbol(self, symbol: str, address: AddressOf) -> ChildSpec:
        """The tree of one symbol: monitor, decision, engines. Engines outlive crashes of the tree on their shelves."""
        config = self.config  # as it is now, also for what is started again later
        runtime, engines = config.runtime, config.of(symbol).engines
        peers = Peers(**{name: address(name) for name in Peers.__struct_fields__})
        shelves = {spec.id: _shelf(spec, getattr(engines, spec.section)) for spec in REGISTRY}

        def parts(address: AddressOf, supervisor: Address) -> Sequence[ChildSpec]:
            decision = address(DECISION)
            return (
                ChildSpec(MONITOR, lambda: self._monitor(config, symbol, peers), stop_s=PART_STOP_S, run="first"),
                ChildSpec(DECISION, lambda: self._decision(config, symbol, peers, supervisor), stop_s=PART_STOP_S),
                *(_engine(symbol, spec, shelves[spec.id], decision, peers) for spec in reversed(REGISTRY)),
            )

        def tree() -> SymbolSupervisor:
            return SymbolSupervisor(
                symbol=symbol,
                peers=peers,
                parts=parts,
                inputs={spec.id: spec.engine.inputs for spec in REGISTRY},
                limits=RestartLimits(runtime.child_restarts, runtime.child_period_s),
                random=self.random,
                notifier=self.ports.notifier,
            )

        limits = RestartLimits(runtime.tree_restarts, runtime.tree_period_s)
        return ChildSpec(symbol, tree, stop_s=TREE_STOP_S, run="first", limits=limits)

    def _decision(self, config: Config, symbol: str, peers: Peers, supervisor: Address) -> DecisionActor:
        settings, ids, meters = config.of(symbol), self.ports.ids, self.meters.of(symbol)
        return DecisionActor(
            symbol=symbol,
            board=SignalBoard(settings.decision),
            risk=settings.risk,
            supervisor=supervisor,
            account=peers.account,
            exchange=peers.exchange,
            hot_store=peers.hot_store,
            rejector=Rejector(storage=peers.storage, labels=self.labels, ids=ids, meters=meters),
            ids=ids,
            meters=meters,
        )

    def _monitor(self, config: Config, symbol: str, peers: Peers) -> MonitorActor:
        return MonitorActor(
            symbol=symbol,
            exchange=peers.exchange,
            storage=peers.storage,
            hot_store=peers.hot_store,
            params=config.of(symbol).monitor,
            labels=self.labels,
        )


def _shelf(spec: EngineSpec, params: Struct) -> Shelf:
    return Shelf(lambda: spec.build(params))


def _engine(symbol: str, spec: EngineSpec, shelf: Shelf, decision: Address, peers: Peers) -> ChildSpec:
    return ChildSpec(
        spec.id,
        lambda: EngineActor(
            symbol=symbol,
            inputs=spec.engine.inputs,
            shelf=shelf,
            decision=decision,
            feed=peers.feed,
            hot_store=peers.hot_store,
        ),
        stop_s=PART_STOP_S,
    )
