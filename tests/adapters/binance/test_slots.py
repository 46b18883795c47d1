from __future__ import annotations

import pytest

from vortex.adapters.binance.slots import MAX_STREAMS, Slots


@pytest.mark.parametrize(("streams", "reserved", "capacity"), [(1, 0, 200), (5, 0, 40), (4, 1, 49)])
def test_a_place_never_holds_more_than_the_exchange_allows(streams: int, reserved: int, capacity: int) -> None:
    slots = Slots(streams, reserved)
    places = [slots.take(f"S{number}") for number in range(capacity + 1)]
    assert places == [0] * capacity + [1]
    assert len(slots.members(0)) * streams + reserved <= MAX_STREAMS


def test_who_leaves_makes_room_and_nobody_moves() -> None:
    slots = Slots(100)
    for symbol in "ABCDE":
        slots.take(symbol)
    assert slots.by_place("EBA") == {2: ["E"], 0: ["B", "A"]}
    assert slots.leave("C") == 1
    assert "C" not in slots
    assert slots.take("F") == 1
    assert (slots.members(0), slots.members(1), slots["E"]) == (("A", "B"), ("D", "F"), 2)
