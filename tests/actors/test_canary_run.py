"""Before the first entry stops are tested: everybody waits for it, everything of it is on disk, nothing of it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.actors.exchange_rig import Rig
from tests.domain.money_builders import SYMBOL
from vortex.domain.operation import Gate
from vortex.domain.order import AlgoStatus, ExchangeRequest, Outcome, PlaceOrder, Refused, Unknown


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    made = Rig(tmp_path, canary=True)
    yield made
    made.journal.close()


def register(rig: Rig) -> None:
    rig.actor.receive(rig.registration())


def held(rig: Rig) -> str | None:
    """Why the exchange's gate is closed, as the supervisor believes."""
    return rig.closed_gates().get(Gate.EXCHANGE)


def test_nobody_enters_before_the_canary_has_passed_and_nothing_of_it_stays(rig: Rig) -> None:
    register(rig)
    assert "tested" in str(held(rig))
    assert "tested" in rig.refused()
    rig.plays(3_000)
    assert held(rig) is None
    stops = list(rig.tiny.algos.values())
    assert [(stop.status, stop.close_position) for stop in stops] == [(AlgoStatus.CANCELED, False)]
    rig.opens()
    rig.plays(1_000)
    assert rig.tiny.protected()


def test_the_intent_is_on_disk_before_the_first_order_leaves(rig: Rig) -> None:
    register(rig)
    rig.plays(3_000)
    kinds = [name for name, effect in rig.log if name == "journal canary" or isinstance(effect, PlaceOrder)]
    assert kinds[0] == "journal canary"
    assert kinds[1:3] == ["send", "send"]


def test_a_failed_canary_holds_entries_and_is_tried_again(rig: Rig) -> None:
    def moved(request: ExchangeRequest) -> Outcome | None:
        return Refused(code=-4120, text="use the other one") if isinstance(request, PlaceOrder) else None

    rig.refuses = moved
    register(rig)
    rig.plays(3_000)
    assert "-4120" in str(held(rig))
    assert "-4120" in rig.refused()
    rig.refuses = lambda _: None
    rig.plays(50_000)
    assert held(rig) is not None
    rig.plays(15_000)
    assert held(rig) is None


def test_what_a_process_that_died_left_is_swept_before_another_test(rig: Rig) -> None:
    register(rig)
    lost: list[str] = []

    def silent(request: ExchangeRequest) -> Outcome | None:
        if isinstance(request, PlaceOrder) and not request.close_position:
            rig.tiny.apply(request)
            lost.append(request.client_id)
            return Unknown(text="the process dies")
        return None if not lost else Unknown(text="nobody hears")

    rig.refuses = silent
    rig.plays(1_000)
    assert [algo.client_id for algo in rig.tiny.resting] == lost
    rig.refuses = lambda _: None
    rig.start(rig.now_ms + 1_000)
    register(rig)
    rig.plays(20_000)
    assert rig.tiny.resting == []
    assert held(rig) is None
    assert rig.tiny.algos[lost[0]].status is AlgoStatus.CANCELED


def test_without_a_canary_nobody_waits(tmp_path: Path) -> None:
    rig = Rig(tmp_path)
    rig.ready(SYMBOL)
    assert held(rig) is None
    rig.journal.close()
