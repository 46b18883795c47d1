"""A running system can be asked wherever a person happens to be, and help says all that it says."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.app.kit import Client, replies, running, served
from tests.cli.kit import Vortex, command_line
from tests.kit.processes import REPOSITORY
from vortex.cli.app import app

NOBODY = 65_534
"""The user without rights."""


@pytest.fixture
def vortex(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Vortex]:
    with command_line(REPOSITORY, monkeypatch, capsys) as run:
        yield run


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Client]:
    (folder := tmp_path / "data").mkdir()
    with running(replies()) as tiny, served(folder, tiny, token="t0ken") as client:
        yield client


@contextmanager
def without_rights() -> Iterator[None]:
    """Also for root, who may enter every folder: nobody's rights for a while."""
    if os.getuid() != 0:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_people_may_ask_from_a_folder_that_they_may_not_enter(
    vortex: Vortex, api: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = ("status", "--url", api.url)
    assert vortex(*ask, VORTEX__CONTROL__TOKEN="t0ken").code == 0  # everything is loaded
    (here := tmp_path / "here").mkdir()
    monkeypatch.chdir(here)
    here.chmod(0)
    try:
        with without_rights():
            ended, foreign = vortex(*ask), vortex("status", "--data-dir", here)
    finally:
        here.chmod(0o700)
    assert ended.code == 0, ended.err
    assert foreign.code == 1
    assert foreign.err.endswith("may not be read: ask as the user who runs the system\n")


def test_help_hides_nothing_that_it_says(vortex: Vortex) -> None:
    """A key in brackets, as files have it, would be taken for markup and vanish."""
    for command, key in (("doctor", "sim.latency"), ("dashboard", "dashboard.host"), ("replay", "runtime.record")):
        assert key in vortex(command, "--help").out
    root: Any = typer.main.get_command(app)
    words = [
        each.help or "" for command in _commands(root) for each in (command, *command.params) if hasattr(each, "help")
    ]
    assert [text for text in words if re.search(r"\[[a-z#/@]", text)] == []


def _commands(group: Any) -> Iterator[Any]:
    yield group
    for command in getattr(group, "commands", {}).values():
        yield from _commands(command)
