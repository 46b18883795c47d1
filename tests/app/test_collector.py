"""The garbage collector looks seldom, and never at what lives for ever."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from vortex.app.collector import THRESHOLDS, calm


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    thresholds = gc.get_threshold()
    yield
    gc.set_threshold(*thresholds)
    gc.unfreeze()


def test_what_lives_is_out_of_its_sight() -> None:
    calm()
    assert gc.get_threshold() == THRESHOLDS
    assert gc.get_freeze_count() > len(gc.get_objects())


def test_garbage_with_cycles_still_goes() -> None:
    calm()
    cycle: list[object] = []
    cycle.append(cycle)
    del cycle
    assert gc.collect() >= 1
