"""The web page as a child process of the engine: started beside it, started again when it dies, ended with it.

Nothing here waits: the page costs the engine's main thread a glance four times a second.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack

import msgspec
from loguru import logger
from msgspec import Struct

from vortex.app.dashboard.settings import Settings
from vortex.app.data_dir import DataDir
from vortex.config import Config, ledger_kind
from vortex.config.environment import without_ours

COMMAND = (sys.executable, "-m", "vortex.app.dashboard")
MOST_STARTS = 6
"""The first one included; from then on the engine goes on without the page."""
STEADY_S = 300.0
"""One that ran for so long may die again as often."""
FIRST_DELAY_S, LONGEST_DELAY_S = 1.0, 30.0


class _Ready(Struct, frozen=True):
    """The line the page prints when it listens."""

    url: str


class DashboardChild:
    """One page at a time; `stop` is due from the moment it is made.

    Args:
        config: [dashboard], [control] token and [log].
        url: Of the control API.
        data_dir: Of the running system.
        on_url: Called by `look` with the page's address when it listens, and with None when it has ended.
        monotonic_s: Real seconds that never go backwards.
    """

    def __init__(
        self,
        config: Config,
        url: str,
        data_dir: str,
        on_url: Callable[[str | None], None],
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._words = _words(config, url, data_dir)
        self._on_url = on_url
        self._now_s = monotonic_s
        self._process: subprocess.Popen[bytes] | None = None
        self._said = b""
        self._url: str | None = None
        self._starts = 0
        self._start_s = 0.0

    def look(self) -> None:
        """Start what is due, and notice what it said or that it ended; never waits and never raises."""
        try:
            self._look()
        except OSError as error:
            logger.error("the dashboard cannot be started: {}", error)
            self._starts = MOST_STARTS

    def stop(self) -> None:
        """End it; blocks for a moment. It has nothing to save."""
        self._starts = MOST_STARTS
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.kill()
        self._close(self._process)
        self._process = None

    def _look(self) -> None:
        if self._process is None:
            if self._starts < MOST_STARTS and self._now_s() >= self._start_s:
                self._start()
            return
        self._listen(self._process)
        code = self._process.poll()
        if code is not None:
            self._ended(self._process, code)

    def _start(self) -> None:
        self._starts += 1
        self._start_s = self._now_s()
        # A group of its own: it is ended by us, not by the terminal's Ctrl-C, so that the page shows the stop.
        process = subprocess.Popen(  # noqa: S603  # our own program
            COMMAND,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,  # what a child that died did not read is not written once more when its pipe is closed
            process_group=0,
            env=without_ours(os.environ),
        )
        self._process, self._said = process, b""
        if process.stdin is not None and process.stdout is not None:
            os.set_blocking(process.stdout.fileno(), False)
            process.stdin.write(self._words)  # a line, far below what a pipe holds
            process.stdin.flush()

    def _listen(self, process: subprocess.Popen[bytes]) -> None:
        if self._url is not None or process.stdout is None:
            return
        self._said += process.stdout.read() or b""
        line, newline, _ = self._said.partition(b"\n")
        if not newline:
            return
        try:
            self._url = msgspec.json.decode(line, type=_Ready).url
        except (msgspec.DecodeError, UnicodeDecodeError):
            logger.error("the dashboard said {!r} where it should be ready", line[:80])
            process.kill()
            return
        self._on_url(self._url)

    def _ended(self, process: subprocess.Popen[bytes], code: int) -> None:
        self._close(process)
        self._process = None
        if self._url is not None:
            self._url = None
            self._on_url(None)
        lasted_s = self._now_s() - self._start_s
        if lasted_s > STEADY_S:
            self._starts = 1
        if self._starts >= MOST_STARTS:
            logger.error("the dashboard ended with code {} again: it stays away, trading goes on", code)
            return
        delay_s = min(LONGEST_DELAY_S, FIRST_DELAY_S * 2 ** (self._starts - 1))
        self._start_s = self._now_s() + delay_s
        logger.warning("the dashboard ended with code {}: it is started again in {:g} s", code, delay_s)

    @staticmethod
    def _close(process: subprocess.Popen[bytes]) -> None:
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def dashboard_beside(config: Config, url: str, data_dir: DataDir, stack: ExitStack) -> DashboardChild | None:
    """The page of a system that runs, None where none is wanted; it starts at the first look, and ends with the stack.

    Args:
        config: Says whether, and where.
        url: Of the control API.
        data_dir: Its `run.json` says where the page is.
        stack: What is to be done at the end.
    """
    if not config.dashboard.enabled:
        return None

    def on_url(page_url: str | None) -> None:
        data_dir.show_dashboard(page_url)
        if page_url is not None:
            logger.info("dashboard on {}", page_url)

    child = DashboardChild(config, url, str(data_dir.path), on_url)
    stack.callback(child.stop)
    return child


def _words(config: Config, url: str, data_dir: str) -> bytes:
    """The line on the child's stdin: a token has no place in its arguments or environment, which others may read."""
    settings = Settings(
        host=config.dashboard.host, port=config.dashboard.port, token=config.control.token.reveal(), url=url,
        data_dir=data_dir, own_ledger=ledger_kind(config) == "sqlite", mode=config.mode,
    )  # fmt: skip
    told = {**msgspec.to_builtins(settings), "level": config.log.level, "json": config.log.json}
    return msgspec.json.encode(told) + b"\n"
