"""Rows that are not in the ledger: those that wait, and those that were set aside. Works beside a running system."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vortex.cli.asking import FAILURE, data_directory, fail, print_json
from vortex.cli.options import AllRows, ConfigFiles, DataDir, Json, RowId, Yes

if TYPE_CHECKING:
    from vortex.app.outbox_desk import OutboxDesk

app = typer.Typer(help="Rows on their way to the ledger, and those that were set aside.")


@app.command("list")
def show(data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show the rows that wait for the ledger, and those that it, or a check of ours, refused."""
    from vortex.cli.tables import TABLES

    with _desk(data_directory(data_dir, config), label=not as_json) as desk:
        found = desk.listed()
    if as_json:
        print_json(found)
    else:
        for line in TABLES["outbox"](found):
            typer.echo(line)


@app.command()
def retry(
    row_id: RowId = None, everything: AllRows = False, data_dir: DataDir = None, config: ConfigFiles = None
) -> None:
    """Hand over again what was set aside."""
    _require_one("retry", row_id, everything=everything)
    with _desk(data_directory(data_dir, config)) as desk:
        _say(desk.retry(row_id), "will be handed over again", row_id)


@app.command()
def drop(
    row_id: RowId = None,
    everything: AllRows = False,
    yes: Yes = False,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """Throw away what was set aside; it will be in no ledger."""
    _require_one("drop", row_id, everything=everything)
    with _desk(data_directory(data_dir, config)) as desk:
        what = "every row that was set aside" if row_id is None else f"row {row_id}"
        if not yes and not typer.confirm(f"Throw away {what}? Nothing brings it back."):
            fail("nothing was thrown away", FAILURE)
        _say(desk.drop(row_id), "thrown away", row_id)


def _require_one(action: str, row_id: str | None, *, everything: bool) -> None:
    if (row_id is None) != everything:
        both = f"vortex outbox {action} ID, or vortex outbox {action} --all"
        raise typer.BadParameter(f"write either the id of a row or --all: {both}")


def _say(rows: int, done: str, row_id: str | None) -> None:
    if rows == 0 and row_id is not None:
        fail(f"no row {row_id!r} was set aside", FAILURE)
    typer.echo(f"{rows} {'row' if rows == 1 else 'rows'} {done}")


@contextmanager
def _desk(data_dir: Path, *, label: bool = True) -> Iterator[OutboxDesk]:
    """The outbox there, under the label of its run; what cannot be used ends the command with 1."""
    from vortex.adapters.sqlite.connect import StoreError
    from vortex.app.outbox_desk import label_of, open_desk
    from vortex.config import ConfigError
    from vortex.ports import UnwritableError

    try:
        with open_desk(data_dir) as desk:
            if label:
                typer.echo(label_of(data_dir))
            yield desk
    except (StoreError, UnwritableError, ConfigError) as error:
        fail(str(error), FAILURE)
