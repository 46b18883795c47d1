from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest

from tests.domain.money_builders import NOW
from tests.kit.builders import SETUP
from tests.kit.probe import Probe
from tests.kit.runtime import ManualContext
from vortex.actors.symbol import DECISION, MONITOR, Peers, SymbolSupervisor
from vortex.domain.market import Book, Candle, MarkPrice
from vortex.domain.operation import Gate
from vortex.messages import (
    GateClosed,
    GateOpened,
    GetSymbolStatus,
    JoinAccount,
    PeerStarted,
    RegisterSymbol,
    Shutdown,
    Subscribe,
    SymbolReconciled,
    SymbolStatus,
)
from vortex.runtime import Actor, Address, ChildSpec, RestartLimits
from vortex.runtime.control import ChildExited, ChildReady

SYMBOL = "BTCUSDT"
CHILDREN = (MONITOR, DECISION, "E5", "E1")
INPUTS: dict[str, tuple[type, ...]] = {"E5": (Candle,), "E1": (Book,)}
RECONCILED = SymbolReconciled(symbol=SYMBOL, setup=SETUP, trade=None)


def parts(address: Callable[[str], Address], _supervisor: Address) -> Sequence[ChildSpec]:
    assert address(DECISION) is address(DECISION)
    return tuple(ChildSpec(name, Actor) for name in CHILDREN)


class Rig:
    """A symbol's supervisor whose children lead nowhere; what they are told is counted as dead letters."""

    def __init__(self) -> None:
        self.exchange, self.account, self.feed = Probe("exchange"), Probe("account"), Probe("feed")
        peers = Peers(exchange=self.exchange, storage=Probe(), hot_store=Probe(), account=self.account, feed=self.feed)
        self.actor = SymbolSupervisor(
            symbol=SYMBOL, peers=peers, parts=parts, inputs=INPUTS, limits=RestartLimits(5, 60.0), random=Random(1)
        )
        self.context = ManualContext(self.actor, path=SYMBOL, now_ms=NOW)
        self.actor.started()

    def ready(self, *names: str) -> None:
        for name in names:
            self.actor.receive(ChildReady(name, self.context.child_address(name).generation))

    def crashes(self, name: str) -> None:
        self.actor.receive(ChildExited(name, self.context.child_address(name).generation, RuntimeError("broken")))
        self.context.advance(0)

    def running(self) -> Rig:
        self.ready(*CHILDREN)
        for probe in (self.exchange, self.account, self.feed):
            probe.unread()
        return self

    def told(self, name: str) -> dict[str, int]:
        return dict(self.context.child_address(name).dead_by_type)

    def status(self) -> SymbolStatus:
        status = self.actor.receive(GetSymbolStatus())
        assert isinstance(status, SymbolStatus)
        return status

    def gates(self) -> dict[Gate, str]:
        return {closed.gate: closed.detail for closed in self.status().gates}


@pytest.fixture
def rig() -> Rig:
    return Rig()


# ------------------------------------------------------------------------------------------------------- introductions


def test_every_child_is_subscribed_to_what_it_reads_when_it_is_up(rig: Rig) -> None:
    assert rig.feed.messages == []
    rig.ready(*CHILDREN)
    wanted = {message.subscriber: message.values for message in rig.feed.told(Subscribe)}
    address = rig.context.child_address
    assert wanted == {
        address(MONITOR): (Book, MarkPrice), address(DECISION): (Book, MarkPrice), address("E5"): (Candle,),
        address("E1"): (Book,),
    }  # fmt: skip


def test_the_exchange_is_told_once_both_decision_and_monitor_are_up(rig: Rig) -> None:
    rig.ready(MONITOR)
    assert rig.exchange.messages == []
    rig.ready(DECISION)
    message = rig.exchange.expect(RegisterSymbol)
    address = rig.context.child_address
    assert (message.supervisor, message.decision, message.monitor) == (
        rig.context.address, address(DECISION), address(MONITOR),
    )  # fmt: skip
    rig.ready("E5", "E1")
    assert rig.exchange.unread() == []
    assert rig.account.expect(JoinAccount).subscriber is address(DECISION)


@pytest.mark.parametrize("name", [DECISION, MONITOR])
def test_a_new_decision_or_monitor_registers_again(rig: Rig, name: str) -> None:
    rig.running().crashes(name)
    assert rig.exchange.messages[1:] == []  # not before it is up
    rig.ready(name)
    rig.exchange.expect(RegisterSymbol)
    assert len(rig.account.unread()) == (name == DECISION)
    assert rig.feed.expect(Subscribe).subscriber is rig.context.child_address(name)


def test_a_new_engine_is_only_subscribed_again(rig: Rig) -> None:
    rig.running().crashes("E1")
    rig.ready("E1")
    rig.feed.expect(Subscribe)
    assert rig.exchange.unread() == []


@pytest.mark.parametrize(
    ("name", "registered", "joined", "subscribed"),
    [("exchange", 1, 0, 0), ("account", 1, 1, 0), ("storage", 1, 0, 0), ("feed", 0, 0, 4), ("hot_store", 0, 0, 0)],
)
def test_a_new_shared_actor_is_introduced_to_what_it_lost(
    rig: Rig, name: str, registered: int, joined: int, subscribed: int
) -> None:
    rig.running()
    rig.actor.receive(PeerStarted(name=name))
    assert [type(message) for message in rig.exchange.unread()] == [RegisterSymbol] * registered
    assert [type(message) for message in rig.account.unread()] == [JoinAccount] * joined
    assert [type(message) for message in rig.feed.unread()] == [Subscribe] * subscribed


def test_a_new_shared_actor_while_the_children_start_is_met_when_they_are_up(rig: Rig) -> None:
    for name in ("exchange", "account", "storage", "feed"):
        rig.actor.receive(PeerStarted(name=name))
    assert rig.exchange.messages + rig.account.messages + rig.feed.messages == []
    rig.ready(*CHILDREN)
    assert len(rig.exchange.messages) == 1


# ----------------------------------------------------------------------------------------------------- gates and state


def test_the_state_goes_from_starting_to_ready(rig: Rig) -> None:
    assert rig.status() == SymbolStatus(symbol=SYMBOL, state="STARTING", entry_allowed=True, gates=())
    rig.ready(*CHILDREN)
    assert rig.status().state == "RECONCILING"
    rig.actor.receive(RECONCILED)
    assert rig.status().state == "WARMING"
    rig.actor.receive(GateOpened(gate=Gate.ENGINES))
    assert rig.status().state == "READY"
    rig.crashes("E1")
    assert rig.status().state == "STARTING"
    rig.ready("E1")
    assert rig.status().state == "READY"


def test_a_new_exchange_must_reconcile_first(rig: Rig) -> None:
    rig.running().actor.receive(RECONCILED)
    rig.actor.receive(PeerStarted(name="exchange"))
    assert (rig.status().state, rig.gates()) == ("RECONCILING", {Gate.EXCHANGE: "reconciling"})
    assert rig.told(DECISION)["GateClosed"] == 1
    rig.actor.receive(RECONCILED)
    assert (rig.status().state, rig.gates()) == ("WARMING", {})


def test_without_its_monitor_a_symbol_does_not_enter(rig: Rig) -> None:
    rig.running().crashes(MONITOR)
    assert rig.gates() == {Gate.MONITOR: "restarting after RuntimeError"}
    assert rig.told(DECISION)["GateClosed"] == 1
    rig.ready(MONITOR)
    assert rig.gates() == {}


def test_gates_are_handed_on_and_the_first_reason_stays(rig: Rig) -> None:
    rig.running()
    opened = rig.told(DECISION).get("GateOpened", 0)
    rig.actor.receive(GateClosed(gate=Gate.USER_STREAM, since_ms=1, detail="lost"))
    rig.actor.receive(GateClosed(gate=Gate.USER_STREAM, since_ms=2, detail="still lost"))
    assert rig.status().gates == (GateClosed(gate=Gate.USER_STREAM, since_ms=1, detail="lost"),)
    rig.actor.receive(GateOpened(gate=Gate.USER_STREAM))
    assert rig.gates() == {}
    assert rig.told(DECISION) == {"GateClosed": 2, "GateOpened": opened + 1}


def test_a_new_decision_is_told_every_closed_gate(rig: Rig) -> None:
    rig.running()
    for gate in (Gate.USER_STREAM, Gate.ENGINES):
        rig.actor.receive(GateClosed(gate=gate, since_ms=1, detail=""))
    rig.crashes(DECISION)
    rig.actor.receive(GateClosed(gate=Gate.PAUSED, since_ms=1, detail=""))
    assert rig.told(DECISION)["GateClosed"] == 2  # a dead one is not told
    rig.ready(DECISION)
    assert rig.told(DECISION)["GateClosed"] == 2 + 3


def test_a_shutdown_reaches_the_decision(rig: Rig) -> None:
    rig.running().actor.receive(Shutdown())
    assert rig.told(DECISION)["Shutdown"] == 1
