"""Real processes for end-to-end tests: the engine, the simulator, and the questions one asks them over HTTP."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any, TypeVar

from tests.kit import stalls

REPOSITORY = Path(__file__).parents[2]
FREE_PORTS = {
    "VORTEX__SIM__PORT": "0",
    "VORTEX__CONTROL__PORT": "0",
    "VORTEX__DASHBOARD__PORT": "0",
    "VORTEX__DASHBOARD__ENABLED": "false",
}
"""And no web page unless a test is about it: it takes seconds of the processor to start."""
POLL_S = 0.05
ANSWER_S = 20.0
"""For an answer that is wanted: more than any moment in which a busy machine runs somebody else."""
STOP_S, LATE_S = 10.0, 3.0
"""How long a stop may last, and by how much a slow machine may be late with it and with seeing it."""
LISTENING = range(10_000, 32_000)
"""Ports that no system gives to connections that go out (Linux: from 32,768 on)."""
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE = 24, 1
AS_ANYBODY = (
    "-c",
    (
        f"import ctypes, os, sys; ctypes.CDLL(None).prctl({PR_CAPBSET_DROP}, {CAP_DAC_OVERRIDE}, 0, 0, 0);"
        " os.execv(sys.executable, [sys.executable, *sys.argv[1:]])"
    ),
)
"""Has Python run what follows without root's leave to write where permissions forbid it; others never have it."""
T = TypeVar("T")


def environment(**extra: str) -> dict[str, str]:
    """The process environment without anything that configures the engine or the width of tables, plus `extra`."""
    foreign = ("COLUMNS", "VORTEX", "BINANCE", "SUPABASE", "DATABASE", "REDIS", "TRADING_PAIRS", "TESTNET")
    return {key: value for key, value in os.environ.items() if not key.startswith(foreign)} | extra


def get(url: str, timeout_s: float = ANSWER_S) -> Any:
    """GET JSON; an error status is raised as HTTPError, the end of who answers as another OSError."""
    return _answer(urllib.request.Request(url), timeout_s)  # noqa: S310  # this machine


def post(url: str, body: Mapping[str, object]) -> Any:
    """POST JSON and read the JSON answer; errors as above."""
    headers = {"Content-Type": "application/json"}
    return _answer(urllib.request.Request(url, json.dumps(body).encode(), headers), ANSWER_S)  # noqa: S310  # as above


def _answer(request: urllib.request.Request, timeout_s: float) -> Any:
    try:
        with urllib.request.urlopen(request, timeout=timeout_s) as reply:  # noqa: S310  # this machine
            return json.load(reply)
    except HTTPException as cut:  # killed in the middle of its answer
        raise ConnectionError(f"{request.full_url}: {cut!r}") from cut


def eventually(ask: Callable[[], T | None], timeout_s: float, what: str, seen: Callable[[], object] = str) -> T:
    """Ask again and again until the answer is truthy; connection errors count as no answer yet.

    It is asked once more after the time is up: who slept through the end of it has not looked. What was `seen` instead
    is told when it never is.
    """
    deadline = time.monotonic() + timeout_s
    over = False
    while not over:
        over = time.monotonic() >= deadline
        with suppress(OSError):  # HTTPError and URLError are OSErrors
            if answer := ask():
                return answer
        time.sleep(POLL_S)
    raise AssertionError(f"{what}: not within {timeout_s} s {seen()}")


def free_port() -> int:
    """A port of this machine that nobody listens on now, nor is given by the system before somebody does."""
    while True:
        number = secrets.choice(LISTENING)  # by chance in every worker, however `random` is seeded
        with suppress(OSError), socket.create_server(("127.0.0.1", number)) as server:
            port: int = server.getsockname()[1]
            return port


class Engine:
    """One `vortex start` process."""

    def __init__(self, data_dir: Path, *arguments: str, **settings: str) -> None:
        self.data_dir = data_dir
        self.log = data_dir.parent / f"{data_dir.name}.log"
        own = {"VORTEX__DATA_DIR": str(data_dir), "VORTEX__CHAOS__ENABLED": "true"}
        env = environment(**FREE_PORTS | own | settings)
        stalls.watch()
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603  # our own program
                [sys.executable, *AS_ANYBODY, "-m", "vortex", "start", *arguments],
                cwd=REPOSITORY, env=env, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def run(self) -> dict[str, Any]:
        """The contents of `run.json`."""
        loaded: dict[str, Any] = json.loads((self.data_dir / "run.json").read_text())
        return loaded

    def api(self, path: str) -> Any:
        """Ask the control API."""
        return get(self.run["control_url"] + path)

    def actor(self, path: str) -> dict[str, Any]:
        """One actor as the control API shows it."""
        found: dict[str, Any] = next(each for each in self.api("/api/actors") if each["path"] == path)
        return found

    def wait_ready(self, timeout_s: float = 60.0) -> None:
        """Wait for readyz 200."""
        eventually(self._ready, timeout_s, f"readyz, see {self.log.read_text()[-3000:] if self.log.exists() else ''}")

    def stop(self, timeout_s: float = 60.0) -> int:
        """SIGTERM and wait; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout_s)

    def stops_in_time(self) -> None:
        """SIGTERM: it ends with 0, and as soon as a stop may last, whatever is wrong."""
        began_s = time.monotonic()
        assert self.stop() == 0
        lasted_s = stalls.lasted_s(began_s)
        assert lasted_s <= STOP_S + LATE_S, f"it took {lasted_s} s"

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        self.process.kill()
        self.process.wait()

    def _ready(self) -> bool:
        if self.process.poll() is not None:
            raise AssertionError(f"the engine ended with {self.process.returncode}: {self.log.read_text()[-3000:]}")
        return (self.data_dir / "run.json").exists() and bool(self.api("/readyz")["ready"])


@contextmanager
def engine(data_dir: Path, *arguments: str, **settings: str) -> Iterator[Engine]:
    """Run the engine for the length of the block."""
    started = Engine(data_dir, *arguments, **settings)
    try:
        yield started
    finally:
        if started.process.poll() is None:
            started.kill()


@contextmanager
def simulator(*arguments: str) -> Iterator[str]:
    """Run `vortex sim` on a free port for the length of the block; yields its URL."""
    command = [sys.executable, "-m", "vortex", "sim", "--port", "0", *arguments]
    process = subprocess.Popen(  # noqa: S603  # our own program
        command, cwd=REPOSITORY, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        process.wait(ANSWER_S)
        assert process.stdout is not None
        process.stdout.close()
