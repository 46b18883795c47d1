"""Plain SQL migrations, applied as the Supabase CLI applies them, with its own table of what was applied."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import psycopg
from msgspec import Struct

from vortex.adapters.postgres.connection import BoundedConnection, connect, place
from vortex.adapters.refusals import one_line

NAME = re.compile(r"(?P<version>\d{14})_(?P<name>\w+)\.sql")
LOCK = 0x564F5254
"""Of all who migrate this database with us: one at a time."""
MIGRATION_S = 300.0
"""For one file, a wait for another's migration included."""
HISTORY = """
create schema if not exists supabase_migrations;
create table if not exists supabase_migrations.schema_migrations (
    version text not null primary key, statements text[], name text
)
"""
RECORD = "insert into supabase_migrations.schema_migrations (version, statements, name) values (%s, %s, %s)"
APPLIED = "select version from supabase_migrations.schema_migrations order by version"
HAS_HISTORY = """
select has_schema_privilege(space.oid, 'usage') and has_table_privilege(history.oid, 'select')
from pg_class as history join pg_namespace as space on space.oid = history.relnamespace
where space.nspname = 'supabase_migrations' and history.relname = 'schema_migrations'
"""


class MigrationError(Exception):
    """The database is as it was before the file that failed; `str(error)` is one line."""


class Migration(Struct, frozen=True, kw_only=True):
    """One file of the folder."""

    version: str
    name: str
    path: Path
    sql: str

    def __str__(self) -> str:
        return self.path.name


def on_disk(folder: Path) -> list[Migration]:
    """The folder's migrations in order. Raises MigrationError."""
    files = sorted(folder.glob("*.sql"))
    if not files:
        raise MigrationError(f"{folder}: no migrations there: expected the folder supabase/migrations of VORTEX-7")
    found = []
    for path in files:
        if (match := NAME.fullmatch(path.name)) is None:
            raise MigrationError(f"{path}: expected a name of 14 digits, _ and words, ending in .sql")
        found.append(Migration(version=match["version"], name=match["name"], path=path, sql=_text(path)))
    versions = [each.version for each in found]
    if twice := {version for version in versions if versions.count(version) > 1}:
        raise MigrationError(f"{folder}: two migrations of version {min(twice)}")
    return found


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise MigrationError(f"{path}: cannot be read as text in UTF-8: {error}") from error


def pending(migrations: Sequence[Migration], applied: Sequence[str]) -> list[Migration]:
    """What is left to apply, in order. Raises MigrationError when folder and database have gone different ways."""
    known = {each.version for each in migrations}
    if lost := [version for version in applied if version not in known]:
        raise MigrationError(f"{', '.join(lost)}: applied in the database, but not in the folder: use a newer VORTEX-7")
    left = [each for each in migrations if each.version not in set(applied)]
    if late := [each for each in left if applied and each.version < max(applied)]:
        raise MigrationError(f"{late[0]}: older than {max(applied)}, which is applied already")
    return left


def applied_versions(connection: BoundedConnection) -> list[str]:
    """What was applied, by whichever tool. Raises psycopg.Error, and MigrationError where this user may not look."""
    readable = connection.execute(HAS_HISTORY).fetchall()
    if not readable:
        return []
    if not readable[0][0]:
        raise MigrationError("supabase_migrations.schema_migrations: this user may not read it")
    return [version for (version,) in connection.execute(APPLIED).fetchall()]


def migrate(dsn: str, folder: Path) -> list[Migration]:
    """Apply what is left, each file in a transaction of its own; returns what was applied. Raises MigrationError."""
    migrations = on_disk(folder)
    done: list[Migration] = []
    with reached(dsn) as connection:
        with _alone(connection):
            connection.execute(HISTORY)
            left = pending(migrations, applied_versions(connection))
        for migration in left:
            try:
                if _apply(connection, migrations, migration):
                    done.append(migration)
            except psycopg.Error as error:
                before = f" ({', '.join(map(str, done))}: applied before)" if done else ""
                raise MigrationError(
                    f"{migration}: nothing of it is applied: {one_line(str(error))}{before}"
                ) from error
    return done


def _apply(connection: BoundedConnection, migrations: Sequence[Migration], migration: Migration) -> bool:
    """False when somebody else was faster."""
    with _alone(connection):
        if migration not in pending(migrations, applied_versions(connection)):
            return False
        connection.execute(migration.sql.encode())
        connection.execute(RECORD, [migration.version, [migration.sql], migration.name])
    return True


@contextmanager
def _alone(connection: BoundedConnection) -> Iterator[None]:
    """A transaction in which nobody else migrates; the lock ends with it, behind a pooler too."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", [LOCK])
        yield


@contextmanager
def reached(dsn: str) -> Iterator[BoundedConnection]:
    """A connection for the length of the block; what goes wrong in it is a MigrationError. Raises UnusableDsnError."""
    where = place(dsn)
    try:
        connection = connect(dsn, statement_s=MIGRATION_S)
    except psycopg.Error as error:
        raise MigrationError(f"{where}: cannot be reached: {one_line(str(error))}") from error
    try:
        with connection:
            yield connection
    except psycopg.Error as error:
        raise MigrationError(f"{where}: {one_line(str(error))}") from error
