"""Runs commands of the command line in this process, where nothing configures them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from vortex.cli import main

FOREIGN = ("VORTEX", "BINANCE", "SUPABASE", "DATABASE", "REDIS", "TRADING_PAIRS", "TESTNET", "COLUMNS")


class Ended(NamedTuple):
    code: int
    out: str
    err: str


Vortex = Callable[..., Ended]


@contextmanager
def command_line(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vortex]:
    """Yields what runs a command in `folder`; keywords are environment variables that stay."""
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(FOREIGN)]:
        monkeypatch.delenv(name)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}

    def run(*arguments: object, **variables: str) -> Ended:
        for name, text in variables.items():
            monkeypatch.setenv(name, text)
        monkeypatch.setattr(sys, "argv", ["vortex", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            main()
        out, err = capsys.readouterr()
        return Ended(int(caught.value.code or 0), out, err)

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)
