"""The two schemas are one: the same tables, views and columns; in PostgreSQL also who may do what."""

from __future__ import annotations

import re
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.kit.ledgers import MIGRATIONS, as_role, closed, id_of, migrate, rejection, trade
from tests.kit.postgres import Dsn, cluster
from vortex.adapters.ledger import TABLES, VIEWS
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import open_database

RELATIONS = {**TABLES, **VIEWS}
PLACE = re.compile(r"\d{14}_[a-z0-9_]+\.sql")
DENIED = psycopg.errors.InsufficientPrivilege


def columns_of_postgres(dsn: Dsn, name: str) -> list[str]:
    with psycopg.connect(dsn) as connection:
        found = connection.execute(sql.SQL("select * from {} limit 0").format(sql.Identifier("public", name)))
        return [column.name for column in found.description or ()]


@pytest.mark.parametrize("name", RELATIONS)
def test_both_databases_have_the_same_columns_in_the_same_order(shared: Dsn, tmp_path: Path, name: str) -> None:
    with closing(open_database(tmp_path / "vortex.db", "cold_store")) as connection:
        in_sqlite = [row[0] for row in connection.execute("select name from pragma_table_info(?)", [name])]
    assert in_sqlite == columns_of_postgres(shared, name) == list(RELATIONS[name])


def test_migrations_are_named_as_supabase_wants_them() -> None:
    names = sorted(path.name for path in MIGRATIONS.iterdir())
    assert names
    assert [name for name in names if not PLACE.fullmatch(name)] == []
    assert len({name[:14] for name in names}) == len(names)


ATTEMPTS = {
    "select": "select * from {} limit 1",
    "insert": "insert into {} select * from {} limit 1 on conflict (id) do nothing",
    "update": "update {} set profile = profile",
    "delete": "delete from {}",
    "truncate": "truncate {}",
}


@pytest.mark.parametrize(
    ("role", "may"),
    [("anon", set()), ("authenticated", {"select"}), ("service_role", {"select", "insert", "update"})],
)
@pytest.mark.parametrize("name", RELATIONS)
def test_who_may_do_what(empty: Dsn, role: str, may: set[str], name: str) -> None:
    with closing(PostgresColdStore(empty)) as store:
        store.write_trades([closed(), trade("t2")])
        store.write_rejections([rejection()])
    done = set()
    with psycopg.connect(as_role(empty, role), autocommit=True) as connection:
        for what, statement in ATTEMPTS.items():
            if name in TABLES or what == "select":
                try:
                    connection.execute(statement.replace("{}", name).encode())
                    done.add(what)
                except DENIED:
                    pass
    assert done == (may if name in TABLES else may & {"select"})


@pytest.mark.parametrize("name", RELATIONS)
def test_a_signed_in_person_sees_every_row_and_the_public_none(empty: Dsn, name: str) -> None:
    with closing(PostgresColdStore(empty)) as store:
        store.write_trades([closed(), trade("t2")])
        store.write_rejections([rejection()])
    count = sql.SQL("select count(*) from {}").format(sql.Identifier(name))
    with psycopg.connect(empty) as owner, psycopg.connect(as_role(empty, "authenticated")) as person:
        everything = owner.execute(count).fetchall()
        assert everything != [(0,)]
        assert person.execute(count).fetchall() == everything
    with psycopg.connect(empty, autocommit=True) as owner:
        owner.execute(sql.SQL("grant select on {} to anon").format(sql.Identifier(name)))
    try:
        with psycopg.connect(as_role(empty, "anon")) as public:
            if name in TABLES:  # row level security has no rows for it, a grant or not
                assert public.execute(count).fetchall() == [(0,)]
            else:  # and a view shows nobody more than its tables do
                with pytest.raises(DENIED):
                    public.execute(count)
    finally:
        with psycopg.connect(empty, autocommit=True) as owner:
            owner.execute(sql.SQL("revoke select on {} from anon").format(sql.Identifier(name)))


@pytest.mark.parametrize(
    "statement",
    [
        "update trade_logs set entry_price = 'NaN'",
        "update trade_logs set quantity = 'Infinity'",
        "update trade_logs set sl_price = 'NaN'",
        "update trade_logs set pnl_net_usdt = '-Infinity'",
        "update trade_logs set confidence = 'NaN'",
        "update trade_logs set final_score = 1.01",
        "update trade_logs set pnl_net_usdt = null",
        "update trade_logs set symbol = ''",
        "update trade_logs set side = 'BUY'",
        "update trade_logs set status = 'DONE'",
        "update trade_logs set leverage = 0",
        "update rejected_signals set daily_pnl = 'NaN'",
        "update rejected_signals set count = 0",
    ],
)
def test_what_makes_no_sense_is_not_taken(empty: Dsn, statement: str) -> None:
    with closing(PostgresColdStore(empty)) as store:
        store.write_trades([closed()])
        store.write_rejections([rejection()])
    with psycopg.connect(empty) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute(statement.encode())


def test_a_new_reason_to_close_and_an_unusual_symbol_are_taken(empty: Dsn) -> None:
    with closing(PostgresColdStore(empty)) as store:
        store.write_trades([closed(symbol="币安人生USDT")])
    with psycopg.connect(empty) as connection:
        assert connection.execute("update trade_logs set close_reason = 'SOMETHING_NEW'").rowcount == 1


def test_an_older_version_changes_nothing_whoever_writes_it(empty: Dsn) -> None:
    with closing(PostgresColdStore(empty)) as store:
        store.write_trades([closed(revision=5)])
        with psycopg.connect(empty) as connection:
            older = "update trade_logs set revision = 4, status = 'OPEN' where id = %s"
            assert connection.execute(older, [id_of("t1")]).rowcount == 0
        assert store.recent_trades(1) == [closed(revision=5)]


def test_a_postgresql_without_supabases_roles_takes_the_same_files() -> None:
    with cluster(supabase_roles=False) as plain:
        dsn = plain.dsn(migrate(plain))
        with closing(PostgresColdStore(dsn)) as store:
            store.write_trades([trade(), closed()])
            assert store.recent_trades(10) == [closed()]


def test_the_embedded_ledger_opens_its_views_read_only(tmp_path: Path) -> None:
    with closing(SqliteColdStore.open(tmp_path / "vortex.db")) as store:
        store.write_trades([closed()])
    with closing(SqliteColdStore.read_only(tmp_path / "vortex.db")) as reader:
        assert reader.recent_trades(1) == [closed()]
