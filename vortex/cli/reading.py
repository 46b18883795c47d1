"""Commands that only look: at a running system, at the configuration."""

from __future__ import annotations

import json
from typing import Annotated
from urllib.parse import quote

import typer

from vortex import __version__
from vortex.cli.asking import PAPER, load_config, print_json, request, show
from vortex.cli.options import ConfigFiles, DataDir, Json, Limit, Pairs, Url


def status(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show a running system: symbols, positions, engines, feeds."""
    answer = request("/api/status", url, data_dir, config)
    show(answer, "status", as_json=as_json)


def actors(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show the tree of actors with states and restarts."""
    answer = request("/api/actors", url, data_dir, config)
    show(answer, "actors", as_json=as_json)


def trades(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest trades of the ledger."""
    answer = request(f"/api/trades?limit={limit}", url, data_dir, config)
    show(answer, "trades", as_json=as_json)


def rejects(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest rejected signals."""
    answer = request(f"/api/rejects?limit={limit}", url, data_dir, config)
    show(answer, "rejects", as_json=as_json)


def why(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a decision, trade or reject; or a symbol: now.")],
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    as_json: Json = False,
) -> None:
    """Show why: scores, inequalities, gates, the bracket, and the smallest change that would have passed."""
    answer = request(f"/api/decisions/{quote(name, safe='')}", url, data_dir, config)
    show(answer, "why", as_json=as_json)


def stats(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show what closed trades earned and what that proves."""
    answer = request("/api/stats", url, data_dir, config)
    show(answer, "stats", as_json=as_json)


def show_config(config: ConfigFiles = None, pairs: Pairs = None, as_json: Json = False) -> None:
    """Show the effective configuration with the origin of every value; secrets are masked."""
    from vortex.config import effective

    settings = effective(load_config(config or [PAPER], pairs=pairs))
    if as_json:
        print_json([{"key": each.key, "value": each.value, "origin": each.origin} for each in settings])
        return
    for each in settings:
        typer.echo(f"{each.key} = {json.dumps(each.value)}  # {each.origin}")


def version() -> None:
    """Show the version."""
    typer.echo(__version__)
