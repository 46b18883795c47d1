"""How long `vortex --help` takes, against a program of two commands that imports nothing but typer."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from typing import Literal, TypeAlias

from msgspec import Struct

How: TypeAlias = Literal["vortex", "bare"]
TIMES = 9
BARE = """
import typer
app = typer.Typer(help="Two commands.")
@app.command()
def start(seconds: float = 1.0): "Start."
@app.command()
def stop(seconds: float = 1.0): "Stop."
app(["--help"])
"""
COMMANDS = {"vortex": ["-m", "vortex", "--help"], "bare": ["-c", BARE]}


class Help(Struct, frozen=True, kw_only=True):
    """Milliseconds from the start of the process to its end: the median of several."""

    wall_ms: float


def run(how: How, times: int = TIMES) -> Help:
    """The first one fills the caches of the system and is not counted."""
    return Help(wall_ms=statistics.median([_once(COMMANDS[how]) for _ in range(times + 1)][1:]))


def _once(arguments: list[str]) -> float:
    begin_s = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL)  # noqa: S603  # ours
    return (time.perf_counter() - begin_s) * 1_000
