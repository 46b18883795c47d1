"""Every dispatcher gets the same tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.runtime.world import RealClock, World
from vortex.runtime import PoolDispatcher, StockDispatcher, ThreadDispatcher, VirtualDispatcher

REAL = {"thread": ThreadDispatcher, "pool": PoolDispatcher, "stock": StockDispatcher}


def _world(kind: str) -> World:
    return World(VirtualDispatcher(seed=1, start_ms=0) if kind == "virtual" else REAL[kind](RealClock()))


@pytest.fixture(params=["thread", "pool", "virtual"])
def world(request: pytest.FixtureRequest) -> Iterator[World]:
    world = _world(request.param)
    yield world
    world.system.stop(5.0)


@pytest.fixture(params=["thread", "pool"])
def threads(request: pytest.FixtureRequest) -> Iterator[World]:
    """Only those on real threads."""
    world = _world(request.param)
    yield world
    world.system.stop(5.0)


@pytest.fixture(params=["thread", "pool", "virtual", "stock"])
def every_world(request: pytest.FixtureRequest) -> Iterator[World]:
    """For what holds on pykka's own queue and thread too."""
    world = _world(request.param)
    yield world
    world.system.stop(5.0)


@pytest.fixture
def virtual() -> Iterator[tuple[World, VirtualDispatcher]]:
    dispatcher = VirtualDispatcher(seed=1, start_ms=0)
    world = World(dispatcher)
    yield world, dispatcher
    world.system.stop(5.0)
