"""Take the README's pictures of the web page, of a paper system that has traded: `make screenshots`."""  # noqa: INP001  # a script, no package

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, ViewportSize

from tests.kit.browser import chromium, dashboard
from tests.kit.processes import Engine, engine, eventually

FOLDER = Path(__file__).with_name("images")
DESK, PHONE = ViewportSize(width=1280, height=1180), ViewportSize(width=360, height=1100)
SHOTS: dict[str, tuple[ViewportSize, Literal["light", "dark"]]] = {
    "dashboard": (DESK, "light"),
    "dashboard-dark": (DESK, "dark"),
    "dashboard-phone": (PHONE, "light"),
}
TRADES, WAIT_S, SETTLED_MS, WAIT_MS = 16, 600.0, 3_000, 60_000
MOST_BYTES = 250_000


def main() -> None:
    """Trade for some minutes, then look."""
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        data_dir = Path(folder) / "data"
        with engine(data_dir, VORTEX__SIM__SPEED="4") as running, dashboard("--data-dir", str(data_dir)) as url:
            running.wait_ready()
            with chromium() as browser:
                for name, (size, scheme) in SHOTS.items():
                    eventually(lambda: _worth_a_picture(running), WAIT_S, "trades and protected positions")
                    _shoot(browser, url, FOLDER / f"{name}.png", size, scheme)


def _worth_a_picture(running: Engine) -> bool:
    symbols: dict[str, Any] = running.api("/api/status")["symbols"]
    closed = sum(trade["status"] == "CLOSED" for trade in running.api("/api/trades"))
    return closed >= TRADES and all(each["protected"] for each in symbols.values())


def _shoot(browser: Browser, url: str, path: Path, size: ViewportSize, scheme: Literal["light", "dark"]) -> None:
    context = browser.new_context(viewport=size, color_scheme=scheme)
    page = context.new_page()
    page.goto(url, timeout=WAIT_MS)
    page.locator('[data-panel="positions"] tbody tr').first.wait_for(timeout=WAIT_MS)
    page.wait_for_timeout(SETTLED_MS)  # for the charts and what is asked less often
    page.screenshot(path=path)
    context.close()
    if path.stat().st_size > MOST_BYTES:
        raise SystemExit(f"{path}: {path.stat().st_size} bytes, more than {MOST_BYTES}")


if __name__ == "__main__":
    main()
