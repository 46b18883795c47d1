from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

import pytest

from tests.kit.runtime import ManualContext
from vortex.actors.root import RETRY_S, SHARED, STILL_STOPPING_MS, AddressOf, RootSupervisor
from vortex.domain.operation import OperatorAction
from vortex.messages import AddSymbol, Operate, RemoveSymbol, Shutdown, SymbolLeft
from vortex.runtime import Actor, ChildSpec, RestartLimits
from vortex.runtime.control import ChildExited, ChildReady
from vortex.runtime.errors import Escalation

SYMBOLS = ("BTCUSDT", "ETHUSDT")
TREE = RestartLimits(2, 60.0)


class Shape:
    """What to run: actors that do nothing."""

    def shared(self, address: AddressOf) -> Sequence[ChildSpec]:
        assert address("exchange") is address("exchange")  # known before it runs
        return [ChildSpec(name, Actor) for name in SHARED]

    def symbols(self) -> Mapping[str, bool]:
        return {"XRPUSDT": True, **dict.fromkeys(SYMBOLS, False)}

    def symbol(self, symbol: str, address: AddressOf) -> ChildSpec:
        assert address("exchange") is address("exchange")
        return ChildSpec(symbol, Actor, limits=TREE)


class Rig:
    """A root whose children lead nowhere; what they are told is counted as dead letters."""

    def __init__(self) -> None:
        self.actor = RootSupervisor(plan=Shape(), limits=RestartLimits(1, 60.0), random=Random(1))
        self.context = ManualContext(self.actor, path="root")
        self.actor.started()

    def ready(self, *names: str) -> None:
        for name in names:
            self.actor.receive(ChildReady(name, self.context.child_address(name).generation))

    def exits(self, name: str, error: Exception | None = None) -> None:
        self.actor.receive(ChildExited(name, self.context.child_address(name).generation, error, None))

    def crashes(self, name: str, times: int = 1) -> None:
        """Crash and be there again, except after the last time."""
        for left in reversed(range(times)):
            self.exits(name, RuntimeError("broken"))
            if left:
                self.context.advance(5_000)
                self.ready(name)

    def spawned(self, name: str) -> int:
        return sum(spec.name == name for spec in self.context.spawned)

    def told(self, name: str) -> dict[str, int]:
        """What a child was told since the last look."""
        letters = self.context.child_address(name).dead_by_type
        told = dict(letters)
        letters.clear()
        return told


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ready(*SHARED, "XRPUSDT", *SYMBOLS)
    return rig


# ------------------------------------------------------------------------------------------------------ shared actors


def test_shared_actors_start_one_after_another_and_before_the_symbols() -> None:
    rig = Rig()
    for name in (*SHARED, "XRPUSDT", *SYMBOLS):
        assert rig.context.spawned[-1].name == name
        rig.ready(name)
    assert len(rig.context.spawned) == len(SHARED) + len(SYMBOLS) + 1
    assert rig.told("BTCUSDT") == {}


@pytest.mark.parametrize("name", SHARED)
def test_every_symbol_hears_that_a_shared_actor_is_down_and_that_it_is_back(rig: Rig, name: str) -> None:
    rig.crashes(name)
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{"PeerFailed": 1}] * 2
    rig.context.advance(0)
    assert rig.told("BTCUSDT") == {}  # not before it is up
    rig.ready(name)
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{"PeerStarted": 1}] * 2


def test_a_shared_actor_that_crashes_too_often_is_given_up(rig: Rig) -> None:
    rig.crashes("storage")
    rig.context.advance(0)
    rig.ready("storage")
    with pytest.raises(Escalation, match="gives up on feed"):
        rig.crashes("feed")


# ------------------------------------------------------------------------------------------- a tree that keeps crashing


def test_the_restart_of_a_symbol_is_its_own_affair(rig: Rig) -> None:
    rig.crashes("BTCUSDT")
    rig.context.advance(0)
    rig.ready("BTCUSDT")
    assert [rig.told(name) for name in (*SYMBOLS, *SHARED)] == [{}] * 7


def test_a_symbol_whose_tree_crashes_too_often_is_halted_and_tried_again(rig: Rig) -> None:
    rig.crashes("BTCUSDT", 3)
    assert rig.told("exchange") == {"Operate": 1}
    tried = rig.spawned("BTCUSDT")
    rig.context.advance(RETRY_S * 1_000 - 1)
    assert rig.spawned("BTCUSDT") == tried
    rig.context.advance(1)
    assert rig.spawned("BTCUSDT") == tried + 1
    rig.ready("BTCUSDT")
    assert [rig.told(name) for name in ("ETHUSDT", "exchange")] == [{}, {}]


def test_symbols_do_not_share_their_restarts(rig: Rig) -> None:
    for symbol in (*SYMBOLS, *SYMBOLS):
        rig.crashes(symbol)
        rig.context.advance(5_000)
        rig.ready(symbol)
    assert rig.told("exchange") == {}


def test_the_order_to_halt_is_given_again_to_a_new_exchange_while_the_tree_is_down(rig: Rig) -> None:
    rig.crashes("BTCUSDT", 3)
    rig.crashes("exchange")
    rig.told("exchange")
    rig.context.advance(0)
    rig.ready("exchange")
    assert rig.told("exchange") == {"Operate": 1}
    rig.context.advance(RETRY_S * 1_000)
    rig.ready("BTCUSDT")
    rig.context.advance(60_000)
    rig.crashes("exchange")
    rig.context.advance(0)
    rig.ready("exchange")
    assert rig.told("exchange") == {}


@pytest.mark.parametrize("named", ["BTCUSDT", None])
def test_an_unhalt_tries_the_tree_at_once(rig: Rig, named: str | None) -> None:
    rig.crashes("BTCUSDT", 3)
    tried = rig.spawned("BTCUSDT")
    for action, symbol, more in (
        (OperatorAction.RESUME, named, 0), (OperatorAction.UNHALT, "ETHUSDT", 0), (OperatorAction.UNHALT, "XYZ", 0),
        (OperatorAction.UNHALT, named, 1),
    ):  # fmt: skip
        rig.actor.receive(Operate(action=action, symbol=symbol, why="test"))
        assert rig.spawned("BTCUSDT") == tried + more
    rig.ready("BTCUSDT")
    rig.crashes("BTCUSDT", 2)  # and its crashes are forgotten
    assert rig.told("exchange") == {"Operate": 1}


# -------------------------------------------------------------------------------------------------- symbols come and go


def test_an_added_symbol_gets_a_tree(rig: Rig) -> None:
    assert rig.actor.receive(AddSymbol(symbol="SOLUSDT")) is True
    assert rig.actor.receive(AddSymbol(symbol="SOLUSDT")) is True
    assert rig.spawned("SOLUSDT") == 1
    rig.ready("SOLUSDT")
    assert rig.told("SOLUSDT") == {}


def test_a_removed_symbol_is_told_and_stopped_when_it_says_so(rig: Rig) -> None:
    assert rig.actor.receive(RemoveSymbol(symbol="BTCUSDT")) is True
    assert rig.actor.receive(RemoveSymbol(symbol="BTCUSDT")) is True
    assert rig.told("BTCUSDT") == {"Leave": 1}
    rig.actor.receive(SymbolLeft(symbol="BTCUSDT"))
    assert rig.told("BTCUSDT") == {"Stop": 1}
    assert rig.actor.receive(RemoveSymbol(symbol="BTCUSDT")) is False
    rig.exits("BTCUSDT")
    assert rig.spawned("BTCUSDT") == 1
    assert rig.told("ETHUSDT") == {}


def test_a_symbol_that_leaves_goes_on_leaving_when_its_tree_is_a_new_one(rig: Rig) -> None:
    assert rig.told("XRPUSDT") == {"Leave": 1}  # from the start
    rig.actor.receive(RemoveSymbol(symbol="BTCUSDT"))
    rig.told("BTCUSDT")
    rig.crashes("BTCUSDT")
    rig.context.advance(0)
    rig.ready("BTCUSDT")
    assert rig.told("BTCUSDT") == {"Leave": 1}


def test_a_symbol_that_is_added_while_it_leaves_stays(rig: Rig) -> None:
    rig.actor.receive(RemoveSymbol(symbol="BTCUSDT"))
    rig.actor.receive(AddSymbol(symbol="BTCUSDT"))
    rig.actor.receive(SymbolLeft(symbol="BTCUSDT"))  # said before it heard of that
    assert rig.told("BTCUSDT") == {"Leave": 2}
    rig.crashes("BTCUSDT")
    rig.context.advance(0)
    rig.ready("BTCUSDT")
    assert rig.told("BTCUSDT") == {}


def test_a_symbol_that_is_added_while_its_tree_stops_gets_a_fresh_one_behind_it(rig: Rig) -> None:
    rig.actor.receive(RemoveSymbol(symbol="BTCUSDT"))
    rig.actor.receive(SymbolLeft(symbol="BTCUSDT"))
    rig.actor.receive(AddSymbol(symbol="BTCUSDT"))
    rig.context.advance(10 * STILL_STOPPING_MS)
    assert rig.spawned("BTCUSDT") == 1
    rig.exits("BTCUSDT")
    rig.context.advance(STILL_STOPPING_MS)
    assert rig.spawned("BTCUSDT") == 2
    rig.context.advance(10 * STILL_STOPPING_MS)
    assert rig.spawned("BTCUSDT") == 2


def test_a_new_feed_hears_of_those_who_left_and_did_not_come_again(rig: Rig) -> None:
    for symbol in SYMBOLS:
        rig.actor.receive(RemoveSymbol(symbol=symbol))
        rig.actor.receive(SymbolLeft(symbol=symbol))
        rig.exits(symbol)
    rig.actor.receive(AddSymbol(symbol="ETHUSDT"))
    rig.ready("ETHUSDT")
    rig.crashes("feed")
    rig.context.advance(0)
    rig.ready("feed")
    assert rig.told("feed") == {"Unsubscribe": 1}


def test_a_shutdown_reaches_every_symbol_and_its_next_incarnation(rig: Rig) -> None:
    rig.actor.receive(Shutdown())
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{"Shutdown": 1}] * 2
    rig.crashes("BTCUSDT")
    rig.context.advance(0)
    rig.ready("BTCUSDT")
    assert rig.told("BTCUSDT") == {"Shutdown": 1}
