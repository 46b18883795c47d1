"""`vortex db`: brings a database up to date, says what it lacks, and takes turns with the Supabase CLI."""

from __future__ import annotations

import json
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from typer.testing import CliRunner, Result

from tests.kit.ledgers import MIGRATIONS, as_role, closed
from tests.kit.postgres import Cluster, cluster
from tests.kit.processes import REPOSITORY
from vortex.adapters.ledger import TABLES, VIEWS
from vortex.adapters.postgres.cold_store import PostgresColdStore
from vortex.cli.app import app

FILES = sorted(path.name for path in MIGRATIONS.iterdir())
Database = Callable[..., Result]


@pytest.fixture
def fresh(cluster: Cluster) -> str:
    """An empty database, as an address."""
    return cluster.url(cluster.create())


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the migrations, to change."""
    return Path(shutil.copytree(MIGRATIONS, tmp_path / "supabase" / "migrations"))


@pytest.fixture
def db(monkeypatch: pytest.MonkeyPatch) -> Database:
    monkeypatch.chdir(REPOSITORY)

    def run(*arguments: object, url: str = "") -> Result:
        return CliRunner().invoke(app, ["db", *map(str, arguments)], env={"DATABASE_URL": url})

    return run


def history(url: str) -> list[tuple[str, str]]:
    with psycopg.connect(url) as connection:
        query = "select version, name from supabase_migrations.schema_migrations order by version"
        return [(version, name) for version, name in connection.execute(query).fetchall()]


def test_migrating_twice_applies_once(db: Database, fresh: str) -> None:
    first, second = db("migrate", url=fresh), db("migrate", url=fresh)
    assert (first.exit_code, first.stdout.split()[1::2]) == (0, FILES)
    assert (second.exit_code, second.stdout) == (0, "nothing to do: all migrations are applied\n")
    assert history(fresh) == [(name[:14], name[15:-4]) for name in FILES]
    with closing(PostgresColdStore(fresh)) as store:
        store.write_trades([closed()])
        assert store.recent_trades(1) == [closed()]


def test_several_who_migrate_at_once_apply_once(db: Database, fresh: str) -> None:
    ready, results = threading.Barrier(4), list[int]()

    def work() -> None:
        from vortex.adapters.postgres.migrations import migrate  # noqa: PLC0415  # on the thread that uses it

        ready.wait()
        results.append(len(migrate(fresh, MIGRATIONS)))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(results) == len(FILES)
    assert db("check", url=fresh).exit_code == 0


def test_a_file_that_fails_half_way_leaves_nothing(db: Database, fresh: str, folder: Path) -> None:
    broken = folder / "20990101000000_broken.sql"
    broken.write_text("create table public.half (x integer); select 1/0;", encoding="utf-8")
    result = db("migrate", "--dir", folder, url=fresh)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    assert line.startswith("vortex: 20990101000000_broken.sql: nothing of it is applied: division by zero")
    assert FILES[-1] in line
    assert len(history(fresh)) == len(FILES)
    with psycopg.connect(fresh) as connection:
        assert connection.execute("select to_regclass('public.half')").fetchone() == (None,)
    broken.write_text("create table public.half (x integer)", encoding="utf-8")
    assert db("migrate", "--dir", folder, url=fresh).stdout == "applied 20990101000000_broken.sql\n"


def test_a_database_that_is_ahead_of_the_folder_is_left_alone(db: Database, fresh: str, folder: Path) -> None:
    (folder / "20990101000000_newer.sql").write_text("select 1", encoding="utf-8")
    assert db("migrate", "--dir", folder, url=fresh).exit_code == 0
    result = db("migrate", url=fresh)
    assert result.exit_code == 1
    assert "20990101000000: applied in the database, but not in the folder" in result.stderr
    assert "MISSING migrations that agree: 20990101000000" in db("check", url=fresh).stdout


def test_a_file_from_the_past_is_not_slipped_in(db: Database, fresh: str, folder: Path) -> None:
    assert db("migrate", "--dir", folder, url=fresh).exit_code == 0
    (folder / "20000101000000_late.sql").write_text("select 1", encoding="utf-8")
    result = db("migrate", "--dir", folder, url=fresh)
    assert result.exit_code == 1
    assert "20000101000000_late.sql: older than" in result.stderr


def test_check_says_all_is_there(db: Database, fresh: str) -> None:
    db("migrate", url=fresh)
    result = db("check", url=fresh)
    assert result.exit_code == 0
    assert {line[:8] for line in result.stdout.splitlines()} == {"ok      "}
    findings = json.loads(db("check", "--json", url=fresh).stdout)
    assert [each["ok"] for each in findings] == [True] * len(result.stdout.splitlines())


@pytest.mark.parametrize(
    ("change", "lacks"),
    [
        ("drop table rejected_signals", "table rejected_signals"),
        ("drop view v_recent_trades", "view v_recent_trades"),
        ("alter table trade_logs drop column profile cascade", "table trade_logs: columns profile"),
        ("drop trigger trade_logs_keep_newest on trade_logs", "trigger that keeps the newest version"),
        ("alter table trade_logs disable row level security", "row level security on trade_logs"),
        ("alter view v_symbol_summary reset (security_invoker)", "view v_symbol_summary shows its reader's rows only"),
        ("revoke insert on trade_logs from service_role", "service_role may insert and select and"),
        ("grant delete on trade_logs to service_role", "on trade_logs, not delete and insert"),
        ("grant select on v_trading_summary to anon", "anon may nothing on v_trading_summary, not select"),
        ("revoke select on trade_logs from authenticated", "authenticated may select on trade_logs"),
        ("delete from supabase_migrations.schema_migrations where name = 'ledger_views'", FILES[-1]),
    ],
)  # fmt: skip
def test_check_names_what_is_missing(db: Database, cluster: Cluster, ready: str, change: str, lacks: str) -> None:
    url = cluster.url(cluster.create(ready))
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(change.encode())
    result = db("check", url=url)
    assert result.exit_code == 1
    assert any(line.startswith("MISSING ") and lacks in line for line in result.stdout.splitlines()), result.stdout


@pytest.fixture(scope="module")
def ready(cluster: Cluster) -> str:
    """A database that was migrated by the command; its name."""
    from vortex.adapters.postgres.migrations import migrate  # noqa: PLC0415  # as the command does

    name = cluster.create()
    migrate(cluster.dsn(name), MIGRATIONS)
    return name


def test_check_of_an_empty_database_lists_everything_and_changes_nothing(db: Database, fresh: str) -> None:
    result = db("check", url=fresh)
    assert result.exit_code == 1
    missing = [line.removeprefix("MISSING ") for line in result.stdout.splitlines() if line.startswith("MISSING")]
    assert [f"migration {name}" for name in FILES] == missing[: len(FILES)]
    assert {f"table {name}" for name in TABLES} | {f"view {name}" for name in VIEWS} <= set(missing)
    with psycopg.connect(fresh) as connection:
        query = "select count(*) from pg_namespace where nspname = 'supabase_migrations'"
        assert connection.execute(query).fetchone() == (0,)


def test_check_says_that_a_user_without_rights_cannot_write(db: Database, cluster: Cluster, ready: str) -> None:
    result = db("check", url=as_role(cluster.dsn(ready), "authenticated"))
    assert result.exit_code == 1
    assert "MISSING authenticated reads and writes trade_logs" in result.stdout


def test_a_postgresql_without_supabases_roles_is_enough(db: Database) -> None:
    with cluster(supabase_roles=False) as plain:
        url = plain.url("postgres")
        assert db("migrate", url=url).exit_code == 0
        result = db("check", url=url)
        assert result.exit_code == 0
        assert "no roles of Supabase here" in result.stdout


def test_what_is_printed_is_all_that_is_needed(db: Database, cluster: Cluster) -> None:
    printed = db("print")
    assert printed.exit_code == 0
    name = cluster.create()
    with psycopg.connect(cluster.dsn(name)) as connection:
        connection.execute(printed.stdout.encode())
        assert connection.execute("select count(*) from public.v_recent_trades").fetchone() == (0,)


@pytest.mark.parametrize("command", ["migrate", "check"])
@pytest.mark.parametrize(
    ("url", "code", "says"),
    [
        ("", 2, "expected DATABASE_URL in the environment or .env"),
        ("hunter2", 2, "DATABASE_URL = ***: expected postgresql://USER"),
        ("postgresql://u:hunter2@127.0.0.1:1/x", 1, "PostgreSQL at 127.0.0.1:1/x: cannot be reached"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(db: Database, command: str, url: str, code: int, says: str) -> None:
    result = db(command, url=url)
    assert result.exit_code == code
    (line,) = result.stderr.splitlines()
    assert says in line
    assert "hunter2" not in line


def test_a_folder_without_migrations_is_named(db: Database, tmp_path: Path, fresh: str) -> None:
    assert "no migrations there" in db("print", "--dir", tmp_path).stderr
    (tmp_path / "first.sql").write_text("", encoding="utf-8")
    result = db("migrate", "--dir", tmp_path, url=fresh)
    assert result.exit_code == 1
    assert "first.sql: expected a name of 14 digits" in result.stderr


@pytest.fixture(scope="session")
def supabase_cli(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real one, from its npm package."""
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(  # noqa: S603  # a package that we name
        ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(folder), "supabase@3"],  # noqa: S607  # whichever npm there is
        check=True, capture_output=True, timeout=600,
    )  # fmt: skip
    return folder / "node_modules" / ".bin" / "supabase"


@pytest.mark.chaos
@pytest.mark.parametrize("ours_first", [True, False])
def test_the_supabase_cli_and_we_take_turns(
    db: Database, cluster: Cluster, folder: Path, supabase_cli: Path, *, ours_first: bool
) -> None:
    url = cluster.url(cluster.create())

    def ours() -> None:
        result = db("migrate", "--dir", folder, url=url)
        assert result.exit_code == 0, result.stderr

    def theirs() -> None:
        done = subprocess.run(  # noqa: S603  # the tool under test
            [str(supabase_cli), "db", "push", "--db-url", url, "--workdir", str(folder.parents[1]), "--yes"],
            capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    turns = [ours, theirs, ours, theirs] if ours_first else [theirs, ours, theirs, ours]
    for number, turn in enumerate(turns):
        turn()
        assert db("check", "--dir", folder, url=url).exit_code == 0
        assert len(history(url)) == len(FILES) + number
        (folder / f"2099010100000{number}_turn.sql").write_text(f"create table turn{number} (x int);", encoding="utf-8")


@pytest.mark.parametrize("command", ["migrate", "print"])
def test_a_file_that_is_no_text_is_named(db: Database, folder: Path, command: str) -> None:
    (folder / "20990101000000_odd.sql").write_bytes(b"select '\xff';")
    result = db(command, "--dir", folder, url="postgresql://nobody@127.0.0.1:1/nothing")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1)
    assert "20990101000000_odd.sql: cannot be read as text in UTF-8" in result.stderr
