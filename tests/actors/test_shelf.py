from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

import pytest

from tests.domain.builders import T0, mark
from vortex.actors.shelf import FRESH_MS, EngineTakenError, Loan, Shelf
from vortex.domain.market import MarketValue, MarkPrice
from vortex.domain.signal import EngineId, Signal

VALUE = mark(T0)


class Counter:
    """An engine that counts, and does what it is told meanwhile."""

    id: ClassVar[str] = EngineId.TICK
    inputs: ClassVar[tuple[type, ...]] = (MarkPrice,)

    def __init__(self) -> None:
        self.seen: list[MarketValue] = []
        self.meanwhile: Callable[[], object] = list

    def update(self, value: MarketValue) -> Signal | None:
        self.seen.append(value)
        self.meanwhile()
        return None


class Rig:
    def __init__(self) -> None:
        self.built: list[Counter] = []
        self.shelf = Shelf(self.build)

    def build(self) -> Counter:
        self.built.append(Counter())
        return self.built[-1]

    def warm(self) -> Loan:
        loan = self.shelf.take(0.0)
        loan.update(VALUE, 100.0)
        return loan


def test_a_successor_goes_on_with_the_engine_of_the_last() -> None:
    rig = Rig()
    rig.warm()
    rig.shelf.take(100.0 + FRESH_MS - 1).update(VALUE, 200.0)
    assert [len(engine.seen) for engine in rig.built] == [2]


@pytest.mark.parametrize("rested_ms", [FRESH_MS, 10 * FRESH_MS])
def test_an_engine_that_missed_market_data_is_replaced(rested_ms: float) -> None:
    rig = Rig()
    rig.warm()
    rig.shelf.take(100.0 + rested_ms).update(VALUE, 200.0)
    assert [len(engine.seen) for engine in rig.built] == [1, 1]


def test_one_that_never_saw_anything_is_replaced() -> None:
    rig = Rig()
    rig.shelf.take(0.0)
    rig.shelf.take(0.0)
    assert len(rig.built) == 2


def test_an_engine_that_broke_in_an_update_is_replaced() -> None:
    rig = Rig()
    loan = rig.warm()

    def breaks() -> None:
        raise ZeroDivisionError

    rig.built[0].meanwhile = breaks
    with pytest.raises(ZeroDivisionError):
        loan.update(VALUE, 200.0)
    rig.shelf.take(201.0)
    assert len(rig.built) == 2


def test_a_zombie_in_an_update_keeps_its_engine_and_does_not_touch_the_next() -> None:
    rig = Rig()
    loan = rig.warm()
    successor: list[Loan] = []
    rig.built[0].meanwhile = lambda: successor.append(rig.shelf.take(150.0))
    loan.update(VALUE, 200.0)  # hung, was replaced meanwhile, and came back
    rig.built[0].meanwhile = list
    successor[0].update(VALUE, 300.0)
    assert [len(engine.seen) for engine in rig.built] == [2, 1]
    with pytest.raises(EngineTakenError):
        loan.update(VALUE, 301.0)
    assert rig.shelf.take(400.0).engine is rig.built[1]  # and what the zombie did last says nothing about it


def test_a_zombie_that_takes_too_makes_the_other_start_again() -> None:
    """However it comes about, two incarnations never share an engine."""
    rig = Rig()
    rig.warm()
    rightful, zombie = rig.shelf.take(101.0), rig.shelf.take(102.0)
    zombie.update(VALUE, 103.0)
    with pytest.raises(EngineTakenError):
        rightful.update(VALUE, 104.0)


def test_a_renewed_engine_is_fresh_and_the_old_loan_is_worth_nothing() -> None:
    rig = Rig()
    old = rig.warm()
    new = rig.shelf.renew()
    new.update(VALUE, 110.0)
    assert [engine.seen for engine in rig.built] == [[VALUE], [VALUE]]
    with pytest.raises(EngineTakenError):
        old.update(VALUE, 120.0)
    assert rig.shelf.take(120.0).engine is rig.built[1]
