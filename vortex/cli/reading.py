"""Commands that only look: at a running system, at the configuration."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote

import typer

from vortex import __version__
from vortex.cli import completing, following, sheets
from vortex.cli.asking import FAILURE, PAPER, Question, fail, fail_usage, load_config, page_of, print_json, show
from vortex.cli.options import ConfigFiles, DataDir, Follow, Json, Limit, Pairs, Url

if TYPE_CHECKING:
    from vortex.app.remote import Answer


def status(
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show a running system: symbols, positions, engines, feeds."""
    _page("status", Question("/api/status", url, data_dir, config), follow=follow, as_json=as_json)


def actors(
    path: Annotated[
        str | None, typer.Argument(help="Only this actor and those below it.", autocompletion=completing.actors)
    ] = None,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show the tree of actors with states and restarts."""
    question = Question("/api/actors", url, data_dir, config, pick=None if path is None else partial(_below, path))
    _page("actors", question, follow=follow, as_json=as_json)


def trades(
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    limit: Limit = 20,
    follow: Follow = False,
    as_json: Json = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV (RFC 4180), all columns.")] = False,
) -> None:
    """Show the newest trades of the ledger; -f adds each that opens or changes."""
    if as_json and as_csv:
        fail_usage("write either --json or --csv")
    question = _question("trades", url, data_dir, config, limit, follow=follow)
    if as_csv:
        _csv(question, limit, follow=follow)
    else:
        _rows("trades", question, limit, follow=follow, as_json=as_json)


def rejects(
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    limit: Limit = 20,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show the newest rejected signals; -f adds each new one."""
    question = _question("rejects", url, data_dir, config, limit, follow=follow)
    _rows("rejects", question, limit, follow=follow, as_json=as_json)


def why(
    name: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="Of a decision, trade or reject; or a symbol: now.", autocompletion=completing.symbols
        ),
    ],
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show why: scores, inequalities, gates, the bracket, and the smallest change that would have passed."""
    question = Question(f"/api/decisions/{quote(name, safe='')}", url, data_dir, config)
    _page("why", question, follow=follow, as_json=as_json)


def stats(
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    follow: Follow = False,
    as_json: Json = False,
) -> None:
    """Show what closed trades earned and what that proves."""
    question = Question("/api/stats", url, data_dir, config)
    _page("stats", question, follow=follow, as_json=as_json, every_s=following.SELDOM_S)


def show_config(config: ConfigFiles = None, pairs: Pairs = None, as_json: Json = False) -> None:
    """Show the effective configuration with the origin of every value; secrets are masked."""
    from vortex.config import effective

    settings = effective(load_config(config or [PAPER], pairs=pairs))
    if as_json:
        print_json([{"key": each.key, "value": each.value, "origin": each.origin} for each in settings])
        return
    for each in settings:
        typer.echo(f"{each.key} = {json.dumps(each.value)}  # {each.origin}")


def version(as_json: Json = False) -> None:
    """Show the version."""
    if as_json:
        print_json({"version": __version__})
    else:
        typer.echo(__version__)


def _below(path: str, rows: list[Any]) -> list[Any]:
    """This actor and those below it; none ends the command with 1."""
    found = [row for row in rows if f"{row['path']}/".startswith(f"{path}/")]
    if not found:
        fail(f"no actor {path!r} runs", FAILURE)
    return found


def _page(kind: str, question: Question, *, follow: bool, as_json: bool, every_s: float = following.EVERY_S) -> None:
    """An answer that is shown whole."""
    if follow:
        following.until_interrupted(following.pages(question.ask, page_of(kind), as_json=as_json), every_s)
    else:
        show(question.ask(), kind, as_json=as_json)


def _question(
    kind: str, url: str | None, data_dir: Path | None, config: list[Path] | None, limit: int, *, follow: bool
) -> Question:
    """For the newest rows; a follower asks for more than it shows at first, so that none slips by."""
    return Question(f"/api/{kind}?limit={max(limit, following.WINDOW) if follow else limit}", url, data_dir, config)


def _rows(kind: str, question: Question, limit: int, *, follow: bool, as_json: bool) -> None:
    """An answer of rows, newest first; followed they come oldest first, JSON one row a line."""
    if not follow:
        show(question.ask(), kind, as_json=as_json)
        return
    from vortex.cli.tables import REJECTS, TRADES, RowTable

    table: RowTable | None = None

    def write(answer: Answer, fresh: Sequence[Any]) -> None:
        nonlocal table
        if as_json:
            lines = [json.dumps(row) for row in fresh]
        elif table is None:
            table = RowTable({"trades": TRADES, "rejects": REJECTS}[kind], fresh)
            lines = [answer.label, *table.lines()]
        else:
            lines = [line for row in fresh for line in table.more(row)]
        for line in lines:
            typer.echo(line)

    following.until_interrupted(following.rows(question.ask, write, _identity, limit))


def _csv(question: Question, limit: int, *, follow: bool) -> None:
    """Trades as CSV; the lines of a followed one go on."""
    lines = [sheets.header()]

    def write(_: Answer, fresh: Sequence[Any]) -> None:
        lines.extend(map(sheets.trade_line, fresh))
        for line in lines:
            typer.echo(line + "\r")  # RFC 4180 ends lines so
        lines.clear()

    if follow:
        following.until_interrupted(following.rows(question.ask, write, _identity, limit))
    else:
        answer = question.ask()
        write(answer, answer.value)


def _identity(row: Any) -> tuple[object, object]:
    """What makes a row another one: a trade is written again when it closes."""
    return row["id"], row.get("revision")
