"""VORTEX-7, a crash-proof scalping engine for Binance USD-M futures."""

# Every command imports what it needs when it runs: help costs nothing.

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from vortex import __version__

if TYPE_CHECKING:
    from rich.table import Table

    from vortex.app.life import Life
    from vortex.app.remote import Answer
    from vortex.config import Loaded

PAPER = Path("config/paper.toml")
NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]{1,18})?")
RICHEST = 1_000_000_000
"""USDT of a simulated account."""
PIPE_WIDTH = 240
"""Columns of a table that goes into a file or another program: nothing is folded."""
FAILURE, MISUSE, INTERNAL_FAILURE = 1, 2, 70
ENGINES = ("E1", "E2", "E3", "E4", "E5")
UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer has no public name for the base

app = typer.Typer(add_completion=True, pretty_exceptions_enable=False, help=__doc__)


def _finite(value: float | None) -> float | None:
    if value is not None and not isfinite(value):
        raise typer.BadParameter("a finite number is expected")
    return value


def _money(value: str) -> str:
    money = Decimal(value) if NUMBER.fullmatch(value) else Decimal(0)
    if not 0 < money <= RICHEST:
        raise typer.BadParameter(f"{value[:60]!r}: an amount above 0 and up to {RICHEST} is expected")
    return value


ConfigFiles = Annotated[list[Path] | None, typer.Option("--config", help="TOML file; repeatable, later ones win.")]
Pairs = Annotated[str | None, typer.Option(help="Trading pairs, comma separated.")]
DataDir = Annotated[Path | None, typer.Option(help="State of this mode and account.")]
Url = Annotated[str | None, typer.Option(help="Control API of a running system.")]
Symbol = Annotated[str | None, typer.Argument(help="The symbol, e.g. BTCUSDT.")]
All = Annotated[bool, typer.Option("--all", help="All symbols.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]
Seconds = Annotated[float | None, typer.Option("--for", min=0, callback=_finite, help="Stop after so many seconds.")]
Delay = Annotated[float, typer.Option(min=0, max=10_000, callback=_finite, help="Median, ms of exchange time.")]


@app.command()
def start(config: ConfigFiles = None, pairs: Pairs = None, seconds: Seconds = None, data_dir: DataDir = None) -> None:
    """Run the system in the foreground; without --config the paper system."""
    from vortex.app.life import Life

    life = Life()
    life.handle_signals()
    read = _reader(config or [PAPER], pairs=pairs, data_dir=data_dir)
    loaded = _checked(read)
    from vortex.app import logs

    logs.set_up(loaded.config)
    raise typer.Exit(_run(loaded, life, seconds, read))


@app.command()
def sim(
    market: Annotated[list[str] | None, typer.Option(help="[SYMBOL[,SYMBOL...]=]CAPTURE; repeatable.")] = None,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    speed: Annotated[
        float, typer.Option(min=0.1, max=100, callback=_finite, help="Of the whole exchange's clock.")
    ] = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    balance: Annotated[str, typer.Option(callback=_money, help="USDT.")] = "10000",
    key: Annotated[str, typer.Option()] = "paper",
    secret: Annotated[str, typer.Option()] = "paper",
    state: Annotated[Path | None, typer.Option(help="File that keeps the exchange across restarts.")] = None,
    market_latency_ms: Delay = 20.0,
    order_latency_ms: Delay = 60.0,
    latency_sigma: Annotated[float, typer.Option(min=0, max=2, callback=_finite)] = 0.25,
    parent_pid: Annotated[int | None, typer.Option(help="End when this process has ended.")] = None,
) -> None:
    """Run the Binance USD-M exchange on localhost."""
    from vortex.app import logs
    from vortex.config import Config
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
        market_latency_ms=market_latency_ms,
        order_latency_ms=order_latency_ms,
        latency_sigma=latency_sigma,
        parent_pid=parent_pid,
    )
    logs.set_up(Config(), prefix="simulator: ")
    raise typer.Exit(run(options))


@app.command()
def status(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show a running system: symbols, positions, engines, feeds."""
    answer = _read("/api/status", url, data_dir, config)
    _show(answer, _print_status, as_json=as_json)


@app.command()
def actors(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show the tree of actors with states and restarts."""
    columns = {
        "path": "actor", "state": "state", "generation": "generation", "restarts": "restarts", "mailbox": "mailbox",
        "dead_letters": "dead letters", "last_error": "last error",
    }  # fmt: skip
    answer = _read("/api/actors", url, data_dir, config)
    _show(answer, lambda rows: _print_rows(columns, _as_tree(rows)), as_json=as_json)


@app.command()
def trades(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest trades of the ledger."""
    columns = {
        "opened_at": "opened UTC", "symbol": "symbol", "side": "side", "strategy": "by", "quantity": "quantity",
        "entry_price": "entry", "exit_price": "exit", "status": "status", "close_reason": "reason",
        "pnl_net_usdt": "net USDT",
    }  # fmt: skip
    answer = _read(f"/api/trades?limit={limit}", url, data_dir, config)
    _show(answer, lambda rows: _print_rows(columns, rows), as_json=as_json)


@app.command()
def rejects(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest rejected signals."""
    columns = {
        "created_at": "at UTC", "symbol": "symbol", "action": "side", "strategy": "by", "rejection_reason": "reason",
        "count": "count", "confidence": "confidence", "final_score": "score",
    }  # fmt: skip
    answer = _read(f"/api/rejects?limit={limit}", url, data_dir, config)
    _show(answer, lambda rows: _print_rows(columns, rows), as_json=as_json)


@app.command()
def pause(
    symbol: Symbol = None,
    everything: All = False,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """Enter no more; open positions are managed. Survives a restart."""
    _operate("pause", symbol, everything, url, data_dir, config)


@app.command()
def resume(
    symbol: Symbol = None,
    everything: All = False,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """End a pause."""
    _operate("resume", symbol, everything, url, data_dir, config)


@app.command()
def flatten(
    symbol: Symbol = None,
    everything: All = False,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """Close now; whether entries are allowed stays as it is."""
    _operate("flatten", symbol, everything, url, data_dir, config)


@app.command()
def halt(
    symbol: Symbol = None,
    everything: All = False,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """Cancel entries, close, and enter no more until unhalt. Survives a restart."""
    _operate("halt", symbol, everything, url, data_dir, config)


@app.command()
def unhalt(
    symbol: Symbol = None,
    everything: All = False,
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
) -> None:
    """End a halt; with --all the kill switch too."""
    _operate("unhalt", symbol, everything, url, data_dir, config)


@app.command("show-config")
def show_config(config: ConfigFiles = None, pairs: Pairs = None, as_json: Json = False) -> None:
    """Show the effective configuration with the origin of every value; secrets are masked."""
    from vortex.config import effective

    settings = effective(_load(config or [PAPER], pairs=pairs))
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
    """Run the command line; what is wrong with it is said in one line."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except UsageError as error:
        show = getattr(error, "format_message", error.__str__)
        sys.stderr.write(f"vortex: {' '.join(show().split())}\n")
        code = MISUSE
    sys.exit(code)


# ------------------------------------------------------------------------------------------------------------- helpers


def _run(loaded: Loaded, life: Life, seconds: float | None, read: Callable[[], Loaded]) -> int:
    from loguru import logger

    from vortex.adapters.sqlite.connect import StoreError
    from vortex.app import live
    from vortex.app.data_dir import AlreadyRunningError
    from vortex.app.sim_child import SimulatorFailedError
    from vortex.config import ConfigError

    try:
        return live.run(loaded, life, seconds, read=read)
    except ConfigError as error:
        _fail(str(error), MISUSE)
    except (AlreadyRunningError, SimulatorFailedError, StoreError, OSError) as error:
        _fail(str(error), FAILURE)
    except Exception as error:  # noqa: BLE001  # our own mistake: its traceback goes through the log, which masks secrets
        logger.opt(exception=error).critical("internal failure")
        return INTERNAL_FAILURE


def _reader(files: Sequence[Path], *, pairs: str | None = None, data_dir: Path | None = None) -> Callable[[], Loaded]:
    """Reads this configuration, now and whenever it is to be read again."""
    from functools import partial

    from vortex.config import load

    overrides: dict[str, object] = {}
    if pairs is not None:
        overrides["trading_pairs"] = pairs
    if data_dir is not None:
        overrides["data_dir"] = str(data_dir)
    return partial(load, files, dict(os.environ), overrides, env_file=Path(".env"))


def _checked(read: Callable[[], Loaded]) -> Loaded:
    from vortex.config import ConfigError

    try:
        return read()
    except ConfigError as error:
        _fail(str(error), MISUSE)


def _load(files: Sequence[Path], *, pairs: str | None = None) -> Loaded:
    return _checked(_reader(files, pairs=pairs))


def _operate(
    action: str,
    symbol: str | None,
    everything: bool,  # noqa: FBT001  # the flag as typer hands it over
    url: str | None,
    data_dir: Path | None,
    files: Sequence[Path] | None,
) -> None:
    """Give an order about one symbol or, only when that is said, about all."""
    if (symbol is None) != everything:
        raise typer.BadParameter(f"write either a symbol or --all: vortex {action} BTCUSDT, or vortex {action} --all")
    answer = _read(f"/api/{action}", url, data_dir, files, order={"symbol": symbol})
    typer.echo(answer.label)
    typer.echo(f"{action}: {', '.join(answer.value['symbols'])}")


def _read(
    path: str,
    url: str | None,
    data_dir: Path | None,
    files: Sequence[Path] | None,
    order: Mapping[str, object] | None = None,
) -> Answer:
    """Ask or order a running system; none running ends the command with 1."""
    from vortex.app.data_dir import read_run
    from vortex.app.remote import NoAnswerError, UnusableUrlError, ask
    from vortex.config import ConfigError

    # A reader needs the data directory and the token; it may run where no profile lies.
    config = _load(files or ([PAPER] if PAPER.exists() else [])).config
    where = data_dir or Path(config.data_dir)
    try:
        run = None if url is not None else read_run(where)
        if url is None and run is None:
            _fail(f"no system is running with data directory {where}", FAILURE)
        return ask(url or (run.control_url if run else ""), path, config.control.token.reveal(), order)
    except UnusableUrlError as error:
        _fail(str(error), MISUSE)
    except (NoAnswerError, ConfigError) as error:
        _fail(str(error), FAILURE)


def _fail(text: str, code: int) -> NoReturn:
    sys.stderr.write(f"vortex: {text}\n")
    raise typer.Exit(code)


def _show(answer: Answer, show: Callable[[Any], None], *, as_json: bool) -> None:
    """Print a reply under the label of its run; JSON goes out as it came in."""
    if as_json:
        _print_json(answer.value)
        return
    typer.echo(answer.label)
    show(answer.value)


def _print_status(answer: Mapping[str, Any]) -> None:
    money, outbox = answer["account"], answer["outbox"]
    typer.echo(
        f"{'ready' if answer['ready'] else 'NOT READY'}, up {answer['uptime_s']} s; "
        f"equity {_cell(money['equity_usdt'])} USDT, today {_cell(money['daily_pnl_usdt'])}; "
        f"{_cell(outbox['pending'])} rows wait for the ledger"
    )
    positions = _table("symbol", "state", "position", "stop", "decision", "score")
    engines = _table("symbol", *ENGINES, "depth20", "markPrice", "user")
    for symbol, each in answer["symbols"].items():
        decision, held, feeds = each["decision"] or {}, each["position"], each["feeds"]
        words = (decision.get("action"), decision.get("strategy") or " ".join(decision.get("reasons", ())[:1]))
        positions.add_row(
            *(symbol, _cell(each["state"])),
            f"{held['side']} {held['quantity']} @ {held['entry_price']}" if held else "flat",
            {None: "-", True: "yes", False: "NO"}[each["protected"]],
            " ".join(filter(None, words)) or "-",
            _cell(decision.get("final_score")),
        )
        scores = (_cell(each["engines"][engine]["score"]) for engine in ENGINES)
        engines.add_row(symbol, *scores, *(_age(feeds[name]) for name in ("depth20", "markPrice", "user")))
    _print(positions, engines)
    for gate in answer["gates"]:
        typer.echo(f"gate {gate['gate']} of {gate['symbol'] or 'the account'} is closed: {gate['detail']}")


def _table(*columns: str) -> Table:
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _print(*tables: Table) -> None:
    from rich.console import Console

    folds = sys.stdout.isatty() or "COLUMNS" in os.environ
    Console(width=None if folds else PIPE_WIDTH, markup=False, highlight=False).print(*tables, sep="\n")


def _print_rows(columns: Mapping[str, str], rows: Iterable[Mapping[str, Any]]) -> None:
    table = _table(*columns.values())
    for row in rows:
        table.add_row(*(_time(row.get(name)) if name.endswith("_at") else _cell(row.get(name)) for name in columns))
    _print(table)


def _as_tree(rows: Sequence[Mapping[str, Any]]) -> Iterable[Mapping[str, Any]]:
    """Every actor below its supervisor, indented; siblings in the order in which they started."""
    below: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        below.setdefault(row["path"].rpartition("/")[0], []).append(row)

    def tree(above: str, indent: str) -> Iterable[Mapping[str, Any]]:
        for row in below.get(above, ()):
            name = row["path"].rpartition("/")[2]
            yield {**row, "path": name if name == "root" else indent + name}
            yield from tree(row["path"], indent + "  ")

    return tree("", "  ")


def _cell(value: object) -> str:
    """What a cell shows; control characters would reach the terminal."""
    if value is None:
        return "-"
    text = f"{value:+.2f}" if isinstance(value, float) else str(value)
    return "".join(character if character.isprintable() else "?" for character in text)


def _age(age_ms: int | None) -> str:
    return "-" if age_ms is None else f"{age_ms} ms"


def _time(ts_ms: object) -> str:
    if not isinstance(ts_ms, int):
        return "-"
    from datetime import UTC, datetime

    return datetime.fromtimestamp(ts_ms / 1000, UTC).strftime("%m-%d %H:%M:%S")


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
