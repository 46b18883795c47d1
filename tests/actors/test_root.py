from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest

from tests.kit.runtime import ManualContext
from vortex.actors.root import SHARED, RootSupervisor
from vortex.messages import Shutdown
from vortex.runtime import Actor, Address, ChildSpec, RestartLimits
from vortex.runtime.control import ChildExited, ChildReady

SYMBOLS = ("BTCUSDT", "ETHUSDT")


def plan(address: Callable[[str], Address]) -> Sequence[ChildSpec]:
    assert address("exchange") is address("exchange")  # known before it runs
    return tuple(ChildSpec(name, Actor) for name in (*SHARED, *SYMBOLS))


class Rig:
    def __init__(self) -> None:
        self.actor = RootSupervisor(plan=plan, limits=RestartLimits(5, 60.0), random=Random(1))
        self.context = ManualContext(self.actor, path="root")
        self.actor.started()

    def ready(self, name: str) -> None:
        self.actor.receive(ChildReady(name, self.context.child_address(name).generation))

    def all_ready(self) -> None:
        for name in (*SHARED, *SYMBOLS):
            self.ready(name)

    def told(self, symbol: str) -> dict[str, int]:
        """What was told to a symbol: its address leads nowhere and counts."""
        return dict(self.context.child_address(symbol).dead_by_type)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_shared_actors_start_one_after_another_and_before_the_symbols(rig: Rig) -> None:
    for name in (*SHARED, *SYMBOLS):
        assert rig.context.spawned[-1].name == name
        rig.ready(name)
    assert len(rig.context.spawned) == len(SHARED) + len(SYMBOLS)
    assert rig.told("BTCUSDT") == {}


@pytest.mark.parametrize("name", SHARED)
def test_every_symbol_hears_of_a_new_incarnation_of_a_shared_actor(rig: Rig, name: str) -> None:
    rig.all_ready()
    rig.actor.receive(ChildExited(name, 1, RuntimeError("broken")))
    rig.context.advance(0)
    assert rig.told("BTCUSDT") == {}  # not before it is up
    rig.ready(name)
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{"PeerStarted": 1}] * 2


def test_the_restart_of_a_symbol_is_its_own_affair(rig: Rig) -> None:
    rig.all_ready()
    rig.actor.receive(ChildExited("BTCUSDT", 1, RuntimeError("broken")))
    rig.context.advance(0)
    rig.ready("BTCUSDT")
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{}, {}]


def test_a_shutdown_reaches_every_symbol(rig: Rig) -> None:
    rig.all_ready()
    rig.actor.receive(Shutdown())
    assert [rig.told(symbol) for symbol in SYMBOLS] == [{"Shutdown": 1}] * 2
