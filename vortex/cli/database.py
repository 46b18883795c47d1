"""`vortex db`: the tables and views of a ledger in PostgreSQL or Supabase, through DATABASE_URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from vortex.cli.asking import FAILURE, MISUSE, checked, fail, print_json, usual_files
from vortex.cli.options import ConfigFiles, Json

app = typer.Typer(help="Tables and views of a ledger in PostgreSQL or Supabase.")

Folder = Annotated[Path, typer.Option("--dir", help="Folder of the migrations.")]
MIGRATIONS = Path("supabase/migrations")


@app.command()
def migrate(config: ConfigFiles = None, folder: Folder = MIGRATIONS) -> None:
    """Apply the migrations that the database of DATABASE_URL does not have yet."""
    from vortex.adapters.postgres.migrations import migrate

    with _in_one_line():
        done = migrate(_dsn(config), folder)
    for migration in done:
        typer.echo(f"applied {migration}")
    if not done:
        typer.echo("nothing to do: all migrations are applied")


@app.command()
def check(config: ConfigFiles = None, folder: Folder = MIGRATIONS, as_json: Json = False) -> None:
    """Look whether the database of DATABASE_URL has all that the ledger needs; changes nothing."""
    from vortex.adapters.postgres.inspection import inspect

    with _in_one_line():
        findings = inspect(_dsn(config), folder)
    if as_json:
        print_json([{"ok": each.ok, "what": each.what} for each in findings])
    else:
        for each in findings:
            typer.echo(str(each))
    raise typer.Exit(0 if all(each.ok for each in findings) else FAILURE)


@app.command("print")
def show(folder: Folder = MIGRATIONS) -> None:
    """Print all migrations as one SQL text, to paste where only an SQL editor is at hand."""
    from vortex.adapters.postgres.migrations import on_disk

    with _in_one_line():
        for migration in on_disk(folder):
            typer.echo(f"-- {migration}\n{migration.sql}")


def _dsn(files: list[Path] | None) -> str:
    """The connection string, also where the mode would not use it; none ends the command with 2."""
    import os
    from functools import partial

    from vortex.config import load

    anywhere = {"cold_store.kind": "postgres", "cold_store.allow_paper_remote": True, "mode": "paper"}
    found = files or usual_files()
    read = partial(load, found, dict(os.environ), anywhere, env_file=Path(".env"))
    return checked(read).config.cold_store.database_url.reveal()


@contextmanager
def _in_one_line() -> Iterator[None]:
    """What cannot be done ends the command with 1, a connection string that cannot be read with 2."""
    from vortex.adapters.postgres.connection import UnusableDsnError
    from vortex.adapters.postgres.migrations import MigrationError

    try:
        yield
    except UnusableDsnError as error:
        fail(f"DATABASE_URL = ***: {error}", MISUSE)
    except MigrationError as error:
        fail(str(error), FAILURE)
