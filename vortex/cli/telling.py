"""`vortex notify test`: whether people can be told."""

from __future__ import annotations

import typer

from vortex.cli.asking import FAILURE, PAPER, load_config
from vortex.cli.options import ConfigFiles

app = typer.Typer(help="Tell people: notifications.", no_args_is_help=True)


@app.callback()
def notify() -> None:
    """Tell people: notifications."""


@app.command("test")
def send_test(config: ConfigFiles = None) -> None:
    """Send a test message to every address of notify.urls."""
    from vortex.app import logs, notifying
    from vortex.app.preflight import Verdict

    loaded = load_config(config or [PAPER])
    logs.set_up(loaded.config)
    found = notifying.check(loaded.config)
    typer.echo(str(found))
    if found.verdict is not Verdict.OK:
        raise typer.Exit(FAILURE)
