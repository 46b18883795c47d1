"""Every dispatcher gets the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.world import RealClock, World
from vortex.runtime import ThreadDispatcher, VirtualDispatcher


@pytest.fixture(params=["thread", "virtual"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = World(ThreadDispatcher(RealClock()) if request.param == "thread" else VirtualDispatcher(seed=1, start_ms=0))
    yield world
    world.system.stop(5.0)


@pytest.fixture
def threads() -> Iterator[World]:
    world = World(ThreadDispatcher(RealClock()))
    yield world
    world.system.stop(5.0)


@pytest.fixture
def virtual() -> Iterator[tuple[World, VirtualDispatcher]]:
    dispatcher = VirtualDispatcher(seed=1, start_ms=0)
    world = World(dispatcher)
    yield world, dispatcher
    world.system.stop(5.0)
