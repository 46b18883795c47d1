from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.binance.loop import NetworkLoop


@pytest.fixture
def loop() -> Iterator[NetworkLoop]:
    network = NetworkLoop()
    network.start()
    yield network
    network.stop()
    assert network.faults == 0


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    scripted = ScriptedServer()
    yield scripted
    scripted.close()
