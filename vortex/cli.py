"""The command line. Every command imports what it needs when it runs: help costs nothing."""

from __future__ import annotations

import json
import os
import sys
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from vortex import __version__

if TYPE_CHECKING:
    from vortex.config import Loaded

PAPER = Path("config/paper.toml")
READ_TIMEOUT_S = 5.0
MISUSE = 2

app = typer.Typer(no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, help=__doc__)

ConfigFiles = Annotated[list[Path] | None, typer.Option("--config", help="TOML file; repeatable, later ones win.")]
Pairs = Annotated[str | None, typer.Option(help="Trading pairs, comma separated.")]
DataDir = Annotated[Path | None, typer.Option(help="State of this mode and account.")]
Url = Annotated[str | None, typer.Option(help="Control API of a running system.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]


@app.command()
def start(
    config: ConfigFiles = None,
    pairs: Pairs = None,
    seconds: Annotated[float | None, typer.Option("--for", min=0, help="Stop after this many seconds.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Run the system in the foreground; without --config the paper system."""
    import signal

    loaded = _load(config, pairs=pairs, data_dir=data_dir)
    from vortex.adapters.sqlite.connect import StoreError
    from vortex.app import live, logs
    from vortex.app.data_dir import AlreadyRunningError
    from vortex.app.sim_child import SimulatorFailedError
    from vortex.config import ConfigError

    logs.set_up(loaded.config.log)
    life = live.Life(hard_exit=os._exit)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, life.on_signal)
    try:
        code = live.run(loaded.config, life, seconds)
    except ConfigError as error:
        _fail(str(error), MISUSE)
    except (AlreadyRunningError, SimulatorFailedError, StoreError, OSError, ValueError) as error:
        _fail(str(error), 1)
    raise typer.Exit(code)


@app.command()
def sim(
    market: Annotated[list[str] | None, typer.Option(help="[SYMBOL[,SYMBOL...]=]CAPTURE; repeatable.")] = None,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    speed: Annotated[float, typer.Option(min=0.1, max=100, help="Of the whole exchange's clock.")] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    balance: Annotated[str, typer.Option(help="USDT.")] = "10000",
    key: Annotated[str, typer.Option()] = "paper",
    secret: Annotated[str, typer.Option()] = "paper",
    state: Annotated[Path | None, typer.Option(help="File that keeps the exchange across restarts.")] = None,
    parent_pid: Annotated[int | None, typer.Option(help="End when this process has ended.")] = None,
) -> None:
    """Run the Binance USD-M exchange on localhost."""
    from vortex.sim.server.app import run
    from vortex.sim.server.options import SimOptions

    options = SimOptions(
        markets=tuple(market or ()),
        host=host,
        port=port,
        speed=speed,
        seed=seed,
        balance_usdt=Decimal(balance),
        key=key,
        secret=secret,
        state=state,
        parent_pid=parent_pid,
    )
    raise typer.Exit(run(options))


@app.command()
def status(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show a running system: symbols, positions, engines, feeds."""
    answer = _read("/api/status", url, data_dir, config)
    if as_json:
        _print_json(answer)
        return
    _head(answer)
    table = _table(
        "symbol", "state", "position", "protected", "decision", "score", "E1", "E2", "E3", "E4", "E5", "book"
    )
    for symbol, each in answer["symbols"].items():
        decision, position = each["decision"] or {}, each["position"]
        held = f"{position['side']} {position['quantity']} @ {position['entry_price']}" if position else "flat"
        scores = [_number(each["engines"][engine]["score"]) for engine in ("E1", "E2", "E3", "E4", "E5")]
        act = " ".join(filter(None, (decision.get("action"), *decision.get("reasons", ())[:1])))
        table.add_row(
            *(symbol, each["state"], held, _yes(each["protected"]), act, _number(decision.get("final_score"))),
            *(*scores, f"{each['feeds']['depth20']} ms"),
        )
    Console().print(table)
    for gate in answer["gates"]:
        typer.echo(f"gate {gate['gate']} of {gate['symbol']} is closed: {gate['detail']}")


@app.command()
def actors(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show the tree of actors with states and restarts."""
    answer = _read("/api/actors", url, data_dir, config)
    if as_json:
        _print_json(answer)
        return
    columns = ("path", "state", "generation", "restarts", "mailbox", "dead_letters", "last_error")
    _print_rows(columns, answer)


@app.command()
def trades(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest trades of the ledger."""
    answer = _read(f"/api/trades?limit={limit}", url, data_dir, config)
    if as_json:
        _print_json(answer)
        return
    _head(_read("/api/status", url, data_dir, config))
    columns = ("opened_at", "symbol", "side", "strategy", "quantity", "entry_price", "exit_price", "status")
    _print_rows((*columns, "close_reason", "pnl_net_usdt"), answer)


@app.command()
def rejects(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest rejected signals."""
    answer = _read(f"/api/rejects?limit={limit}", url, data_dir, config)
    if as_json:
        _print_json(answer)
        return
    _head(_read("/api/status", url, data_dir, config))
    columns = ("created_at", "symbol", "action", "strategy", "rejection_reason", "count", "confidence", "final_score")
    _print_rows(columns, answer)


@app.command("show-config")
def show_config(config: ConfigFiles = None, pairs: Pairs = None, as_json: Json = False) -> None:
    """Show the effective configuration with the origin of every value; secrets are masked."""
    from vortex.config import effective

    settings = effective(_load(config, pairs=pairs))
    if as_json:
        _print_json([{"key": each.key, "value": each.value, "origin": each.origin} for each in settings])
        return
    for each in settings:
        typer.echo(f"{each.key} = {json.dumps(each.value)}  # {each.origin}")


@app.command()
def version() -> None:
    """Show the version."""
    typer.echo(__version__)


def main() -> None:
    """Run the command line."""
    app()


# ------------------------------------------------------------------------------------------------------------- helpers


def _load(files: Sequence[Path] | None, *, pairs: str | None = None, data_dir: Path | None = None) -> Loaded:
    from vortex.config import ConfigError, load

    overrides: dict[str, object] = {}
    if pairs is not None:
        overrides["trading_pairs"] = pairs
    if data_dir is not None:
        overrides["data_dir"] = str(data_dir)
    try:
        return load(files or [PAPER], os.environ, overrides, env_file=Path(".env"))
    except ConfigError as error:
        _fail(str(error), MISUSE)


def _read(path: str, url: str | None, data_dir: Path | None, files: Sequence[Path] | None) -> Any:
    """Ask a running system; none running ends the command with 1."""
    base = url or _running(data_dir, files)
    request = urllib.request.Request(base.rstrip("/") + path)
    token = os.environ.get("VORTEX__CONTROL__TOKEN")
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    try:
        with urllib.request.urlopen(request, timeout=READ_TIMEOUT_S) as reply:
            return json.load(reply)
    except urllib.error.HTTPError as error:
        _fail(f"{base}: {error.read().decode(errors='replace')}", 1)
    except OSError as error:
        _fail(f"{base}: nobody answers: {error}", 1)


def _running(data_dir: Path | None, files: Sequence[Path] | None) -> str:
    from vortex.app.data_dir import read_run

    where = data_dir or Path(_load(files).config.data_dir)
    run = read_run(where)
    if run is None:
        _fail(f"no system is running with data directory {where}", 1)
    return run.control_url


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"vortex: {text}\n")
    raise typer.Exit(code)


def _head(answer: Mapping[str, Any]) -> None:
    typer.echo(f"{answer['mode'].upper()} · {answer['profile']} · {answer['market_source']}")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print_rows(columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    table = _table(*columns)
    for row in rows:
        table.add_row(*(_cell(name, row.get(name)) for name in columns))
    Console().print(table)


def _cell(name: str, value: object) -> str:
    if value is None:
        return "-"
    if name.endswith("_at") and isinstance(value, int):
        from datetime import UTC, datetime

        return datetime.fromtimestamp(value / 1000, UTC).strftime("%H:%M:%S")
    return _number(value) if isinstance(value, float) else str(value)


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2f}"


def _yes(value: object) -> str:
    return "-" if value is None else "yes" if value else "NO"


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
