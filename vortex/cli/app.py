"""The command line on one page: every command, in the order in which help lists them, with examples."""

from __future__ import annotations

import sys
from collections.abc import Callable

import typer

from vortex.cli import checking, dashboard, database, ordering, outbox, reading, recording, running, telling
from vortex.cli.asking import MISUSE

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer has no public name for the base

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    help="VORTEX-7, a crash-proof scalping engine for Binance USD-M futures.",
    epilog="`vortex COMMAND --help` shows options and examples. First steps: vortex init, vortex doctor, vortex start.",
)

RUN, LOOK, ORDER, DATA = "Run", "Look at a running system", "Order a running system", "Market data, records, the ledger"
SET_UP = "Set up and check"


def command(panel: str, function: Callable[..., None], name: str, *examples: str, words: str | None = None) -> None:
    """Add a command; its help ends with the examples."""
    epilog = "\n\n".join(("Examples:", *(f"  {example}" for example in examples)))
    app.command(name, help=words, rich_help_panel=panel, epilog=epilog)(function)


command(RUN, running.start, "start", "vortex start", "vortex start --config config/prod.toml --pairs BTCUSDT,SOLUSDT")
command(RUN, running.sim, "sim", "vortex sim", "vortex sim --market BTCUSDT=synthetic:1 --speed 4 --port 0")
command(
    SET_UP, checking.init, "init", "vortex init", "vortex init demo --mode testnet --pairs BTCUSDT,SOLUSDT"
)  # fmt: skip
command(
    SET_UP, checking.doctor, "doctor", "vortex doctor", "vortex doctor --config config/prod.toml --canary",
    "vortex doctor --latency-from https://fapi.binance.com",
)  # fmt: skip
command(SET_UP, reading.show_config, "show-config", "vortex show-config", "vortex show-config --config my.toml --json")
app.add_typer(telling.app, name="notify", rich_help_panel=SET_UP)
command(SET_UP, reading.version, "version", "vortex version")
command(LOOK, reading.status, "status", "vortex status", "vortex status -f", "vortex status --data-dir var/live --json")
command(LOOK, reading.actors, "actors", "vortex actors", "vortex actors BTCUSDT -f")
command(
    LOOK, reading.trades, "trades", "vortex trades --limit 50", "vortex trades -f",
    "vortex trades --limit 1000 --csv > trades.csv",
)  # fmt: skip
command(LOOK, reading.rejects, "rejects", "vortex rejects", "vortex rejects -f --json")
command(LOOK, reading.why, "why", "vortex why BTCUSDT", "vortex why 6b0c6d0e-0f5c-5d0e-9f5e-3c1f0a2b4c6d")
command(LOOK, dashboard.dashboard, "dashboard", "vortex dashboard", "vortex dashboard --port 0 --data-dir var/live")
command(LOOK, reading.stats, "stats", "vortex stats", "vortex stats --json")
for _action, _words in ordering.ORDERS.items():
    command(
        ORDER,
        ordering.command_for(_action),
        _action,
        f"vortex {_action} BTCUSDT",
        f"vortex {_action} --all",
        words=_words,
    )
app.add_typer(database.app, name="db", rich_help_panel=DATA)
app.add_typer(outbox.app, name="outbox", rich_help_panel=DATA)
command(
    DATA,
    recording.record,
    "record",
    "vortex record --symbols BTCUSDT --for 3600",
    "vortex record --verify captures/X.gz",
)
command(DATA, recording.replay, "replay", "vortex replay var/paper/inputs-1753790400000.rec")


def main() -> None:
    """Run the command line; what is wrong with it is said in one line."""
    try:
        code = app(sys.argv[1:] or ["--help"], prog_name="vortex", standalone_mode=False)
    except UsageError as error:
        show = getattr(error, "format_message", error.__str__)
        sys.stderr.write(f"vortex: {' '.join(show().split())}\n")
        code = MISUSE
    sys.exit(code)
