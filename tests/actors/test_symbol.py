from __future__ import annotations

import pytest

from tests.actors.symbol_rig import CHILDREN, RECONCILED, Rig
from vortex.actors.symbol import DECISION, MONITOR
from vortex.domain.market import Book, Candle, MarkPrice
from vortex.domain.operation import Gate
from vortex.messages import (
    GateClosed,
    GateOpened,
    JoinAccount,
    Leave,
    PeerFailed,
    PeerStarted,
    RegisterSymbol,
    Shutdown,
    Subscribe,
)


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
        rig.says(PeerStarted(name=name))
    assert rig.exchange.messages + rig.account.messages + rig.feed.messages == []
    rig.ready(*CHILDREN)
    assert len(rig.exchange.messages) == 1


# -------------------------------------------------------------------------------------------------------------- states


def test_the_state_goes_from_starting_to_ready(rig: Rig) -> None:
    assert (rig.status().state, rig.status().entry_allowed) == ("STARTING", False)
    rig.ready(*CHILDREN)
    assert rig.status().state == "RECONCILING"
    rig.says(RECONCILED)
    assert rig.status().state == "WARMING"
    rig.says(GateOpened(gate=Gate.ENGINES))
    assert rig.status().state == "READY"
    rig.crashes("E1")
    assert rig.status().state == "STARTING"
    rig.ready("E1")
    assert rig.status().state == "READY"


def test_of_several_states_the_gravest_is_shown(rig: Rig) -> None:
    rig.ready(*CHILDREN)
    rig.says(RECONCILED)
    for gate, state in ((Gate.PAUSED, "PAUSED"), (Gate.HALTED, "HALTED")):
        rig.says(GateClosed(gate=gate, since_ms=1, detail=""))
        assert rig.status().state == state
    rig.says(Leave(leaving=True))
    assert rig.status().state == "LEAVING"
    rig.says(PeerStarted(name="storage"))
    assert rig.status().state == "RECONCILING"
    rig.crashes("E5")
    assert rig.status().state == "STARTING"


@pytest.mark.parametrize("gate", [Gate.HALTED, Gate.KILL_SWITCH])
def test_a_halt_is_a_state_until_it_ends(rig: Rig, gate: Gate) -> None:
    rig.running().says(GateClosed(gate=gate, since_ms=1, detail="ordered"))
    assert (rig.status().state, rig.status().entry_allowed) == ("HALTED", False)
    rig.says(GateOpened(gate=gate))
    assert (rig.status().state, rig.status().entry_allowed) == ("READY", True)


# --------------------------------------------------------------------------------------------------------------- gates


def test_every_gate_that_somebody_stands_behind_is_closed_until_he_has_spoken(rig: Rig) -> None:
    behind = {Gate.EXCHANGE, Gate.USER_STREAM, Gate.ACCOUNT, Gate.MONITOR, Gate.ENGINES}
    assert set(rig.gates()) == behind
    rig.ready(*CHILDREN)
    assert set(rig.gates()) == behind
    rig.says(RECONCILED)
    assert set(rig.gates()) == behind - {Gate.EXCHANGE, Gate.MONITOR}
    for gate in (Gate.USER_STREAM, Gate.ACCOUNT, Gate.ENGINES):
        assert not rig.status().entry_allowed
        rig.says(GateOpened(gate=gate))
    assert rig.gates() == {}
    assert rig.status().entry_allowed


@pytest.mark.parametrize("gate", list(Gate))
def test_an_entry_is_allowed_when_every_gate_is_open(rig: Rig, gate: Gate) -> None:
    assert rig.running().status().entry_allowed
    rig.says(GateClosed(gate=gate, since_ms=1, detail="so"))
    assert (rig.status().entry_allowed, rig.gates()) == (False, {gate: "so"})
    rig.says(GateOpened(gate=gate))
    assert (rig.status().entry_allowed, rig.gates()) == (True, {})


@pytest.mark.parametrize(
    ("name", "gates"),
    [("exchange", {Gate.EXCHANGE, Gate.USER_STREAM}), ("account", {Gate.ACCOUNT}), ("storage", set()), ("feed", set())],
)
def test_a_shared_actor_that_is_down_closes_its_gates_whatever_it_said_before(
    rig: Rig, name: str, gates: set[Gate]
) -> None:
    rig.running().says(PeerFailed(name=name, detail="down"))
    assert rig.gates() == dict.fromkeys(gates, "down")
    rig.says(*(GateOpened(gate=gate) for gate in gates))  # its last words, late
    assert set(rig.gates()) == gates
    rig.says(PeerStarted(name=name))
    assert set(rig.gates()) == gates
    rig.says(RECONCILED, *(GateOpened(gate=gate) for gate in gates - {Gate.EXCHANGE}))
    assert rig.gates() == {}


def test_a_new_exchange_says_anew_what_people_ordered(rig: Rig) -> None:
    rig.running().says(GateClosed(gate=Gate.PAUSED, since_ms=1, detail="lunch"), PeerFailed(name="exchange", detail=""))
    assert Gate.PAUSED in rig.gates()
    rig.says(PeerStarted(name="exchange"))
    assert Gate.PAUSED not in rig.gates()
    assert not rig.status().entry_allowed
    rig.says(GateClosed(gate=Gate.PAUSED, since_ms=1, detail="lunch"), RECONCILED)
    assert rig.gates()[Gate.PAUSED] == "lunch"


def test_a_position_that_is_not_ours_stays_told_when_the_symbol_is_reconciled(rig: Rig) -> None:
    rig.running().says(RECONCILED, GateClosed(gate=Gate.EXCHANGE, since_ms=1, detail="not ours"))
    assert rig.gates() == {Gate.EXCHANGE: "not ours"}
    rig.says(RECONCILED)  # told first, then what speaks against a trade
    assert rig.gates() == {}


def test_without_its_monitor_a_symbol_does_not_enter_until_that_knows_the_truth(rig: Rig) -> None:
    rig.running().crashes(MONITOR)
    assert rig.gates() == {Gate.MONITOR: "monitor restarts after RuntimeError"}
    rig.ready(MONITOR)
    assert rig.gates() == {Gate.MONITOR: "monitor has just started"}
    rig.says(RECONCILED)
    assert rig.gates() == {}


def test_a_new_decision_must_be_told_of_the_account_and_have_heard_the_engines(rig: Rig) -> None:
    rig.running().crashes(DECISION)
    assert rig.gates() == {Gate.ENGINES: "decision restarts after RuntimeError"}
    rig.ready(DECISION)
    assert rig.gates() == {Gate.ENGINES: "decision has just started", Gate.ACCOUNT: "has not answered yet"}
    rig.says(GateOpened(gate=Gate.ACCOUNT), GateOpened(gate=Gate.ENGINES))
    assert rig.gates() == {}


@pytest.mark.parametrize(("name", "gate"), [(MONITOR, Gate.MONITOR), (DECISION, Gate.ENGINES)])
def test_one_who_is_quarantined_from_a_message_keeps_its_gate_closed(rig: Rig, name: str, gate: Gate) -> None:
    rig.running()
    rig.context.child_address(name).quarantined = frozenset({Book})
    rig.crashes(name)
    rig.ready(name)
    rig.says(RECONCILED, GateOpened(gate=Gate.ACCOUNT), GateOpened(gate=Gate.ENGINES))
    assert rig.gates() == {gate: f"{name} is quarantined from Book"}


def test_gates_are_handed_on_and_the_first_reason_stays(rig: Rig) -> None:
    before = rig.running().told(DECISION)
    for since_ms, detail in ((1, "lost"), (2, "still lost")):
        rig.says(GateClosed(gate=Gate.USER_STREAM, since_ms=since_ms, detail=detail))
    assert rig.status().gates == (GateClosed(gate=Gate.USER_STREAM, since_ms=1, detail="lost"),)
    rig.says(GateOpened(gate=Gate.USER_STREAM))
    after = rig.told(DECISION)
    assert [after[kind] - before[kind] for kind in ("GateClosed", "GateOpened")] == [1, 1]


def test_a_new_decision_is_told_everything_that_speaks_against_an_entry(rig: Rig) -> None:
    rig.leaving().crashes(DECISION)
    rig.says(GateClosed(gate=Gate.PAUSED, since_ms=1, detail=""), Shutdown())
    before = rig.told(DECISION)
    assert before["Leave"] == 1  # a dead one is not told
    rig.ready(DECISION)
    after = rig.told(DECISION)
    assert after["GateClosed"] - before["GateClosed"] == len({Gate.PAUSED, Gate.ENGINES, Gate.ACCOUNT})
    assert (after["Leave"], after["Shutdown"]) == (2, 1)


def test_a_shutdown_reaches_the_decision_and_ends_entries(rig: Rig) -> None:
    rig.running().says(Shutdown())
    assert rig.told(DECISION)["Shutdown"] == 1
    assert not rig.status().entry_allowed
