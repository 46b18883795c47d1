"""Runs the page: takes its address, says so in one line, serves until told to end."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib import resources

import uvicorn
from fastapi import FastAPI
from loguru import logger
from nicegui import ui

from vortex.app import listening
from vortex.app.api.guard import LOOPBACK
from vortex.app.dashboard.gate import PageGate
from vortex.app.dashboard.page import register
from vortex.app.dashboard.settings import Settings
from vortex.app.dashboard.source import Source
from vortex.app.dashboard.watch import Watch
from vortex.config import ConfigError

STOP_S = 1
ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'><path d='M1 1h2l1 4 1-4h2L5 7H3z' fill='#3b7dd8'/></svg>"
)


def run(settings: Settings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigError: A host that others can reach without a token.
        OSError: The address cannot be used; one line.
    """
    if settings.host not in LOOPBACK and not settings.token:
        raise ConfigError(
            f"[dashboard] host = {settings.host!r}: expected a [control] token, which visitors of the page must give, "
            "or a host of this machine only (127.0.0.1)"
        )
    bound = listening.take("dashboard", settings.host, settings.port)
    watch = Watch(Source(settings))
    app = FastAPI(openapi_url=None, lifespan=_watching(watch))
    register(watch, _head)
    ui.run_with(
        app, title="VORTEX-7", favicon=ICON, dark=None, tailwind=False, show_welcome_message=False,
        binding_refresh_interval=None, storage_secret=None,
    )  # fmt: skip
    cookie = f"vortex_{bound.port}"
    gate = PageGate(app, host=settings.host, token=settings.token, cookie=cookie, label=lambda: watch.board.label)
    server = uvicorn.Server(
        uvicorn.Config(
            gate, log_config=None, access_log=False, server_header=False, lifespan="on",
            timeout_graceful_shutdown=STOP_S,
        )
    )  # fmt: skip
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # uvicorn ends in order, then raises again what it took
    logger.info("dashboard on {}", bound.url)
    sys.stdout.write(json.dumps({"event": "ready", "url": bound.url}) + "\n")
    sys.stdout.flush()
    server.run(sockets=[bound.socket])
    return 0


def _watching(watch: Watch) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        looking = asyncio.create_task(watch.run())
        try:
            yield
        finally:
            looking.cancel()

    return lifespan


def _head() -> str:
    static = resources.files(__package__).joinpath("static")
    style, script = (static.joinpath(name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    return f"<style>{style}</style><script>{script}</script>"
