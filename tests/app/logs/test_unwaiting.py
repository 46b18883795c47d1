"""A reader that stops, on a real pipe and a real terminal: it costs lines, no time."""

from __future__ import annotations

import io
import os
import termios
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from vortex.app.logs.unwaiting import unwaiting

LINE = "x" * 199 + "\n"


def missing(lines: int) -> str:
    return f"{lines} missing\n"


@pytest.fixture
def pipe() -> Iterator[tuple[int, TextIO]]:
    reader, writer = os.pipe()
    with os.fdopen(writer, "w") as stream:
        yield reader, stream
    os.close(reader)


def test_a_pipe_that_nobody_empties_holds_up_nobody(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    written = unwaiting(stream, missing)
    began_s = time.monotonic()
    for _ in range(2_000):
        written.write(LINE)
    assert time.monotonic() - began_s < 20
    read = os.read(reader, 1_000_000)
    whole = read.count(b"\n")
    written.write("again\n")
    assert os.read(reader, 1_000).decode() == f"\n{2_000 - whole} missing\nagain\n"
    written.write("and again\n")
    assert os.read(reader, 1_000) == b"and again\n"
    assert os.get_blocking(stream.fileno()), "others who share it still wait"


def test_a_terminal_that_is_stopped_holds_up_nobody() -> None:
    screen, terminal = os.openpty()
    with os.fdopen(terminal, "w") as stream:
        written = unwaiting(stream, missing)
        termios.tcflow(terminal, termios.TCOOFF)  # Ctrl-S
        began_s = time.monotonic()
        for _ in range(100):
            written.write(LINE)
        assert time.monotonic() - began_s < 20
        termios.tcflow(terminal, termios.TCOON)  # Ctrl-Q
        written.write("again\n")
        seen = ""
        while "again" not in seen:
            seen += os.read(screen, 10_000).decode()
        assert "100 missing" in seen
    os.close(screen)


def test_a_slow_reader_gets_every_line(pipe: tuple[int, TextIO]) -> None:
    reader, stream = pipe
    written = unwaiting(stream, missing)
    seen = b""
    for _ in range(600):
        written.write(LINE)
        seen += os.read(reader, 150)
    while seen.count(b"\n") < 600:
        seen += os.read(reader, 10_000)
    assert seen == LINE.encode() * 600


def test_what_has_no_reader_stays_as_it_is(tmp_path: Path) -> None:
    text = io.StringIO()
    assert unwaiting(text, missing) is text
    with (tmp_path / "log").open("w") as file:
        assert unwaiting(file, missing) is file
