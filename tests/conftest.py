"""What holds for every test."""

from __future__ import annotations

import decimal
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from tests.kit.postgres import Cluster

SLOW_FIRST = ("e2e", "chaos")

# A shell in the background hands down SIGINT as ignored, and a process under test would never hear of Ctrl-C.
signal.signal(signal.SIGINT, signal.default_int_handler)

# Speed is measured, never asserted: neither of what is tested, nor of drawing examples while the machine is busy.
settings.register_profile("vortex", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vortex")


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take minutes, else the last of them has one core to itself and the other one waits."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in SLOW_FIRST)


@pytest.hookimpl(tryfirst=True)  # before any fixture, those of a module or session too, which may reckon
def pytest_runtest_setup() -> None:
    """Undo what an earlier test brought about: ccxt changes the rounding of the thread it runs on, and leaves it so."""
    decimal.setcontext(decimal.Context())


@pytest.fixture
def rounding_of_others() -> None:
    """Change the thread's rounding, as ccxt does; but to one that shows in every figure, not in a tie now and then."""
    decimal.getcontext().rounding = decimal.ROUND_UP


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A real PostgreSQL with Supabase's roles, one for each worker, started when the first test asks for it."""
    from tests.kit.postgres import cluster  # noqa: PLC0415  # most runs need no driver

    with cluster() as started:
        yield started


@pytest.fixture(scope="session")
def migrated(cluster: Cluster) -> str:
    """The database with all migrations, and no row, of which tests take copies."""
    from tests.kit.ledgers import migrate  # noqa: PLC0415  # as above

    return migrate(cluster)


@pytest.fixture
def ledger(cluster: Cluster, migrated: str) -> str:
    """A fresh copy of the migrated database; its connection string."""
    return cluster.dsn(cluster.create(migrated))
