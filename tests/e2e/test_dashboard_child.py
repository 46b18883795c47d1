"""The web page that `vortex start` brings along: found, guarded by the token, replaced, and ended with its engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.kit.processes import REPOSITORY, Engine, engine, environment, eventually

pytestmark = pytest.mark.e2e

TOKEN = "a-token-that-nobody-guesses"
WAIT_S = 60.0


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Engine]:
    """An engine with a page and a token."""
    settings = {
        "TRADING_PAIRS": "BTCUSDT",
        "VORTEX__DASHBOARD__ENABLED": "true",
        "VORTEX__DASHBOARD__PORT": "0",
        "VORTEX__CONTROL__TOKEN": TOKEN,
    }
    with engine(tmp_path / "data", **settings) as started:
        yield started


def page_of(running: Engine) -> str:
    """The address of the page, once it listens."""

    def found() -> str:
        if running.process.poll() is not None:
            raise AssertionError(running.log.read_text()[-3_000:])
        return running.run["dashboard_url"] or ""

    return eventually(found, WAIT_S, "the page")


def pages_under(pid: int) -> list[int]:
    """The processes below this one that serve the page."""
    listed = subprocess.run(  # noqa: S603  # numbers only
        ["ps", "--ppid", str(pid), "-o", "pid=,args="],  # noqa: S607  # whichever ps there is
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "vortex.app.dashboard" in line]


def ask(url: str, path: str = "/", method: str = "GET", body: str = "", **headers: str) -> tuple[HTTPResponse, str]:
    """One request, without following where it leads."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=WAIT_S)
    try:
        connection.request(method, path, body or None, headers)
        reply = connection.getresponse()
        return reply, reply.read().decode()
    finally:
        connection.close()


def test_the_page_lives_and_dies_with_the_engine(running: Engine) -> None:
    url = page_of(running)
    (page,) = pages_under(running.process.pid)
    assert os.getpriority(os.PRIO_PROCESS, page) >= 10, "a stop comes before a page"
    assert os.getpgid(page) != os.getpgid(running.process.pid)
    closed, text = ask(url)
    assert (closed.status, closed.getheader("location")) == (303, "/login")
    welcome, _ = ask(url, "/login", "POST", f"token={TOKEN}")
    assert welcome.status == 303
    cookie = (welcome.getheader("set-cookie") or "").partition(";")[0]
    shown, text = ask(url, cookie=cookie)
    assert shown.status == 200
    assert (shown.getheader("x-vortex") or "").startswith("PAPER")
    assert TOKEN not in text
    foreign, _ = ask(url, host="evil.example")
    assert foreign.status == 403

    os.kill(page, signal.SIGKILL)
    eventually(
        lambda: running.run["dashboard_url"] is None or pages_under(running.process.pid) != [page], WAIT_S, "gone"
    )
    assert page_of(running)
    (again,) = eventually(lambda: pages_under(running.process.pid), WAIT_S, "another page")
    assert again != page
    assert running.process.poll() is None, "trading went on"

    running.kill()
    eventually(lambda: not Path(f"/proc/{again}").exists(), WAIT_S, "the page ended with its engine")
    assert TOKEN not in running.log.read_text()


def test_a_graceful_stop_ends_the_page_too(running: Engine) -> None:
    url = page_of(running)
    (page,) = pages_under(running.process.pid)
    assert running.stop() == 0
    assert not Path(f"/proc/{page}").exists()
    with pytest.raises(OSError, match="refused"):
        ask(url)


def refused(*arguments: str, **settings: str) -> tuple[int, str]:
    """Run `vortex dashboard` to its end."""
    ended = subprocess.run(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", "dashboard", *arguments],
        cwd=REPOSITORY, env=environment(**settings), capture_output=True, text=True, timeout=WAIT_S, check=False,
    )  # fmt: skip
    return ended.returncode, ended.stderr.splitlines()[-1]


def test_a_page_for_others_needs_a_token_and_an_address_must_be_one(tmp_path: Path) -> None:
    code, line = refused("--host", "0.0.0.0", "--port", "0", "--data-dir", str(tmp_path))  # noqa: S104  # what is tested
    assert code == 2
    assert "[dashboard] host = '0.0.0.0'" in line
    assert "[control] token" in line
    code, line = refused("--url", "nonsense", "--port", "0", "--data-dir", str(tmp_path))
    assert (code, "url = 'nonsense'" in line) == (2, True)
