"""A migrated database and the Data API over it, shared by the tests of a module and empty for each."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from tests.kit.postgres import Cluster, Dsn
from tests.kit.postgrest import PostgrestServer, postgrest

EMPTY = "truncate public.trade_logs, public.rejected_signals"


@pytest.fixture(scope="module")
def shared(cluster: Cluster, migrated: str) -> Dsn:
    """A database for the tests of a module, which leave its schema alone."""
    return cluster.dsn(cluster.create(migrated))


@pytest.fixture
def empty(shared: Dsn) -> Dsn:
    with psycopg.connect(shared, autocommit=True) as connection:
        connection.execute(EMPTY)
    return shared


@pytest.fixture(scope="module")
def running_standin(shared: Dsn) -> Iterator[PostgrestServer]:
    with postgrest(shared) as server:
        yield server


@pytest.fixture
def standin(running_standin: PostgrestServer, empty: Dsn) -> PostgrestServer:
    """Over an empty database, well, and without a memory of earlier requests."""
    assert empty
    running_standin.heal()
    running_standin.seen.clear()
    running_standin.requests.clear()
    return running_standin
