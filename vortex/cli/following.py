"""`-f`: asks again and again until Ctrl-C, which is a good end. On a terminal pages replace each other; rows append."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from vortex.app.remote import Answer

EVERY_S = 1.0
SELDOM_S = 5.0
"""Between two answers for which the whole ledger is read."""
WINDOW = 200
"""Rows that are asked for each time: more than can come within that time."""
HOME = "\x1b[H\x1b[2J"
"""Puts what follows at the top of an empty screen."""

Ask = Callable[[], "Answer"]
Row = Mapping[str, Any]


def until_interrupted(steps: Iterable[None], every_s: float = EVERY_S) -> None:
    """Take one step after the other until Ctrl-C, or until nobody reads any more."""
    try:
        for _ in steps:
            sys.stdout.flush()
            time.sleep(every_s)
    except KeyboardInterrupt:
        if sys.stdout.isatty():
            typer.echo()
    except BrokenPipeError:  # the reader has seen enough; the interpreter must not flush into the pipe once more
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def pages(ask: Ask, page: Callable[[Any], Iterable[str]], *, as_json: bool) -> Iterator[None]:
    """Show each answer whole: on the same screen, or for a reader below the one before; JSON one line each."""
    while True:
        answer = ask()
        if as_json:
            typer.echo(json.dumps(answer.value))
        else:
            lead = HOME if sys.stdout.isatty() else ""
            head = f"{answer.label}  {time.strftime('%H:%M:%S', time.gmtime())} UTC"
            typer.echo(lead + "\n".join((head, *page(answer.value))))
        yield


def rows(
    ask: Ask, write: Callable[[Answer, Sequence[Row]], None], identity: Callable[[Row], Hashable], limit: int
) -> Iterator[None]:
    """Have new and changed rows written, oldest first; the first call gets the newest `limit` there are, also none."""
    known: set[Hashable] | None = None
    while True:
        answer = ask()
        fresh = [row for row in reversed(answer.value) if known is None or identity(row) not in known]
        if known is None:
            write(answer, fresh[-limit:])
        elif fresh:
            write(answer, fresh)
        known = {identity(row) for row in answer.value}
        yield
