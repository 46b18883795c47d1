"""The simulator as a child process of a paper run: started before the engine, stopped after it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.config import Config
from vortex.config.environment import without_ours

READY_S = 30.0
STOP_S = 2.0


class SimulatorFailedError(Exception):
    """The simulator did not come up; it said why on stderr. `str(error)` is one line, the exit code is 1."""


class _Ready(Struct, frozen=True):
    """The line the simulator prints when it listens."""

    url: str


class SimulatorChild:
    """One simulator process; `stop` is due from the moment it is made.

    Args:
        config: Its `[sim]` section says what to simulate.
        state: File that keeps the exchange's state across restarts.
        on_exit: Called by `look` with its exit code, once, when it has ended without being asked to.
        log: File descriptor that its log goes to; None is our own stderr.
    """

    def __init__(self, config: Config, state: Path, on_exit: Callable[[int], None], log: int | None = None) -> None:
        self._on_exit = on_exit
        self._asked = False
        # A group of its own: Ctrl-C reaches every process of the terminal's group, but an exchange must outlive us.
        self._process = subprocess.Popen(  # noqa: S603  # our own program
            _command(config, state),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            process_group=0,
            env=without_ours(os.environ),
        )

    def wait_ready(self) -> str:
        """Wait until it listens and return its address.

        Raises:
            SimulatorFailedError: It ended, or was not ready within 30 s.
        """
        overdue = threading.Timer(READY_S, self._process.kill)
        overdue.start()
        try:
            return self._ready_url()
        finally:
            overdue.cancel()

    def look(self) -> None:
        """See whether it still runs; never waits."""
        code = self._process.poll()
        if code is not None and not self._asked:
            self._asked = True
            self._on_exit(code)

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

    def _ready_url(self) -> str:
        line = self._process.stdout.readline() if self._process.stdout is not None else b""
        if not line:
            self._asked = True
            raise SimulatorFailedError(f"the simulator ended with code {self._process.wait()} before it was ready")
        try:
            return msgspec.json.decode(line, type=_Ready).url
        except msgspec.DecodeError as error:
            raise SimulatorFailedError(f"the simulator said {line[:80]!r} where it should be ready") from error


def _command(config: Config, state: Path) -> list[str]:
    sim, latency = config.sim, config.sim.latency
    settings: dict[str, object] = {
        "host": sim.host,
        "port": sim.port,
        "speed": sim.speed,
        "seed": sim.seed,
        "balance": f"{Decimal(str(sim.balance_usdt)).normalize():f}",
        "state": state,
        "market-latency-ms": latency.market_ms,
        "order-latency-ms": latency.order_ms,
        "latency-sigma": latency.sigma,
        "parent-pid": os.getpid(),
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
    # What is live is live for the symbols that are traded.
    chosen = (f"{','.join(config.trading_pairs)}=live" if market == "live" else market for market in sim.market)
    markets = [word for market in chosen for word in ("--market", market)]
    return [sys.executable, "-m", "vortex", "sim", *markets, *options]
