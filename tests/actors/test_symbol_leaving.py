"""How a symbol leaves, and stays after all."""

from __future__ import annotations

import pytest

from tests.actors.symbol_rig import CHILDREN, RECONCILED, SYMBOL, Rig
from vortex.actors.symbol import DECISION, MONITOR
from vortex.domain.operation import Gate
from vortex.messages import (
    DeregisterSymbol,
    GateOpened,
    JoinAccount,
    Leave,
    LeaveAccount,
    Mirror,
    PeerStarted,
    RegisterSymbol,
    Subscribe,
    SymbolReleased,
    Unsubscribe,
)


@pytest.fixture
def rig() -> Rig:
    return Rig()


def test_a_symbol_without_a_trade_leaves_everyone_and_then_tells_root(rig: Rig) -> None:
    rig.leaving()
    assert (rig.status().state, rig.status().entry_allowed) == ("LEAVING", False)
    assert rig.told(DECISION)["Leave"] == 1
    rig.says(SymbolReleased(symbol=SYMBOL))
    assert rig.feed.expect(Unsubscribe).symbol == SYMBOL
    assert rig.account.expect(LeaveAccount).symbol == SYMBOL
    assert dict(rig.root.dead_by_type) == {"SymbolLeft": 1}
    assert rig.hot_store.messages == []  # its children still write there
    rig.actor.stopping()
    assert [(told.key, told.value) for told in rig.hot_store.told(Mirror)] == [
        (f"position:{SYMBOL}", None), (f"engine_signals:{SYMBOL}", None),
    ]  # fmt: skip


def test_a_process_that_stops_leaves_what_it_mirrored(rig: Rig) -> None:
    rig.running().actor.stopping()
    assert rig.hot_store.messages == []


def test_it_leaves_only_when_the_truth_is_known(rig: Rig) -> None:
    rig.ready(*CHILDREN)
    rig.says(Leave(leaving=True))
    rig.exchange.expect(RegisterSymbol)
    assert rig.exchange.unread() == []
    rig.says(RECONCILED)
    rig.exchange.expect(DeregisterSymbol)


@pytest.mark.parametrize("name", [DECISION, MONITOR])
def test_a_crash_while_leaving_is_no_way_to_stay(rig: Rig, name: str) -> None:
    rig.leaving().crashes(name)
    rig.ready(name)
    rig.exchange.expect(RegisterSymbol)  # which takes the symbol back
    rig.says(SymbolReleased(symbol=SYMBOL))  # said before that
    assert dict(rig.root.dead_by_type) == {}
    rig.says(RECONCILED)
    rig.exchange.expect(DeregisterSymbol)
    rig.says(SymbolReleased(symbol=SYMBOL))
    assert dict(rig.root.dead_by_type) == {"SymbolLeft": 1}


def test_a_symbol_that_stays_after_all_is_taken_back(rig: Rig) -> None:
    rig.leaving().says(Leave(leaving=False), SymbolReleased(symbol=SYMBOL))
    rig.exchange.expect(RegisterSymbol)
    rig.says(RECONCILED, GateOpened(gate=Gate.ACCOUNT))
    assert (rig.status().state, rig.status().entry_allowed) == ("READY", True)
    assert rig.feed.told(Unsubscribe) == []
    assert rig.told(DECISION)["Leave"] == 2


def test_a_symbol_that_stays_after_it_was_released_is_introduced_again(rig: Rig) -> None:
    rig.leaving().says(SymbolReleased(symbol=SYMBOL))
    rig.crashes("E1")
    rig.ready("E1")
    assert [type(message) for message in rig.feed.unread()] == [Unsubscribe]  # nobody subscribes behind that
    rig.says(Leave(leaving=False))
    assert len(rig.feed.told(Subscribe)) == 2 * len(CHILDREN)
    assert rig.account.told(JoinAccount)[-1].subscriber is rig.context.child_address(DECISION)
    rig.exchange.expect(RegisterSymbol)
    rig.actor.stopping()
    assert rig.hot_store.messages == []


def test_a_released_symbol_meets_no_new_shared_actor(rig: Rig) -> None:
    rig.leaving().says(SymbolReleased(symbol=SYMBOL))
    for probe in (rig.exchange, rig.account, rig.feed):
        probe.unread()
    for name in ("exchange", "account", "storage", "feed"):
        rig.says(PeerStarted(name=name))
    assert rig.exchange.unread() + rig.account.unread() + rig.feed.unread() == []
