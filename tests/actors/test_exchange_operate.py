"""What people order of the exchange actor: what holds, what is closed, what survives, and who is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import NOW, SYMBOL
from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import (
    PlaceOrder,
)
from vortex.messages import (
    GateClosed,
    ResetGovernor,
)

PAUSE, RESUME, FLATTEN, HALT, UNHALT = OperatorAction
OTHER = "ETHUSDT"


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


# ------------------------------------------------------------------------------------------------- what holds entries


@pytest.mark.parametrize(
    ("action", "symbol", "gate"),
    [
        (PAUSE, SYMBOL, Gate.PAUSED),
        (PAUSE, None, Gate.PAUSED),
        (HALT, SYMBOL, Gate.HALTED),
        (HALT, None, Gate.KILL_SWITCH),
    ],
)
def test_an_order_is_on_disk_before_anyone_hears_of_it_and_holds(
    rig: Rig, action: OperatorAction, symbol: str | None, gate: Gate
) -> None:
    rig.ready(SYMBOL)
    assert rig.operate(action, symbol) == (SYMBOL,)
    assert [name for name, _ in rig.log][:2] == ["journal entries", "supervisor"]
    assert rig.closed_gates() == {gate: "a test says so"}
    assert rig.refused() == f"{gate}: a test says so"


@pytest.mark.parametrize(
    ("action", "symbol", "undo", "undone"),
    [
        (PAUSE, SYMBOL, RESUME, SYMBOL),
        (PAUSE, None, RESUME, None),
        (PAUSE, None, RESUME, SYMBOL),
        (HALT, SYMBOL, UNHALT, SYMBOL),
        (HALT, SYMBOL, UNHALT, None),
        (HALT, None, UNHALT, None),
    ],
)
def test_what_is_lifted_lets_the_symbol_trade_again(
    rig: Rig, action: OperatorAction, symbol: str | None, undo: OperatorAction, undone: str | None
) -> None:
    rig.ready(SYMBOL)
    rig.operate(action, symbol)
    rig.plays(3_000)
    rig.operate(undo, undone)
    assert rig.closed_gates() == {}
    rig.opens()
    rig.plays(1_000)
    assert rig.status().trades


def test_the_reply_names_the_seated_symbols_for_all_and_the_one_for_one(rig: Rig) -> None:
    assert rig.operate(PAUSE, None) == ()
    rig.ready(SYMBOL, OTHER)
    assert rig.operate(HALT, None) == (SYMBOL, OTHER)
    assert rig.operate(HALT, "SOLUSDT") == ("SOLUSDT",)
    assert rig.status().halted == (SYMBOL, OTHER, "SOLUSDT")


def test_an_order_for_one_symbol_leaves_the_others_alone(rig: Rig) -> None:
    rig.ready(SYMBOL, OTHER)
    rig.operate(HALT, OTHER)
    rig.opens()
    assert len(rig.waiting(PlaceOrder)) == 1
    assert rig.status().halted == (OTHER,)
    assert rig.status().flattening == (OTHER,)


def test_what_changes_nothing_is_not_written_again(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.operate(HALT)
    rig.quiet()
    rig.operate(HALT)
    rig.operate(FLATTEN)
    assert [name for name, _ in rig.log if name.startswith("journal")] == []


@pytest.mark.parametrize("symbol", [SYMBOL, None])
def test_holds_survive_a_restart_and_are_told_to_whoever_registers(rig: Rig, symbol: str | None) -> None:
    since_ms = rig.now_ms
    for action in (PAUSE, HALT):
        rig.operate(action, symbol)
    rig.start(rig.now_ms + 60_000)
    rig.actor.receive(rig.registration())
    expected = {Gate.PAUSED, Gate.HALTED if symbol else Gate.KILL_SWITCH}
    assert set(rig.closed_gates()) == expected
    told = [message for message in rig.supervisor.told(GateClosed) if message.gate in expected]
    assert {message.since_ms for message in told} == {since_ms}
    assert rig.refused() in {"halted: a test says so", "kill_switch: a test says so"}


def test_a_pause_of_all_holds_those_that_come_later(rig: Rig) -> None:
    rig.operate(PAUSE, None)
    rig.start(NOW + 1_000)
    rig.ready(OTHER)
    assert rig.refused(OTHER) == "paused: a test says so"


def test_only_unhalting_all_lifts_what_the_account_halted(rig: Rig) -> None:
    rig.ready(SYMBOL)
    for action, symbol in ((UNHALT, SYMBOL), (RESUME, None), (HALT, None)):
        rig.operate(action, symbol)
    assert rig.account.told(ResetGovernor) == []
    rig.operate(UNHALT, None)
    assert len(rig.account.told(ResetGovernor)) == 1
