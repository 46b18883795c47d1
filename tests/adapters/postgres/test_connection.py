"""Connection strings and failures that have no SQLSTATE: what people are told, and what they are never shown."""

from __future__ import annotations

import psycopg
import pytest

from vortex.adapters.postgres.connection import UnusableDsnError, place, translated
from vortex.ports import StoreMisconfiguredError, StoreUnavailableError


@pytest.mark.parametrize(
    ("dsn", "where"),
    [
        ("postgresql://me:secret@db.example:6543/ledger", "db.example:6543/ledger"),
        ("postgresql://me:se%40cr%2Fet@db.example/ledger", "db.example:5432/ledger"),
        ("host=db.example dbname=ledger password='s@cr/t'", "db.example:5432/ledger"),
        ("postgresql://me@one:1,two:2/ledger", "one,two:1,2/ledger"),
        ("postgresql:///ledger?host=/run/postgresql", "/run/postgresql:5432/ledger"),
    ],
)
def test_where_it_leads_is_said_without_user_and_password(dsn: str, where: str) -> None:
    assert place(dsn) == f"PostgreSQL at {where}"


@pytest.mark.parametrize("password", ["top@secret", "top/secret", "12/secret", "top/se@cret", "top%secret"])
def test_a_password_that_spills_over_is_refused_and_not_shown(password: str) -> None:
    with pytest.raises(UnusableDsnError, match="as %XX") as caught:
        place(f"postgresql://me:{password}@db.example/ledger")
    assert "secret" not in str(caught.value)
    assert "top" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        "consuming input failed: SSL connection has been closed unexpectedly",
        "connection failed: SSL SYSCALL error: EOF detected",
        "sending query failed: SSL error: unexpected eof while reading",
    ],
)
def test_an_encrypted_connection_that_breaks_off_is_an_outage(text: str) -> None:
    assert isinstance(translated(psycopg.OperationalError(text)), StoreUnavailableError)


@pytest.mark.parametrize(
    "text", ["server does not support SSL, but SSL was required", "SSL error: certificate verify failed"]
)
def test_encryption_that_cannot_be_had_needs_a_person(text: str) -> None:
    assert isinstance(translated(psycopg.OperationalError(text)), StoreMisconfiguredError)
