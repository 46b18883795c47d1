"""The web page as a child: told on stdin, noticed without waiting, started again, given up, ended."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.processes import eventually
from vortex.app.children import dashboard as module
from vortex.app.children.dashboard import MOST_STARTS, STEADY_S, DashboardChild
from vortex.config import Config, Secret
from vortex.config.sections import Control, Dashboard, Log

TIMEOUT_S = 20.0
READY = json.dumps({"event": "ready", "url": "http://127.0.0.1:5"})
ECHO = f"import sys; open(sys.argv[1], 'w').write(sys.stdin.readline()); print({READY!r}, flush=True); sys.stdin.read()"
CONFIG = Config(
    dashboard=Dashboard(port=0), control=Control(token=Secret("tok-en")), log=Log(level="WARNING", json=True)
)


class Rig:
    """A child that runs `code`, on a clock of its own."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, folder: Path, code: str) -> None:
        self.heard = folder / "heard"
        self.urls: list[str | None] = []
        self.now_s = 0.0
        monkeypatch.setattr(module, "COMMAND", (sys.executable, "-c", code, str(self.heard)))
        self.child = DashboardChild(CONFIG, "http://127.0.0.1:9", str(folder), self.urls.append, lambda: self.now_s)

    def until(self, what: str, seen: object = None) -> None:
        """Look until the last thing heard is this."""

        def looked() -> bool:
            self.child.look()
            return bool(self.urls) and self.urls[-1] == seen

        eventually(looked, TIMEOUT_S, what)


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Rig]:
    made = Rig(monkeypatch, tmp_path, ECHO)
    yield made
    made.child.stop()


def test_it_is_told_everything_on_stdin_and_says_where_it_listens(rig: Rig, tmp_path: Path) -> None:
    rig.until("its address", "http://127.0.0.1:5")
    assert json.loads(rig.heard.read_text()) == {
        "host": "127.0.0.1", "port": 0, "token": "tok-en", "url": "http://127.0.0.1:9", "data_dir": str(tmp_path),
        "own_ledger": True, "mode": "paper", "level": "WARNING", "json": True,
    }  # fmt: skip
    process = rig.child._process
    assert process is not None
    assert os.getpgid(process.pid) != os.getpgid(0), "Ctrl-C of a terminal goes to our group"
    assert b"tok-en" not in Path(f"/proc/{process.pid}/cmdline").read_bytes()
    assert b"tok-en" not in Path(f"/proc/{process.pid}/environ").read_bytes()
    rig.child.stop()
    assert process.returncode is not None
    rig.child.look()
    assert rig.urls == ["http://127.0.0.1:5"], "it was asked to end, and is not started again"


def test_one_that_dies_is_started_again(rig: Rig) -> None:
    rig.until("its address", "http://127.0.0.1:5")
    process = rig.child._process
    assert process is not None
    process.kill()
    rig.until("its end")
    rig.child.look()
    assert rig.child._process is None, "not at once"
    rig.now_s += module.FIRST_DELAY_S
    rig.until("its address again", "http://127.0.0.1:5")


def test_one_that_dies_again_and_again_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rig = Rig(monkeypatch, tmp_path, "import sys; open(sys.argv[1], 'a').write('x'); sys.exit(1)")

    def given_up() -> bool:
        rig.child.look()
        rig.now_s += module.LONGEST_DELAY_S if rig.child._process is None else 0.0
        return rig.heard.exists() and len(rig.heard.read_text()) == MOST_STARTS and rig.child._process is None

    eventually(given_up, TIMEOUT_S, "the last start")
    rig.now_s += STEADY_S
    rig.child.look()
    assert rig.child._process is None
    assert rig.urls == []
    rig.child.stop()


def test_one_that_ran_for_long_may_die_as_often_again(rig: Rig) -> None:
    rig.child._starts = MOST_STARTS - 1
    rig.until("its address", "http://127.0.0.1:5")
    rig.now_s += STEADY_S + 1
    process = rig.child._process
    assert process is not None
    process.kill()
    rig.until("its end")
    rig.now_s += module.FIRST_DELAY_S
    rig.until("its address again", "http://127.0.0.1:5")


def test_a_page_that_cannot_be_started_costs_only_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rig = Rig(monkeypatch, tmp_path, "")
    monkeypatch.setattr(module, "COMMAND", (str(tmp_path / "no-such-program"),))
    rig.child.look()
    rig.child.look()
    assert rig.urls == []
    rig.child.stop()


def test_a_page_that_says_something_else_costs_only_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    rig = Rig(monkeypatch, tmp_path, "import sys; print('nonsense', flush=True); sys.stdin.read()")

    def ended() -> bool:
        rig.child.look()
        return rig.child._process is None and rig.child._starts == 1

    eventually(ended, TIMEOUT_S, "its end")
    assert rig.urls == []
    rig.child.stop()
