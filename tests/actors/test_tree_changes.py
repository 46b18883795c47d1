"""Symbols that crash too often, come and go, while others trade: in virtual time, judged by the exchange's ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.kit.living_tree import BTC, ETH, LivingTree
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.trade import CloseReason, TradeStatus
from vortex.messages import AddSymbol, Mirror, RemoveSymbol, SignalEmitted
from vortex.queries import GetFeedAges, GetMirror
from vortex.runtime import ActorState, Crash

FRAGILE = {
    "VORTEX__RUNTIME__CHILD_RESTARTS": "1",
    "VORTEX__RUNTIME__TREE_RESTARTS": "1",
}
DECISION_PAUSE_MS = 300.0


def storm(tree: LivingTree, path: str) -> None:
    """Crash an actor again and again until the exchange actor halts its symbol."""
    symbol = path.partition("/")[0]

    def halted() -> bool:
        tree.crash(path)
        return symbol in tree.exchange().halted

    tree.until(halted, 60.0)


def close_reasons(tree: LivingTree, symbol: str) -> list[CloseReason | None]:
    rows = tree.run.cold_store.recent_trades(10_000)
    return [row.close_reason for row in reversed(rows) if row.symbol == symbol and row.status is TradeStatus.CLOSED]


# --------------------------------------------------------------------------------------------------------------- storms


@pytest.mark.parametrize("path", [f"{BTC}/E2", f"{BTC}/decision", f"{BTC}/monitor", BTC])
def test_a_storm_flattens_and_halts_its_symbol_and_no_other(data_dir: Path, path: str) -> None:
    tree = LivingTree(data_dir, BTC, ETH, settings=FRAGILE)
    tree.until_trade(BTC)
    tree.listen()
    storm(tree, path)
    assert tree.until(lambda: not tree.position(BTC)) < 3.0
    entered = tree.entries(BTC)
    others = tree.entries(ETH)
    tree.run.run_for(30)
    assert tree.actors()[BTC].state is ActorState.RESTARTING
    tree.until_state(BTC, "HALTED", 40.0)
    tree.run.run_for(5)
    assert tree.entries(BTC) == entered
    assert close_reasons(tree, BTC)[-1] == CloseReason.HALT
    assert tree.entries(ETH) > others
    assert tree.longest_pause_ms(f"{ETH}/decision", SignalEmitted) <= DECISION_PAUSE_MS
    assert {actor.generation for actor in tree.actors().values() if not actor.path.startswith(BTC)} == {1}
    tree.judge()


def test_an_unhalt_brings_a_symbol_back_at_once(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH, settings=FRAGILE)
    tree.until_trade(BTC)
    storm(tree, f"{BTC}/E2")
    tree.run.run_for(5)
    entered = tree.entries(BTC)
    tree.operate(OperatorAction.UNHALT, BTC)
    assert tree.until_state(BTC, "READY") < 30.0
    tree.until(lambda: tree.entries(BTC) > entered)
    tree.judge()


def test_a_halt_outlives_the_tree_that_was_tried_again(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH, settings=FRAGILE)
    tree.until_state(BTC, "READY")
    storm(tree, f"{BTC}/E2")
    tree.run.run_for(65)
    entered = tree.entries(BTC)
    assert (tree.status(BTC).state, tree.status(BTC).entry_allowed) == ("HALTED", False)
    tree.crash(BTC)
    tree.run.run_for(1)
    tree.until_state(BTC, "HALTED")
    tree.run.run_for(5)
    assert tree.entries(BTC) == entered
    tree.judge()


# --------------------------------------------------------------------------------------------------------- come and go


def gone(tree: LivingTree, symbol: str) -> bool:
    return tree.actors()[symbol].state is ActorState.STOPPED


def nothing_left(tree: LivingTree, symbol: str) -> None:
    assert {actor.state for path, actor in tree.actors().items() if path.startswith(symbol)} == {ActorState.STOPPED}
    assert symbol not in tree.ask("feed", GetFeedAges(), dict)
    keys = (f"position:{symbol}", f"engine_signals:{symbol}")
    assert tree.ask("hot_store", GetMirror(keys=keys), dict) == {}


def test_a_symbol_is_added_removed_and_added_again_while_another_trades(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC)
    tree.until_state(BTC, "READY")
    assert ETH not in tree.actors()
    tree.listen()
    assert tree.ask("root", AddSymbol(symbol=ETH), bool)
    tree.until_trade(ETH)
    tree.until(lambda: ETH not in tree.exchange().trades and not tree.exchange().unsettled)
    assert tree.ask("root", RemoveSymbol(symbol=ETH), bool)
    assert tree.until(lambda: gone(tree, ETH)) < 5.0
    nothing_left(tree, ETH)
    entered, others = tree.entries(ETH), tree.entries(BTC)
    tree.heard.clear()
    tree.run.run_for(20)
    assert {path for _, path, _ in tree.heard if path.startswith(ETH)} == set()
    assert [message.key for message in tree.told("hot_store", Mirror) if ETH in message.key] == []
    assert (tree.entries(ETH), tree.entries(BTC) > others) == (entered, True)
    tree.ask("root", AddSymbol(symbol=ETH), bool)
    tree.until(lambda: tree.entries(ETH) > entered)
    actors = tree.actors()
    assert {actor.generation for path, actor in actors.items() if path.startswith(ETH)} == {2}
    assert {actor.generation for path, actor in actors.items() if not path.startswith(ETH)} == {1}
    assert tree.longest_pause_ms(f"{BTC}/decision", SignalEmitted) <= DECISION_PAUSE_MS
    tree.judge()


def test_a_symbol_removed_in_a_trade_ends_it_by_its_own_exits(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH)
    tree.until_trade(ETH)
    entered = tree.entries(ETH)
    tree.ask("root", RemoveSymbol(symbol=ETH), bool)
    tree.run.run_for(0.2)
    assert tree.position(ETH)
    assert (tree.status(ETH).state, tree.status(ETH).entry_allowed) == ("LEAVING", False)
    tree.until(lambda: gone(tree, ETH), 10.0)
    nothing_left(tree, ETH)
    assert tree.position(ETH) == 0
    assert tree.entries(ETH) == entered
    tree.judge()
    assert close_reasons(tree, ETH)[-1] in {CloseReason.TIME_EXIT, CloseReason.TP_HIT, CloseReason.SL_HIT}


def test_a_symbol_added_again_while_it_leaves_stays(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH)
    tree.until_trade(ETH)
    tree.ask("root", RemoveSymbol(symbol=ETH), bool)
    tree.run.run_for(0.5)
    entered = tree.entries(ETH)
    tree.ask("root", AddSymbol(symbol=ETH), bool)
    tree.until(lambda: tree.entries(ETH) > entered)
    assert {actor.generation for actor in tree.actors().values()} == {1}
    tree.judge()


@pytest.mark.parametrize("delay_s", [0.0, 0.001, 0.02, 0.1])
def test_changes_of_mind_in_quick_succession_end_as_said_last(data_dir: Path, delay_s: float) -> None:
    tree = LivingTree(data_dir, BTC, ETH)
    tree.until_state(ETH, "READY")
    for _ in range(5):
        for message in (RemoveSymbol(symbol=ETH), AddSymbol(symbol=ETH)):
            tree.address("root").tell(message)
            tree.run.run_for(delay_s)
    entered = tree.entries(ETH)
    tree.until(lambda: tree.entries(ETH) > entered)
    for message in (RemoveSymbol(symbol=ETH), AddSymbol(symbol=ETH), RemoveSymbol(symbol=ETH)):
        tree.address("root").tell(message)
        tree.run.run_for(delay_s)
    tree.until(lambda: gone(tree, ETH), 10.0)
    nothing_left(tree, ETH)
    tree.run.run_for(5)
    assert tree.position(ETH) == 0
    tree.judge()


@pytest.mark.parametrize("path", [ETH, f"{ETH}/decision", f"{ETH}/monitor", "exchange", "account", "storage", "feed"])
def test_a_crash_while_a_symbol_leaves_does_not_keep_it(data_dir: Path, path: str) -> None:
    tree = LivingTree(data_dir, BTC, ETH)
    tree.until_trade(ETH)
    entered = tree.entries(ETH)
    tree.ask("root", RemoveSymbol(symbol=ETH), bool)
    for _ in range(2):
        tree.crash(path)
        tree.run.run_for(0.3)
    tree.until(lambda: gone(tree, ETH), 15.0)
    nothing_left(tree, ETH)
    assert tree.entries(ETH) == entered
    tree.until_state(BTC, "READY")
    tree.judge()


def test_a_tree_that_hangs_while_it_stops_is_replaced_all_the_same(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH)
    tree.until_state(ETH, "READY")
    tree.until(lambda: ETH not in tree.exchange().trades and not tree.exchange().unsettled)
    tree.address("root").tell(RemoveSymbol(symbol=ETH))
    tree.until(lambda: ETH not in tree.ask("feed", GetFeedAges(), dict), 5.0)
    tree.address(f"{ETH}/E1").tell(Crash(how="hang"))
    tree.address("root").tell(AddSymbol(symbol=ETH))
    entered = tree.entries(ETH)
    tree.until(lambda: tree.entries(ETH) > entered)
    tree.judge()


# -------------------------------------------------------------------------------------------------------- the governor


def test_too_many_entries_within_a_minute_halt_every_symbol_until_a_person_lifts_it(data_dir: Path) -> None:
    tree = LivingTree(data_dir, BTC, ETH, settings={"VORTEX__RISK__GOVERNOR_ENTRIES_PER_MIN": "3"})
    tree.until(lambda: BTC in tree.exchange().halted)
    assert tree.until(lambda: not tree.position(BTC) and not tree.position(ETH)) < 3.0
    entered = [tree.entries(symbol) for symbol in (BTC, ETH)]
    assert sum(entered) == 3
    tree.crash("account")
    tree.crash("exchange")
    tree.run.run_for(90)  # the minute of the three is over
    assert [tree.status(symbol).state for symbol in (BTC, ETH)] == ["HALTED", "HALTED"]
    assert {gate.gate for gate in tree.status(ETH).gates} >= {Gate.KILL_SWITCH}
    assert [tree.entries(symbol) for symbol in (BTC, ETH)] == entered
    tree.operate(OperatorAction.UNHALT, None)
    tree.until(lambda: sum(tree.entries(symbol) for symbol in (BTC, ETH)) > 3)
    tree.judge()
