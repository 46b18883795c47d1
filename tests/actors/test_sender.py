"""One budget before everything that leaves: entries starve first, stops and closes never."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import SYMBOL
from vortex.actors.sender import admitted
from vortex.domain.desk.planning import Lane
from vortex.domain.order import PlaceOrder, QueryPositions, QuerySymbol
from vortex.ports import Usage

NOW = 1_000_000
EVERYONE = set(Lane)
GUARDS = {Lane.CLOSE, Lane.STOP}


@pytest.mark.parametrize(
    ("usage", "lanes"),
    [
        (Usage(), EVERYONE),
        (Usage(weight_1m=1_919), EVERYONE),
        (Usage(weight_1m=1_920), {*GUARDS, Lane.RECONCILE}),
        (Usage(weight_1m=2_279), {*GUARDS, Lane.RECONCILE}),
        (Usage(weight_1m=2_280), GUARDS),
        (Usage(weight_1m=5_000), GUARDS),
        (Usage(orders_10s=239, orders_1m=959), EVERYONE),
        (Usage(orders_10s=240), EVERYONE - {Lane.ENTRY}),
        (Usage(orders_1m=960), EVERYONE - {Lane.ENTRY}),
        (Usage(silent_until_ms=NOW), EVERYONE),
        (Usage(silent_until_ms=NOW + 1), set()),
        (Usage(silent_until_ms=NOW + 2_000), set()),
        (Usage(silent_until_ms=NOW + 2_001), GUARDS),
    ],
)
def test_who_may_leave(usage: Usage, lanes: set[Lane]) -> None:
    assert {lane for lane in Lane if admitted(lane, usage, NOW)} == lanes


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path)
    yield made
    made.journal.close()


def test_an_entry_that_waits_for_the_budget_is_given_up_with_its_book(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.port.used = Usage(weight_1m=2_000)
    rig.opens()
    rig.context.advance(400)
    assert rig.waiting(PlaceOrder) == []
    rig.plays(400)
    assert rig.endings() != []
    assert rig.tiny.sent == {}


def test_a_stop_waits_for_a_short_silence_and_goes_through_a_long_one(rig: Rig) -> None:
    rig.opened()
    rig.tiny.cancelled_by_a_person(rig.tiny.resting[0].client_id)
    rig.hears()
    rig.port.used = Usage(silent_until_ms=rig.now_ms + 1_000)
    rig.plays(900)
    assert not rig.tiny.protected()
    rig.port.used = Usage(silent_until_ms=rig.now_ms + 60_000)
    rig.plays(1_000)
    assert rig.tiny.protected()


def test_nothing_is_asked_while_the_exchange_wants_silence(rig: Rig) -> None:
    rig.ready(SYMBOL)
    rig.port.open.clear()
    rig.port.used = Usage(silent_until_ms=rig.now_ms + 60_000)
    rig.context.advance(50_000)
    assert rig.waiting(QuerySymbol) == []
    assert rig.waiting(QueryPositions) == []
