"""Crashes that come back: starts that fail, and shared actors that never run again until another process does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos.matrix import conclude
from tests.chaos.occasions import PARTS, SHARED
from tests.chaos.profile import BTC, hushed, scratch
from tests.chaos.stage import Setting, Stage
from vortex.runtime import Crash

ACTORS = (*SHARED, BTC, *(f"{BTC}/{part}" for part in PARTS))


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with hushed():
        yield


@pytest.mark.parametrize("times", [1, 2])
@pytest.mark.parametrize("path", ACTORS)
def test_a_start_that_fails_is_tried_again(path: str, times: int) -> None:
    with scratch() as data_dir:
        stage = Stage(data_dir, ACTORS.index(path) + 100 * times)
        stage.pass_s(4.0)
        stage.fail_starts(path, times)
        stage.pass_s(1.0)
        generation = next(actor.generation for actor in stage.run.system.tree() if actor.path == path)
        assert generation == 2 + times
        assert conclude(stage) == []


@pytest.mark.parametrize("path", SHARED)
def test_a_shared_actor_that_always_crashes_ends_the_process_and_the_next_one_goes_on(path: str) -> None:
    with scratch() as data_dir:
        stage = Stage(data_dir, 7, setting=Setting(patient=False))
        stage.pass_s(4.0)
        storm_ms = stage.dispatcher.now_ms()
        stage.doomed = True
        stage.tell(path, Crash(times=1_000))
        assert stage.pass_until(lambda: bool(stage.outages), 20.0)
        stage.doomed = False
        stage.outages = [(storm_ms, stage.outages[0][1])]  # an exchange actor that never runs sends no order either
        assert conclude(stage) == []
