from __future__ import annotations

from vortex.actors.gates import Gates, News
from vortex.domain.operation import Gate
from vortex.messages import GateClosed, GateOpened

SYMBOL = "BTCUSDT"


class Rig:
    def __init__(self) -> None:
        self.now_ms = 1_000
        self.told: list[News] = []
        self.gates = Gates(SYMBOL, lambda: self.now_ms, self.told.append)

    def says(self, gate: Gate, detail: str) -> None:
        self.gates.close(closed(gate, detail, self.now_ms))

    def reasons(self) -> dict[Gate, str]:
        return {gate.gate: gate.detail for gate in self.gates.closed}


def closed(gate: Gate, detail: str, since_ms: int = 1_000) -> GateClosed:
    return GateClosed(gate=gate, since_ms=since_ms, detail=detail)


def test_what_is_said_closes_and_opens_and_only_changes_are_told() -> None:
    rig = Rig()
    assert rig.reasons() == {}
    rig.says(Gate.PAUSED, "lunch")
    rig.now_ms += 5
    rig.says(Gate.PAUSED, "long lunch")  # the first reason stays
    assert rig.gates.closed == (closed(Gate.PAUSED, "lunch"),)
    assert rig.gates.is_closed(Gate.HALTED, Gate.PAUSED)
    rig.gates.open(Gate.PAUSED)
    rig.gates.open(Gate.PAUSED)
    assert rig.reasons() == {}
    assert not rig.gates.is_closed(Gate.HALTED, Gate.PAUSED)
    assert rig.told == [closed(Gate.PAUSED, "lunch"), GateOpened(gate=Gate.PAUSED)]


def test_nobody_opens_the_gate_of_one_who_is_down() -> None:
    rig = Rig()
    rig.gates.shut([Gate.ACCOUNT], "crashed")
    rig.gates.open(Gate.ACCOUNT)  # its last word, late
    assert rig.reasons() == {Gate.ACCOUNT: "crashed"}
    assert len(rig.told) == 1


def test_one_who_is_back_does_not_open_what_was_said() -> None:
    rig = Rig()
    rig.says(Gate.EXCHANGE, "a position that is not ours")
    rig.gates.shut([Gate.EXCHANGE], "crashed")
    assert rig.reasons() == {Gate.EXCHANGE: "crashed"}  # why nothing more is known
    rig.now_ms += 50
    rig.gates.back([Gate.EXCHANGE], "has just started")
    assert rig.gates.closed == (closed(Gate.EXCHANGE, "has just started"),)  # closed since the crash
    rig.gates.open(Gate.EXCHANGE)
    assert rig.told == [closed(Gate.EXCHANGE, "a position that is not ours"), GateOpened(gate=Gate.EXCHANGE)]


def test_one_who_was_never_down_must_say_so_when_he_is_new() -> None:
    rig = Rig()
    rig.gates.back([Gate.MONITOR, Gate.ENGINES], "not known yet")
    assert rig.reasons() == dict.fromkeys((Gate.MONITOR, Gate.ENGINES), "not known yet")
    rig.gates.open(Gate.MONITOR)
    assert set(rig.reasons()) == {Gate.ENGINES}


def test_the_first_of_two_crashes_in_a_row_is_the_reason_and_the_time() -> None:
    rig = Rig()
    rig.gates.shut([Gate.MONITOR], "first")
    rig.now_ms += 100
    rig.gates.shut([Gate.MONITOR], "second")
    assert rig.gates.closed == (closed(Gate.MONITOR, "first"),)
