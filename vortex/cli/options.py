"""Options and arguments that commands share, and what is checked of them before anything else is loaded."""

from __future__ import annotations

import re
from decimal import Decimal
from math import isfinite
from pathlib import Path
from typing import Annotated

import typer

from vortex.cli import completing

NUMBER = re.compile(r"[0-9]{1,10}(\.[0-9]{1,18})?")
RICHEST = 1_000_000_000
"""USDT of a simulated account."""
BINANCE = "https://fapi.binance.com"


def finite(value: float | None) -> float | None:
    """Refuse NaN and infinity, which float() reads."""
    if value is not None and not isfinite(value):
        raise typer.BadParameter("a finite number is expected")
    return value


def money(value: str) -> str:
    """Refuse what is no plain amount of a simulated account, USDT."""
    amount = Decimal(value) if NUMBER.fullmatch(value) else Decimal(0)
    if not 0 < amount <= RICHEST:
        raise typer.BadParameter(f"{value[:60]!r}: an amount above 0 and up to {RICHEST} is expected")
    return value


ConfigFiles = Annotated[list[Path] | None, typer.Option("--config", help="TOML file; repeatable, later ones win.")]
Pairs = Annotated[str | None, typer.Option(help="Trading pairs, comma separated.")]
DataDir = Annotated[Path | None, typer.Option(help="State of this mode and account.")]
Url = Annotated[str | None, typer.Option(help="Control API of a running system.")]
Symbol = Annotated[str | None, typer.Argument(help="The symbol, e.g. BTCUSDT.", autocompletion=completing.symbols)]
All = Annotated[bool, typer.Option("--all", help="All symbols.")]
Follow = Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
RowId = Annotated[str | None, typer.Argument(metavar="ID", help="Of the row.")]
AllRows = Annotated[bool, typer.Option("--all", help="Every row that was set aside.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask.")]
Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")]
Seconds = Annotated[float | None, typer.Option("--for", min=0, callback=finite, help="Stop after so many seconds.")]
LiveUrl = Annotated[str, typer.Option(envvar="VORTEX_LIVE_URL", help="Binance, or a simulator on this machine.")]
Speed = Annotated[float, typer.Option(min=0.1, max=100, callback=finite, help="Of the whole exchange's clock.")]
Delay = Annotated[float, typer.Option(min=0, max=10_000, callback=finite, help="Median, ms of exchange time.")]
Sigma = Annotated[
    float, typer.Option(min=0, max=2, callback=finite, help="Of the logarithm of both delays; 0: constant.")
]
