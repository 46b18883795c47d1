"""The page as a child of the engine: settings come as one line on stdin, and it ends when stdin does."""

from __future__ import annotations

import os
import sys
import threading

import msgspec

from vortex.app import logs
from vortex.app.dashboard.settings import Settings
from vortex.config import Config, ConfigError
from vortex.config.secret import Secret
from vortex.config.sections import Control, Log

NICER = 10
"""Of the process's priority: a page may be late, a stop may not."""
FAILURE = 1


class ChildSettings(Settings, frozen=True, kw_only=True):
    """What the engine tells its child; `level` and `json` as in [log]."""

    level: str = "INFO"
    json: bool = False


def main() -> int:
    """Run until the engine ends, however it ends: its end of stdin closes with it."""
    settings = msgspec.json.decode(sys.stdin.buffer.readline(), type=ChildSettings)
    os.nice(NICER)
    threading.Thread(target=_end_with_parent, name="parent", daemon=True).start()
    config = Config(
        control=Control(token=Secret(settings.token)),
        log=msgspec.convert({"level": settings.level, "json": settings.json}, Log),
    )
    logs.set_up(config, prefix="dashboard: ")
    from loguru import logger  # noqa: PLC0415  # after the logs are set up

    from vortex.app.dashboard.server import run  # noqa: PLC0415  # takes seconds: a parent that is gone is noticed meanwhile

    try:
        return run(settings)
    except (ConfigError, OSError) as error:
        logger.error("{}", error)
        return FAILURE


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)  # nothing to save, and whoever reads the page sees that it has ended


if __name__ == "__main__":
    sys.exit(main())
