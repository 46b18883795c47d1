"""The command line on one page: every command, in the order in which help lists them."""

from __future__ import annotations

import sys

import typer

from vortex.cli import checking, dashboard, ordering, outbox, reading, recording, running, telling
from vortex.cli.asking import MISUSE

UsageError: type[Exception] = typer.BadParameter.__bases__[0]  # typer has no public name for the base

app = typer.Typer(
    add_completion=True,
    pretty_exceptions_enable=False,
    help="VORTEX-7, a crash-proof scalping engine for Binance USD-M futures.",
)

app.command()(running.start)
app.command()(running.sim)
app.command()(reading.status)
app.command()(reading.actors)
app.command()(reading.trades)
app.command()(reading.rejects)
app.command()(reading.why)
app.command()(reading.stats)
for _action, _words in ordering.ORDERS.items():
    app.command(_action, help=_words)(ordering.command_for(_action))
app.command()(checking.doctor)
app.add_typer(outbox.app, name="outbox")
app.command()(checking.init)
app.command("show-config")(reading.show_config)
app.add_typer(telling.app, name="notify")
app.command()(recording.replay)
app.command()(recording.record)
app.command()(dashboard.dashboard)
app.command()(reading.version)


def main() -> None:
    """Run the command line; what is wrong with it is said in one line."""
    try:
        code = app(sys.argv[1:] or ["--help"], standalone_mode=False)
    except UsageError as error:
        show = getattr(error, "format_message", error.__str__)
        sys.stderr.write(f"vortex: {' '.join(show().split())}\n")
        code = MISUSE
    sys.exit(code)
