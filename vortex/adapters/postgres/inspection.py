"""What a database lacks to be our ledger: migrations, tables, columns, rules, rights; one finding a line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct

from vortex.adapters.ledger import TABLES, VIEWS
from vortex.adapters.postgres.connection import BoundedConnection
from vortex.adapters.postgres.migrations import MigrationError, applied_versions, on_disk, pending, reached

COLUMNS = """
select attname from pg_attribute
where attrelid = to_regclass('public.' || %s) and attnum > 0 and not attisdropped
"""
GUARDED = "select relrowsecurity from pg_class where oid = to_regclass('public.' || %s)"
INVOKER = """
select coalesce(reloptions, '{}') && array['security_invoker=on', 'security_invoker=true']
from pg_class where oid = to_regclass('public.' || %s)
"""
TRIGGER = """
select count(*) > 0 from pg_trigger
where tgname = 'trade_logs_keep_newest' and tgrelid = to_regclass('public.trade_logs') and tgenabled <> 'D'
"""
ROLES = "select rolname, rolbypassrls from pg_roles where rolname in ('anon', 'authenticated', 'service_role')"
MAY = "select has_table_privilege(%s, to_regclass('public.' || %s), %s)"
HIDDEN = "select row_security_active(to_regclass('public.' || %s))"
RELATIONS = {**TABLES, **VIEWS}
RIGHTS = ("select", "insert", "update", "delete")
EXPECTED = {
    "anon": (frozenset[str](), frozenset[str]()),
    "authenticated": (frozenset({"select"}), frozenset({"select"})),
    "service_role": (frozenset({"select", "insert", "update"}), frozenset({"select"})),
}
"""What each of Supabase's roles may do with a table, and with a view."""


class Finding(Struct, frozen=True, kw_only=True):
    """One thing that was looked at."""

    ok: bool
    what: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'MISSING':8}{self.what}"


def inspect(dsn: str, folder: Path) -> list[Finding]:
    """Look at everything; nothing is changed. Raises MigrationError, UnusableDsnError."""
    migrations = on_disk(folder)
    with reached(dsn) as connection:
        ((user,),) = connection.execute("select current_user").fetchall()
        findings = [Finding(ok=True, what=f"connected as {user}")]
        try:
            left = pending(migrations, applied_versions(connection))
            findings += [Finding(ok=each not in left, what=f"migration {each}") for each in migrations]
        except MigrationError as error:
            findings.append(Finding(ok=False, what=f"migrations that agree: {error}"))
        there = set[str]()
        for name, columns in RELATIONS.items():
            finding = _columns(connection, name, columns)
            findings.append(finding)
            if finding.ok:
                there.add(name)
        findings += _rules(connection, there)
        findings += _rights(connection, str(user), there)
    return findings


def _columns(connection: BoundedConnection, name: str, columns: Sequence[str]) -> Finding:
    kind = "table" if name in TABLES else "view"
    found = {column for (column,) in connection.execute(COLUMNS, [name]).fetchall()}
    if not found:
        return Finding(ok=False, what=f"{kind} {name}")
    lacking = [column for column in columns if column not in found]
    what = f"{kind} {name}: " + (f"columns {', '.join(lacking)}" if lacking else f"{len(columns)} columns")
    return Finding(ok=not lacking, what=what)


def _rules(connection: BoundedConnection, there: set[str]) -> Iterator[Finding]:
    for name in TABLES:
        if name in there:
            yield Finding(ok=_truth(connection, GUARDED, name), what=f"row level security on {name}")
    for name in VIEWS:
        if name in there:
            yield Finding(ok=_truth(connection, INVOKER, name), what=f"view {name} shows its reader's rows only")
    yield Finding(ok=_truth(connection, TRIGGER), what="trigger that keeps the newest version of a trade")


def _rights(connection: BoundedConnection, user: str, there: set[str]) -> Iterator[Finding]:
    for name in TABLES:
        if name in there:
            able = all(_truth(connection, MAY, user, name, right) for right in ("select", "insert", "update"))
            unseen = _truth(connection, HIDDEN, name)
            yield Finding(ok=able and not unseen, what=f"{user} reads and writes {name}")
    roles = {role: bool(passes) for role, passes in connection.execute(ROLES).fetchall()}
    if not roles:
        yield Finding(ok=True, what="no roles of Supabase here: rights are this user's alone")
        return
    for role, (on_table, on_view) in EXPECTED.items():
        if role not in roles:
            yield Finding(ok=False, what=f"role {role}")
            continue
        for name in sorted(there):
            yield _right(connection, role, name, on_table if name in TABLES else on_view)
    if "service_role" in roles:
        yield Finding(ok=roles["service_role"], what="service_role passes row level security")


def _right(connection: BoundedConnection, role: str, name: str, expected: frozenset[str]) -> Finding:
    found = {right for right in RIGHTS if _truth(connection, MAY, role, name, right)}
    words = " and ".join(sorted(expected)) or "nothing"
    beside = f", not {' and '.join(sorted(found))}" if found - expected else ""
    return Finding(ok=found == expected, what=f"{role} may {words} on {name}{beside}")


def _truth(connection: BoundedConnection, query: str, *values: Any) -> bool:
    rows = connection.execute(query.encode(), values).fetchall()
    return bool(rows and rows[0][0])
