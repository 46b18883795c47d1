from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sim.server.kit import Client, Running, options_of, running, short_capture
from vortex.sim.server.app import SimServer
from vortex.sim.server.usage import Usage


@pytest.fixture(scope="session")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_capture(tmp_path_factory.mktemp("capture"))


@pytest.fixture(scope="session")
def exchange(capture: Path) -> Iterator[Running]:
    """One exchange for all tests that leave it as they found it."""
    with running(options_of(capture)) as server:
        yield server


@pytest.fixture(scope="module")
def own(capture: Path) -> Iterator[Running]:
    """An exchange that the tests of one file may break, turn the clock of, and order about."""
    with running(options_of(capture)) as server:
        yield server


@pytest.fixture
def client(exchange: Running) -> Iterator[Client]:
    """A client whose account is flat before and after the test, and of whom no request has been counted yet."""
    exchange.do(forget_requests)
    yield exchange.client
    exchange.client.flatten()


def forget_requests(server: SimServer) -> None:
    """All these tests are one client, and more of one than an exchange would bear."""
    server.venue.usage = Usage()
