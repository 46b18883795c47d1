"""Logs for people on stderr; what libraries log through the standard library arrives in the same place."""

from __future__ import annotations

import logging
import sys

from loguru import logger

from vortex.config.sections import Log

FORMAT = "<dim>{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}</dim> <level>{level: <7}</level> {message}"


class _ToLoguru(logging.Handler):
    """Hands standard records over, with their level and exception."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        logger.opt(exception=error).log(record.levelname, "{}", record.getMessage())


def set_up(settings: Log) -> None:
    """Send everything to stderr. Local values are never printed with a traceback: they may hold secrets."""
    logger.remove()
    logger.add(
        sys.stderr,
        level=settings.level,
        format=FORMAT,
        serialize=settings.json,
        diagnose=False,
        backtrace=False,
        enqueue=False,
    )
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.INFO, force=True)
    for name in ("ccxt", "asyncio", "urllib3", "uvicorn", "pykka"):
        logging.getLogger(name).setLevel(logging.WARNING)
