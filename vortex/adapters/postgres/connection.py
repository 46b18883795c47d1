"""Connecting to PostgreSQL so that nothing waits for ever, and its errors in the words of the port."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import psycopg
from psycopg import conninfo
from psycopg.abc import PQGen

from vortex.adapters.refusals import Refusal, one_line, refusal
from vortex.ports import RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

T = TypeVar("T")

CONNECT_S = 5
STATEMENT_S = 10.0
"""For one statement, counted by the server; the client gives up a little later, also on a server that is silent."""
GRACE_S = 2.0
KEEPALIVE: Mapping[str, int] = {
    "keepalives_idle": 15, "keepalives_interval": 5, "keepalives_count": 3, "tcp_user_timeout": 15_000,
}  # fmt: skip
NEEDS_A_PERSON = (
    "authentication failed", "no password supplied", "does not exist", "no pg_hba.conf entry", "permission denied",
    "tenant or user not found", "certificate", "does not support ssl", "sslmode",
)  # fmt: skip
"""What a server says to whom it will never let in; a refused connection has no SQLSTATE. Of SSL only what is a setting:
a connection that breaks off says "SSL" too.
"""
EXPECTED = "expected postgresql://USER:PASSWORD@HOST:PORT/DATABASE, special characters of the password as %XX"


class UnusableDsnError(ValueError):
    """A connection string that cannot be read; `str(error)` does not repeat it, for it may hold a password."""


class BoundedConnection(psycopg.Connection[tuple[Any, ...]]):
    """Gives up on a server that does not answer."""

    patience_s = STATEMENT_S + GRACE_S

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        return super().wait(gen, interval, self.patience_s if timeout is None else timeout)


def connect(dsn: str, *, statement_s: float = STATEMENT_S, connect_s: int = CONNECT_S) -> BoundedConnection:
    """A connection in autocommit mode. Raises psycopg.Error."""
    parameters: dict[str, Any] = {**KEEPALIVE, "connect_timeout": connect_s, "application_name": "vortex"}
    given = conninfo.conninfo_to_dict(dsn)
    # No prepared statements: a pooler in transaction mode hands the next one to a server that does not know them.
    connection = BoundedConnection.connect(dsn, autocommit=True, prepare_threshold=None, **(parameters | given))
    connection.patience_s = statement_s + GRACE_S
    return connection


def place(dsn: str) -> str:
    """Where a connection string leads, without user and password. Raises UnusableDsnError."""
    try:
        parts = conninfo.conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise UnusableDsnError(EXPECTED) from None
    where = parts.get("host") or parts.get("hostaddr") or "this machine"
    port, name = str(parts.get("port") or 5432), str(parts.get("dbname") or "")
    if "@" in f"{where}{name}" or not port.replace(",", "").isdecimal():  # a password with @ or / has spilled over
        raise UnusableDsnError(EXPECTED)
    return f"PostgreSQL at {where}:{port}/{name}"


def translated(error: psycopg.Error) -> Refusal:
    """The error of the port; what the server said is kept, not what we sent."""
    text = one_line(str(error))
    if error.sqlstate is not None:
        return refusal(error.sqlstate, f"{error.sqlstate} {text}")
    if isinstance(error, psycopg.DataError):  # what psycopg itself cannot send, such as a NUL in a text
        return RowsRefusedError(text)
    if isinstance(error, psycopg.OperationalError) and not any(word in text.lower() for word in NEEDS_A_PERSON):
        return StoreUnavailableError(text)
    return StoreMisconfiguredError(text)
