"""A real browser without a window, and the web page as a process."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, ViewportSize, sync_playwright

from tests.kit.processes import REPOSITORY, environment

CHROMIUM = "/usr/bin/chromium"
FLAGS = (
    "--no-sandbox", "--headless", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
PHONE = ViewportSize(width=360, height=740)
DESK = ViewportSize(width=1440, height=900)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser for the length of the block, with a profile of its own; without it an error says what to install."""
    assert shutil.which(CHROMIUM), f"{CHROMIUM} is missing: install the Debian package chromium"
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        try:
            yield launched
        finally:
            launched.close()


@contextmanager
def dashboard(*arguments: str, **settings: str) -> Iterator[str]:
    """`vortex dashboard` for the length of the block; yields its address."""
    process = subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-m", "vortex", "dashboard", "--port", "0", *arguments],
        cwd=REPOSITORY, env=environment(**settings), stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.terminate()
        assert process.wait(30) == 0
        process.stdout.close()
