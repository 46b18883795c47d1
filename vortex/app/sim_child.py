"""The simulator as a child process of a paper run: started before the engine, stopped after it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.config import Config

READY_S = 30.0
STOP_S = 3.0


class SimulatorFailedError(Exception):
    """The simulator did not come up; it said why on stderr."""


class _Ready(Struct, frozen=True):
    """The line the simulator prints when it listens."""

    url: str
    symbols: tuple[str, ...]


class SimulatorChild:
    """One simulator process.

    Args:
        config: Its `[sim]` section says what to simulate.
        state: File that keeps the exchange's state across restarts.
        on_exit: Called with its exit code, on another thread, when it ends without being asked to.

    Raises:
        SimulatorFailedError: It ended, or was not ready within 30 s.
    """

    def __init__(self, config: Config, state: Path, on_exit: Callable[[int], None]) -> None:
        self._on_exit = on_exit
        self._asked = False
        # its own session: Ctrl-C must reach the engine alone, which still needs its exchange while it stops
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            _command(config, state), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True
        )
        overdue = threading.Timer(READY_S, self._process.kill)
        overdue.start()
        try:
            self.url = self._wait_ready()
        finally:
            overdue.cancel()
        threading.Thread(target=self._watch, name="simulator child", daemon=True).start()

    def stop(self) -> None:
        """Let it save its state and end; blocks until it has."""
        self._asked = True
        self._process.terminate()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            logger.error("the simulator did not stop within {} s and is killed", STOP_S)
            self._process.kill()
            self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def _wait_ready(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            self.stop()
            raise SimulatorFailedError(f"the simulator ended with code {self._process.returncode} before it was ready")
        return msgspec.json.decode(line, type=_Ready).url

    def _watch(self) -> None:
        code = self._process.wait()
        if not self._asked:
            self._on_exit(code)


def _command(config: Config, state: Path) -> list[str]:
    sim = config.sim
    markets = [word for market in sim.market for word in ("--market", market)]
    return [
        *(sys.executable, "-m", "vortex", "sim", *markets),
        *("--host", sim.host, "--port", str(sim.port), "--speed", str(sim.speed), "--seed", str(sim.seed)),
        *("--balance", str(sim.balance_usdt), "--state", str(state), "--parent-pid", str(os.getpid())),
    ]
