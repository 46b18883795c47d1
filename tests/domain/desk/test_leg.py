"""An order that takes the place of another."""

from __future__ import annotations

import msgspec

from tests.domain.money_builders import NOW
from tests.kit.builders import fill
from vortex.domain.desk.leg import Leg, LegState, advance, successor, with_ids
from vortex.domain.order import OrderRole

FIRST = with_ids(Leg(role=OrderRole.EXIT, client_id="1X", state=LegState.SENT), 11)


def test_the_first_of_its_role_replaces_nothing() -> None:
    assert successor(None, OrderRole.EXIT, "1X") == Leg(role=OrderRole.EXIT, client_id="1X")


def test_a_successor_answers_for_what_its_predecessors_did() -> None:
    third = successor(successor(FIRST, OrderRole.EXIT, "2X"), OrderRole.EXIT, "3X")
    assert (third.tries, third.state) == (2, LegState.IDLE)
    assert third.made(fill(client_id="1X", order_id=99))
    assert third.made(fill(client_id="", order_id=11))
    assert third.made(fill(client_id="2X", order_id=98))
    assert not third.made(fill(client_id="4X", order_id=97))


def test_late_news_of_a_predecessor_are_not_the_successors() -> None:
    assert successor(FIRST, OrderRole.EXIT, "2X").order_ids == ()


def test_refused_ones_are_counted_and_not_remembered() -> None:
    leg = FIRST
    for number in range(2, 1_000):
        refused = advance(leg, LegState.FINAL, now_ms=NOW, detail="-2019", refused=True)
        leg = msgspec.structs.replace(successor(refused, OrderRole.EXIT, f"{number}X"), state=LegState.SENT)
    assert leg.tries == 998
    assert leg.former == ()
    assert leg.former_order_ids == (11,)


def test_an_id_is_added_once() -> None:
    assert with_ids(with_ids(FIRST, 11, None), 12).order_ids == (11, 12)


def test_moving_on_notes_when_and_forgets_the_misses() -> None:
    missed = msgspec.structs.replace(FIRST, state=LegState.UNKNOWN, misses=4, missed_ms=NOW)
    found = advance(missed, LegState.WORKING, now_ms=NOW + 7)
    assert (found.touched_ms, found.misses) == (NOW + 7, 0)
