"""A stranger does what README prints, and nothing else, in a fresh clone: `make stranger`.

Clone, `make start`, the commands that look, the page with a trade on it, Ctrl-C. Installing needs a package registry;
the ports that README names must be free. Every step is printed with its seconds.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from tests.kit.browser import chromium
from tests.kit.documented import commands_of
from tests.kit.processes import REPOSITORY, environment, eventually

MOST_S = 300.0
"""From the end of the installation to a trade on the page."""
INSTALL_S, STOP_S, ANSWER_S = 900.0, 20.0, 60.0
STOPPED = (0, -signal.SIGINT, 128 + signal.SIGINT)
PAGE = re.compile(r"`(http://127\.0\.0\.1:\d+)`")
INSTALLED = ".venv/.installed"


class Stranger:
    """Somebody with a shell in an empty folder.

    Args:
        folder: Where the clone goes.
    """

    def __init__(self, folder: Path) -> None:
        self.clone = folder / "vortex"
        self._began_s = time.monotonic()

    def say(self, what: str) -> None:
        sys.stdout.write(f"{time.monotonic() - self._began_s:7.1f} s  {what}\n")
        sys.stdout.flush()

    def type(self, command: str) -> str:
        """Run one command in the clone; it must end with 0."""
        done = subprocess.run(  # noqa: S603  # what README says
            ["/bin/bash", "-c", command], cwd=self.clone, env=environment(), capture_output=True, text=True,
            timeout=ANSWER_S, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise AssertionError(f"{command}: {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    @contextmanager
    def foreground(self, command: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in a terminal of its own for the length of the block, then press Ctrl-C."""
        log = (self.clone.parent / "terminal.log").open("wb")
        with log:
            process = subprocess.Popen(  # noqa: S603  # what README says
                ["/bin/bash", "-c", command], cwd=self.clone, env=environment(), stdout=log, stderr=log,
                process_group=0,
            )  # fmt: skip
        try:
            yield process
            os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group, make too, which dies of it
            assert process.wait(STOP_S) in STOPPED, self.log()
            assert "cut off" not in self.log(), self.log()
        finally:
            process.kill()

    def log(self) -> str:
        return (self.clone.parent / "terminal.log").read_text(errors="replace")[-4_000:]


def main() -> None:
    """Follow README."""
    with tempfile.TemporaryDirectory() as folder:
        stranger = Stranger(Path(folder))
        subprocess.run(["git", "clone", "--quiet", str(REPOSITORY), str(stranger.clone)], check=True)  # noqa: S603, S607  # ours
        stranger.say("cloned")
        readme = stranger.clone / "README.md"
        commands = [command.text for command in commands_of(readme, stranger.clone)]
        start = next(command for command in commands if command.startswith("make start"))
        looks = [command for command in commands if re.match(r"\.venv/bin/vortex (status|trades|actors)\b", command)]
        found = PAGE.search(readme.read_text(encoding="utf-8"))
        assert found is not None, "README names no page"
        with stranger.foreground(start) as process:
            _follow(stranger, process, looks, found.group(1))
    stranger.say("stopped with Ctrl-C")


def _follow(stranger: Stranger, process: subprocess.Popen[bytes], looks: list[str], url: str) -> None:
    installed = stranger.clone / INSTALLED

    def is_installed() -> bool:
        assert process.poll() is None, stranger.log()
        return installed.exists()

    eventually(is_installed, INSTALL_S, "the installation", stranger.log)
    installed_s = time.monotonic()
    stranger.say("installed")
    eventually(lambda: "gate engines opened" in stranger.log(), MOST_S, "engines that judge", stranger.log)
    stranger.say("the engines judge")
    for command in looks:
        label = stranger.type(command).splitlines()[0]
        assert label.startswith("PAPER"), label
        stranger.say(f"{command.split('  ')[0]}: {label}")
    with chromium() as browser:
        page = browser.new_page()
        page.goto(url)
        eventually(lambda: _trade_on(page), MOST_S, "a trade on the page", lambda: page.inner_text("body")[-2_000:])
    took_s = time.monotonic() - installed_s
    stranger.say(f"a trade is on the page, {took_s:.0f} s after the installation")
    assert took_s <= MOST_S, f"{MOST_S:.0f} s were allowed"


def _trade_on(page: Page) -> bool:
    """Whether the page shows a position, or a trade that was closed."""
    return page.locator('[data-panel="positions"] tbody tr, [data-panel="trades"] tbody tr').count() > 0


if __name__ == "__main__":
    main()
