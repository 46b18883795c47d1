"""The three ledgers under one name each, empty for every test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.postgres import Dsn
from tests.kit.postgrest import SECRET_KEY, PostgrestServer
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.supabase.cold_store import SupabaseColdStore
from vortex.ports import ColdStore

KINDS = ("sqlite", "postgres", "supabase")


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
    return SupabaseColdStore(server.url, SECRET_KEY)
