"""The stores: the files in the data directory, the remote ledger, Redis. Looked at as a reader, with short waits."""

from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit

from vortex.adapters.sqlite.connect import StoreError, named
from vortex.app.doctor.family import Options, line
from vortex.app.hot_store import is_redis
from vortex.app.preflight import Check, Finding, Verdict
from vortex.config import Config, ledger_kind

WAIT_S = 4.0
MIGRATIONS = Path("supabase/migrations")
GOOD_POLICIES = frozenset({"volatile-lru", "noeviction"})
"""Under any other Redis may drop what has no time to live: the open positions."""

Probe: TypeAlias = Callable[[Config], Finding]


def look(config: Config, _: Options) -> Iterator[Check]:
    """Each store that this configuration uses; of the others, that it does not."""
    for name, probe in PROBES.items():
        yield line(name, lambda probe=probe: probe(config))  # type: ignore[misc]  # mypy gives the default no type


def journal(config: Config) -> Finding:
    """Orders under way."""
    return _file(Path(config.data_dir) / "journal.db")


def ledger(config: Config) -> Finding:
    """Trades and rejections."""
    return _file(Path(config.data_dir) / "vortex.db")


def postgres(config: Config) -> Finding:
    """Whether DATABASE_URL leads to a server that lets us in and has all that the ledger needs."""
    dsn = config.cold_store.database_url.reveal()
    if not dsn or ledger_kind(config) == "sqlite":
        return Verdict.NOT_CHECKED, "DATABASE_URL is not set, or not used in this mode"
    from vortex.adapters.postgres.connection import UnusableDsnError  # noqa: PLC0415  # loads psycopg, which takes time
    from vortex.adapters.postgres.inspection import inspect  # noqa: PLC0415  # the same
    from vortex.adapters.postgres.migrations import MigrationError  # noqa: PLC0415  # the same

    try:
        found = inspect(dsn, MIGRATIONS)
    except (UnusableDsnError, MigrationError) as error:
        return Verdict.FAILED, str(error)
    missing = [each.what for each in found if not each.ok]
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        return Verdict.FAILED, f"missing: {missing[0]}{more}: vortex db check shows all, vortex db migrate helps"
    return Verdict.OK, f"{found[0].what}, {len(found)} things are as they must be"


def supabase(config: Config) -> Finding:
    """Whether SUPABASE_URL answers to SUPABASE_KEY."""
    url, key = config.cold_store.supabase_url, config.cold_store.supabase_key.reveal()
    if not url or ledger_kind(config) != "supabase":
        return Verdict.NOT_CHECKED, "SUPABASE_URL is not set, or not used in this mode"
    answer = _asked(url, "/rest/v1/trade_logs?limit=0", {"apikey": key, "authorization": f"Bearer {key}"})
    if answer.status == HTTPStatus.OK and answer.getheader("content-range") is None:  # which the Data API never lacks
        return Verdict.FAILED, "no Data API answers: is SUPABASE_URL right, and no proxy or sign-in page in between?"
    meaning = {
        200: (Verdict.OK, "it answers to this key, and has the tables"),
        401: (Verdict.FAILED, "SUPABASE_KEY is not accepted"),
        403: (Verdict.FAILED, "SUPABASE_KEY may not read trade_logs: use the service role's key"),
        404: (Verdict.FAILED, "there is no table trade_logs: run vortex db migrate"),
    }
    return meaning.get(answer.status, (Verdict.FAILED, f"HTTP {answer.status}"))


def redis(config: Config) -> Finding:
    """Whether it answers, and keeps what it is given."""
    store = config.hot_store
    if not is_redis(config):
        return Verdict.NOT_CHECKED, "REDIS_HOST is not set, or not used in this mode"
    from redis import Redis, RedisError  # noqa: PLC0415  # takes time, for those who use it
    from redis.backoff import NoBackoff  # noqa: PLC0415  # the same
    from redis.retry import Retry  # noqa: PLC0415  # the same

    server: Any = Redis(
        store.redis_host, store.redis_port, password=store.redis_password.reveal() or None, socket_timeout=WAIT_S,
        socket_connect_timeout=WAIT_S, decode_responses=True, retry=Retry(NoBackoff(), 0),
    )  # fmt: skip
    try:
        with closing(server):
            server.ping()
            return redis_settings({**server.config_get("maxmemory-policy"), **server.config_get("appendonly")})
    except RedisError as error:
        return Verdict.FAILED, f"{store.redis_host}:{store.redis_port}: {' '.join(str(error).split())}"


def redis_settings(settings: Mapping[str, str]) -> Finding:
    """What Redis does when its memory is full, and after its restart."""
    policy, append = settings.get("maxmemory-policy", ""), settings.get("appendonly", "")
    words = f"maxmemory-policy {policy}, appendonly {append}"
    if policy not in GOOD_POLICIES:
        return Verdict.FAILED, f"{words}: open positions may be dropped; set maxmemory-policy volatile-lru"
    if append != "yes":
        return Verdict.WARN, f"{words}: its restart forgets everything; set appendonly yes"
    return Verdict.OK, words


def notifier(config: Config) -> Finding:
    """Who is told of trouble; nobody is told something now."""
    addresses = len(config.notify.urls)
    if addresses == 0:
        return Verdict.NOT_CHECKED, "nobody is told of trouble: [notify] has no address"
    return Verdict.NOT_CHECKED, f"{addresses} address{'es' if addresses > 1 else ''}: vortex notify test tries them"


def _file(path: Path) -> Finding:
    """A database of ours: its version, which a start brings up to date, and whether it is whole."""
    if not path.exists():
        return Verdict.OK, f"{path} will be made"
    uri = f"{path.absolute().as_uri()}?mode=ro"
    with named(path), closing(sqlite3.connect(uri, uri=True, timeout=WAIT_S)) as connection:
        (verdict,) = connection.execute("pragma quick_check(1)").fetchone()
        (schema,) = connection.execute("pragma user_version").fetchone()
    if verdict != "ok":
        raise StoreError(f"{path}: damaged ({verdict}): move it aside together with its -wal and -shm files")
    return Verdict.OK, f"{path} is whole, schema {schema}, SQLite {sqlite3.sqlite_version}"


def _asked(url: str, path: str, headers: Mapping[str, str]) -> HTTPResponse:
    """One answer, up to its body; redirects are not followed: the key goes where it was meant to go."""
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=WAIT_S)
    try:
        connection.request("GET", path, headers=dict(headers))
        return connection.getresponse()
    except (HTTPException, socket.gaierror) as error:
        raise OSError(f"{parts.netloc}: {error}") from error
    finally:
        connection.close()


PROBES: dict[str, Probe] = {
    "journal": journal,
    "ledger": ledger,
    "postgres": postgres,
    "supabase": supabase,
    "redis": redis,
    "notifications": notifier,
}
"""What looks at each store, by the name of its line."""
