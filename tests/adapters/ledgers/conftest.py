"""The three ledgers under one name each, empty for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from tests.kit.postgres import Cluster, Dsn
from tests.kit.postgrest import SECRET_KEY, PostgrestServer, postgrest
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.ports import ColdStore

KINDS = ("sqlite", "postgres", "supabase")
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
def standin(shared: Dsn) -> Iterator[PostgrestServer]:
    with postgrest(shared) as server:
        yield server


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[ColdStore]:
    """An empty ledger of this kind."""
    opened: ColdStore
    if kind == "sqlite":
        opened = SqliteColdStore.open(tmp_path / "vortex.db")
    else:
        dsn: Dsn = request.getfixturevalue("empty")
        opened = PostgresColdStore(dsn) if kind == "postgres" else _supabase(request)
    yield opened
    opened.close()


def _supabase(request: pytest.FixtureRequest) -> SupabaseColdStore:
    server: PostgrestServer = request.getfixturevalue("standin")
    server.heal()
    return SupabaseColdStore(server.url, SECRET_KEY)
