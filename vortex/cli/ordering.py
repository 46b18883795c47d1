"""Orders to a running system: pause, resume, flatten, halt, unhalt."""

from __future__ import annotations

from collections.abc import Callable

import typer

from vortex.cli.asking import Question
from vortex.cli.options import All, ConfigFiles, DataDir, Symbol, Url

ORDERS = {
    "pause": "Enter no more; open positions are managed. Survives a restart.",
    "resume": "End a pause.",
    "flatten": "Close now; whether entries are allowed stays as it is.",
    "halt": "Cancel entries, close, and enter no more until unhalt. Survives a restart.",
    "unhalt": "End a halt; with --all the kill switch too.",
}


def command_for(action: str) -> Callable[..., None]:
    """The command that gives this order for one symbol or all."""

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
        answer = Question(f"/api/{action}", url, data_dir, config).ask({"symbol": symbol})
        typer.echo(answer.label)
        typer.echo(f"{action}: {', '.join(answer.value['symbols'])}")

    return order
