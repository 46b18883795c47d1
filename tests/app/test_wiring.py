"""The wiring: one tree for each pair, in the contract's names, with each symbol's own settings."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import NamedTuple, NoReturn

import pytest
from msgspec import structs

from tests.domain.money_builders import SYMBOL
from tests.kit.builders import LABELS, bracket
from tests.kit.runtime import ManualContext
from tests.kit.virtual import START_MS, CountedIds, Files, virtual_run
from tests.sim.server.kit import short_capture
from vortex.actors.decision import DecisionActor
from vortex.actors.feed import SubscriptionTable
from vortex.actors.order_journal import OrderJournal
from vortex.adapters.sqlite.journal import SqliteJournal
from vortex.app import life, live, stopping, wiring
from vortex.config import Config, load
from vortex.domain.trade import TradeStatus
from vortex.runtime import ActorState, Address, ChildSpec, RestartLimits, Supervisor, VirtualDispatcher

PAPER = Path(__file__).parents[2] / "config" / "paper.toml"
PARTS = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")


def paths(config: Config, folder: Path) -> set[str]:
    run = virtual_run(config, folder, markets=(f"BTCUSDT,ETHUSDT={short_capture(folder)}",))
    run.run_for(0.5)
    assert run.failures == []
    return {actor.path for actor in run.system.tree()}


@pytest.mark.parametrize("pairs", [("ETHUSDT",), ("BTCUSDT", "ETHUSDT")])
def test_pairs_alone_decide_which_actors_there_are(tmp_path: Path, pairs: tuple[str, ...]) -> None:
    config = structs.replace(load([PAPER], {}).config, trading_pairs=pairs)
    shared = {"root", "exchange", "storage", "hot_store", "account", "feed"}
    parts = {f"{symbol}/{part}" for symbol in pairs for part in PARTS}
    assert paths(config, tmp_path) == shared | set(pairs) | parts


def test_a_symbol_trades_by_its_own_settings(tmp_path: Path) -> None:
    """A score that nothing reaches, asked of one symbol alone."""
    unreachable = {f"symbols.BTCUSDT.decision.{strategy}.theta": 1.0 for strategy in ("a", "b")}
    run = virtual_run(load([PAPER], {}, unreachable).config, tmp_path)
    run.run_for(60.0)
    assert {order["symbol"] for order in run.ledger()["orders"]} == {"ETHUSDT"}


def test_a_trade_from_before_of_a_pair_that_is_no_longer_traded_is_ended_and_the_symbol_leaves(tmp_path: Path) -> None:
    """Its entry is in the journal and never reached the exchange: the row says so, then nothing of it is left."""
    journal = SqliteJournal(tmp_path / "journal.db", lambda: START_MS)
    OrderJournal(journal, "main", over=lambda: False).keep(SYMBOL, bracket(now_ms=START_MS - 60_000))
    journal.close()
    config = structs.replace(load([PAPER], {}).config, trading_pairs=("ETHUSDT",))
    run = virtual_run(config, tmp_path, markets=(f"BTCUSDT,ETHUSDT={short_capture(tmp_path)}",))
    run.run_for(5.0)
    states = {actor.path: actor.state for actor in run.system.tree()}
    assert (states[SYMBOL], states["ETHUSDT"]) == (ActorState.STOPPED, ActorState.READY)
    rows = [row.status for row in run.cold_store.recent_trades(10) if row.symbol == SYMBOL]
    assert rows == [TradeStatus.FAILED]
    assert SYMBOL not in run.files.journal.latest("bracket")
    assert "trade-1" not in run.files.journal.latest("ended")
    assert run.failures == []


def nobody() -> NoReturn:
    raise AssertionError("nothing is to be connected")


class Bench(NamedTuple):
    """A wiring whose ports lead nowhere, and who is asked for addresses."""

    wiring: wiring.Wiring
    config: Config

    def specs(self) -> dict[str, ChildSpec]:
        children = (*self.wiring.shared(Address), self.wiring.symbol(SYMBOL, Address))
        return {spec.name: spec for spec in (self.wiring.root(), *children)}


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    clock = VirtualDispatcher(1, START_MS)
    files = Files.open(tmp_path, clock)
    ports = wiring.Ports(
        clock=clock, ids=CountedIds(), exchange=nobody, feed=nobody,
        hot_store=files.hot_store, cold_store=files.cold_store, journal=files.journal, outbox=files.outbox,
        courier=lambda: files.courier,
    )  # fmt: skip
    config = load([PAPER], {}, {"runtime.tree_restarts": 2, "runtime.tree_period_s": 9.0}).config
    table = SubscriptionTable()
    yield Bench(wiring.Wiring(config=config, ports=ports, labels=LABELS, random=Random(1), table=table), config)
    for file in (files.courier, files.journal, files.outbox, files.cold_store):
        file.close()


def test_what_waits_for_disk_or_network_has_a_thread_and_time_for_it(bench: Bench) -> None:
    run = {name: spec.run for name, spec in bench.specs().items()}
    assert run == {
        "root": "first", "hot_store": "normal", "storage": "thread", "exchange": "thread", "account": "thread",
        "feed": "normal", SYMBOL: "first",
    }  # fmt: skip
    budgets = {name: spec.budget_s for name, spec in bench.specs().items() if spec.run != "thread"}
    assert set(budgets.values()) == {0.25}
    limits = bench.specs()[SYMBOL].limits
    assert limits == RestartLimits(2, 9.0)


def test_only_symbols_that_are_added_later_follow_a_new_configuration(bench: Bench) -> None:
    before = bench.specs()[SYMBOL]
    bench.wiring.reconfigure(load([PAPER], {}, {"symbols.BTCUSDT.risk.spread_max_bps": 9.0}).config)
    after = bench.specs()[SYMBOL]
    spreads = []
    for spec in (before, after):
        tree = spec.factory()
        assert isinstance(tree, Supervisor)
        ManualContext(tree, path=SYMBOL)
        decision = next(child for child in tree.children() if child.name == "decision").factory()
        assert isinstance(decision, DecisionActor)
        spreads.append(decision._risk.spread_max_bps)
    assert spreads == [bench.config.risk.spread_max_bps, 9.0]


def test_the_times_to_stop_fit_into_each_other() -> None:
    assert wiring.PART_STOP_S < wiring.TREE_STOP_S
    assert 2 * wiring.TREE_STOP_S < live.STOP_S
    assert max(stopping.SETTLE_S.values()) + live.STOP_S < life.SHUTDOWN_S < 10.0
