"""Ledgers of every kind for one suite of tests: how each is opened, and rows that all of them take."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from uuid import UUID, uuid5

import psycopg
from psycopg import sql

from tests.adapters.sqlite import rows
from tests.kit.postgres import Cluster, Dsn
from vortex.domain.trade import RejectionRow, TradeRow

MIGRATIONS = Path(__file__).parents[2] / "supabase" / "migrations"
NAMES = UUID(int=7)


def migrate(cluster: Cluster) -> str:
    """A new database with all migrations; its name."""
    name = cluster.create()
    for file in sorted(MIGRATIONS.glob("*.sql")):
        cluster.execute(sql.SQL(file.read_text(encoding="utf-8")), name)
    return name


def as_role(dsn: Dsn, role: str) -> Dsn:
    """The same database, everything done as this role."""
    return psycopg.conninfo.make_conninfo(dsn, options=f"-c role={role}")


def id_of(name: str) -> str:
    """A UUID that this name always gets."""
    return str(uuid5(NAMES, name))


def trade(name: str = "t1", **changes: Any) -> TradeRow:
    return rows.trade(id=id_of(name), **changes)


def closed(name: str = "t1", **changes: Any) -> TradeRow:
    return rows.closed(id=id_of(name), **changes)


def rejection(name: str = "r1", **changes: Any) -> RejectionRow:
    return rows.rejection(id=id_of(name), **changes)
