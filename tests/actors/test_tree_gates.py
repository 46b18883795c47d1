"""What each crash closes, what opens it again, and from what an engine goes on: the whole tree in virtual time."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import pytest

from tests.kit.living_tree import BTC, ETH, LivingTree, in_memory
from vortex.domain.operation import Gate
from vortex.domain.signal import EngineId
from vortex.messages import GateClosed, OpenPosition, SignalEmitted

GATES = {
    "exchange": {Gate.EXCHANGE, Gate.USER_STREAM},
    "account": {Gate.ACCOUNT},
    "storage": set(),
    "hot_store": set(),
    "feed": set(),
    f"{BTC}/monitor": {Gate.MONITOR},
    f"{BTC}/decision": {Gate.ACCOUNT, Gate.ENGINES},
    BTC: {Gate.EXCHANGE, Gate.USER_STREAM, Gate.ACCOUNT, Gate.MONITOR, Gate.ENGINES},
    f"{BTC}/E1": set(),
}
"""Which gates of the symbol each crash closes, however short it is."""


@pytest.fixture
def tree() -> Iterator[LivingTree]:
    with in_memory() as folder:
        tree = LivingTree(folder, BTC, ETH)
        tree.until(lambda: tree.status(BTC).entry_allowed and tree.status(ETH).entry_allowed)
        tree.listen()
        yield tree


def closed_to(tree: LivingTree, symbol: str) -> set[Gate]:
    """Every gate that a decision, the old one or the new one, was told to be closed; of the book each may be so."""
    return {message.gate for message in tree.told(f"{symbol}/decision", GateClosed)} - {Gate.BOOK}


@pytest.mark.parametrize("path", GATES)
def test_a_crash_closes_the_gates_behind_which_it_stood_until_all_is_known_again(tree: LivingTree, path: str) -> None:
    tree.crash(path)
    tree.run.run_for(0.001)
    assert tree.until(lambda: tree.status(BTC).entry_allowed) < 1.0
    assert closed_to(tree, BTC) == GATES[path]
    of_all = path in ("exchange", "account")
    assert closed_to(tree, ETH) == (GATES[path] if of_all else set())
    assert tree.until_state(ETH, "READY") < 1.0


@pytest.mark.parametrize("path", ["exchange", "account", f"{BTC}/monitor", f"{BTC}/decision"])
def test_nothing_enters_while_it_is_down(tree: LivingTree, path: str) -> None:
    tree.crash(path, how="start_failure", times=4)  # 0, 0.1, 0.2, 0.4 s until it is there again
    tree.run.run_for(0.05)
    tree.heard.clear()
    tree.run.run_for(0.3)
    assert not tree.status(BTC).entry_allowed
    assert {message.gate for message in tree.status(BTC).gates} - {Gate.BOOK} <= GATES[path]
    assert [message for message in tree.told("exchange", OpenPosition) if message.plan.symbol == BTC] == []
    tree.until(lambda: tree.status(BTC).entry_allowed, 5.0)
    entered = tree.entries(BTC)
    tree.until(lambda: tree.entries(BTC) > entered)
    tree.judge()


# -------------------------------------------------------------------------------------------------------- warm engines


def opinions(tree: LivingTree, engine: EngineId) -> dict[int, float | None]:
    """What an engine said last of each moment."""
    said = tree.told(f"{BTC}/decision", SignalEmitted)
    return {message.signal.ts_ms: message.signal.score for message in said if message.signal.engine is engine}


@cache
def said_after(crash: str | None) -> dict[EngineId, dict[int, float | None]]:
    """What two engines say within five seconds in which this actor crashed first; always of the same market."""
    with in_memory() as folder:
        tree = LivingTree(folder, BTC, ETH)
        tree.run.run_for(30)
        tree.listen()
        if crash is not None:
            tree.crash(crash)
        tree.run.run_for(5)
        assert crash is None or tree.actors()[crash].generation == 2
        return {engine: opinions(tree, engine) for engine in (EngineId.ORDER_FLOW, EngineId.TICK)}


@pytest.mark.parametrize("path", [f"{BTC}/E1", f"{BTC}/E2", BTC])
def test_a_crashed_engine_says_on_the_next_book_what_it_would_have_said(path: str) -> None:
    crashed, uncrashed = said_after(path), said_after(None)
    for engine, moments in uncrashed.items():
        both = crashed[engine].keys() & moments.keys()  # batches that arrive together are merged in one run, or not
        assert len(both) > max(10, 0.9 * len(moments))
        assert {at_ms: crashed[engine][at_ms] for at_ms in both} == {at_ms: moments[at_ms] for at_ms in both}
    assert crashed[EngineId.ORDER_FLOW] == uncrashed[EngineId.ORDER_FLOW]  # every book is answered, the next one too


def test_an_engine_that_was_away_for_long_warms_up_behind_its_gate(tree: LivingTree) -> None:
    tree.crash(f"{BTC}/E1", how="start_failure", times=4)
    tree.until(lambda: tree.actors()[f"{BTC}/E1"].generation == 6, 3.0)  # one crash, four failed starts
    tree.heard.clear()
    assert Gate.ENGINES in {message.gate for message in tree.status(BTC).gates}
    assert tree.until(lambda: bool(opinions(tree, EngineId.ORDER_FLOW)), 0.5) <= 0.2
    assert set(opinions(tree, EngineId.ORDER_FLOW).values()) == {None}  # it speaks, and says that it does not know
    assert not tree.status(BTC).entry_allowed
    tree.until(lambda: tree.status(BTC).entry_allowed, 10.0)
    assert list(opinions(tree, EngineId.ORDER_FLOW).values())[-1] is not None
