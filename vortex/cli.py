"""VORTEX-7, a crash-proof scalping engine for Binance USD-M futures."""

# Every command imports what it needs when it runs: help costs nothing.

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn
from urllib.parse import quote

import typer

from vortex import __version__

if TYPE_CHECKING:
    from vortex.app.life import Life
    from vortex.app.remote import Answer
    from vortex.config import Loaded

PAPER = Path("config/paper.toml")
NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]{1,18})?")
RICHEST = 1_000_000_000
"""USDT of a simulated account."""
BINANCE = "https://fapi.binance.com"
FAILURE, MISUSE, INTERNAL_FAILURE = 1, 2, 70
ORDERS = {
    "pause": "Enter no more; open positions are managed. Survives a restart.",
    "resume": "End a pause.",
    "flatten": "Close now; whether entries are allowed stays as it is.",
    "halt": "Cancel entries, close, and enter no more until unhalt. Survives a restart.",
    "unhalt": "End a halt; with --all the kill switch too.",
}
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
LiveUrl = Annotated[str, typer.Option(envvar="VORTEX_LIVE_URL", help="Binance, or a simulator on this machine.")]
Speed = Annotated[float, typer.Option(min=0.1, max=100, callback=_finite, help="Of the whole exchange's clock.")]
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
    market: Annotated[list[str] | None, typer.Option(help="[SYMBOL[,SYMBOL...]=]FILE, synthetic:N, live.")] = None,
    host: Annotated[str, typer.Option()] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8790,
    speed: Speed = 1.0,
    seed: Annotated[int, typer.Option(min=0)] = 7,
    balance: Annotated[str, typer.Option(callback=_money, help="USDT.")] = "10000",
    key: Annotated[str, typer.Option()] = "paper",
    secret: Annotated[str, typer.Option()] = "paper",
    state: Annotated[Path | None, typer.Option(help="File that keeps the exchange across restarts.")] = None,
    market_latency_ms: Delay = 20.0,
    order_latency_ms: Delay = 60.0,
    latency_sigma: Annotated[float, typer.Option(min=0, max=2, callback=_finite)] = 0.25,
    live_url: LiveUrl = BINANCE,
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
        live_url=live_url,
        parent_pid=parent_pid,
    )
    logs.set_up(Config(), prefix="simulator: ")
    raise typer.Exit(run(options))


@app.command()
def status(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show a running system: symbols, positions, engines, feeds."""
    answer = _read("/api/status", url, data_dir, config)
    _show(answer, "status", as_json=as_json)


@app.command()
def actors(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show the tree of actors with states and restarts."""
    answer = _read("/api/actors", url, data_dir, config)
    _show(answer, "actors", as_json=as_json)


@app.command()
def trades(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest trades of the ledger."""
    answer = _read(f"/api/trades?limit={limit}", url, data_dir, config)
    _show(answer, "trades", as_json=as_json)


@app.command()
def rejects(
    url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """Show the newest rejected signals."""
    answer = _read(f"/api/rejects?limit={limit}", url, data_dir, config)
    _show(answer, "rejects", as_json=as_json)


@app.command()
def why(
    name: Annotated[str, typer.Argument(metavar="ID", help="Of a decision, trade or reject; or a symbol: now.")],
    url: Url = None,
    data_dir: DataDir = None,
    config: ConfigFiles = None,
    as_json: Json = False,
) -> None:
    """Show why: scores, inequalities, gates, the bracket, and the smallest change that would have passed."""
    answer = _read(f"/api/decisions/{quote(name, safe='')}", url, data_dir, config)
    _show(answer, "why", as_json=as_json)


@app.command()
def stats(url: Url = None, data_dir: DataDir = None, config: ConfigFiles = None, as_json: Json = False) -> None:
    """Show what closed trades earned and what that proves."""
    answer = _read("/api/stats", url, data_dir, config)
    _show(answer, "stats", as_json=as_json)


def _add_order(action: str, words: str) -> None:
    def order(
        symbol: Symbol = None,
        everything: All = False,
        url: Url = None,
        data_dir: DataDir = None,
        config: ConfigFiles = None,
    ) -> None:
        if (symbol is None) != everything:
            both = f"vortex {action} BTCUSDT, or vortex {action} --all"
            raise typer.BadParameter(f"write either a symbol or --all: {both}")
        answer = _read(f"/api/{action}", url, data_dir, config, order={"symbol": symbol})
        typer.echo(answer.label)
        typer.echo(f"{action}: {', '.join(answer.value['symbols'])}")

    app.command(action, help=words)(order)


for _action, _words in ORDERS.items():
    _add_order(_action, _words)


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
def replay(file: Annotated[Path, typer.Argument(help="What `[runtime] record = true` wrote.")]) -> None:
    """Run a recorded run again; fails where a decision or an order is not the same."""
    import logging

    from loguru import logger

    from vortex.app.live import label_of
    from vortex.app.replay.entries import RecordError
    from vortex.app.replay.recording import read
    from vortex.app.replay.rerun import rerun

    logger.disable("vortex")
    logging.disable()  # the crashes of the recorded run happen again
    try:
        record = read(file)
        again = rerun(record)
    except (RecordError, OSError) as error:
        _fail(str(error), FAILURE)
    finally:
        logging.disable(logging.NOTSET)
        logger.enable("vortex")
    typer.echo(label_of(record.header.labels))
    counts = f"{len(again.decisions)} decisions and {len(again.requests)} requests to the exchange"
    cut = "" if record.whole else " up to where the file breaks off"
    typer.echo(f"{again.entries} entries{cut}, {again.actors} actors: {counts}")
    if again.difference is not None:
        _fail(again.difference, FAILURE)
    typer.echo(f"all as recorded, digest {again.digest}")


@app.command()
def record(
    symbols: Annotated[str, typer.Option(help="Comma separated, one file each at a time.")] = "BTCUSDT,ETHUSDT",
    out: Annotated[Path, typer.Option(help="Folder of the files; made when it is not there.")] = Path("captures"),
    seconds: Seconds = None,
    rotate_mib: Annotated[float, typer.Option(min=0.001, max=4096, help="Begin the next file at this size.")] = 64.0,
    url: LiveUrl = BINANCE,
    verify: Annotated[Path | None, typer.Option(help="Only look whether this file replays.")] = None,
) -> None:
    """Record public market data into files that `sim --market` plays; every finished file is checked."""
    from vortex.app import logs
    from vortex.app.record import MIB, Job, run
    from vortex.app.record_file import verify as verdict_on
    from vortex.config import Config
    from vortex.sim.server.peer import peer_at

    if verify is not None:
        verdict = verdict_on(verify)
        typer.echo(str(verdict))
        raise typer.Exit(0 if verdict.problem is None else FAILURE)
    try:
        peer = peer_at(url)
    except ValueError as error:
        _fail(str(error), MISUSE)
    names = tuple(dict.fromkeys(name for name in symbols.upper().split(",") if name))
    logs.set_up(Config(), prefix="record: ")
    size = round(rotate_mib * MIB)
    raise typer.Exit(run(Job(peer=peer, symbols=names, out=out, seconds=seconds, rotate_bytes=size)))


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


def _show(answer: Answer, kind: str, *, as_json: bool) -> None:
    """Print a reply under the label of its run; JSON goes out as it came in."""
    if as_json:
        _print_json(answer.value)
        return
    from vortex.pages import PAGES
    from vortex.tables import PRINTERS

    typer.echo(answer.label)
    if kind in PAGES:
        for line in PAGES[kind](answer.value):
            typer.echo(line)
    else:
        PRINTERS[kind](answer.value)


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2))
