"""Logs on stderr, for people or as JSON lines, and in files. What libraries log arrives there too; secrets never do."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, TextIO

from loguru import logger

from vortex.app.logs.files import LogFiles
from vortex.app.logs.masking import Masker, secrets_of
from vortex.app.logs.unwaiting import Stream, Unwaiting, unwaiting
from vortex.config import Config
from vortex.config.sections import Log

if TYPE_CHECKING:
    from loguru import Record

TEXT = "<dim>{time:YYYY-MM-DD HH:mm:ss.SSS!UTC}</dim> <level>{level: <7}</level> {message}"


class SafeStream:
    """Masks secrets in everything that is written, also in the texts of exceptions and in their chained causes."""

    def __init__(self, stream: Stream, secrets: Iterable[str]) -> None:
        self._stream = stream
        self._mask = Masker(secrets)

    def write(self, text: str) -> None:
        masked = self._mask(text)
        with suppress(OSError):  # a full disk, a reader that went away: there is no other place to say it
            self._stream.write(masked)
            self._stream.flush()

    def stop(self) -> None:
        """Called by loguru when this is no sink any more."""
        if isinstance(self._stream, Unwaiting):
            self._stream.stop()


class _ToLoguru(logging.Handler):
    """Hands standard records over, with their level and exception."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        known = record.levelname in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
        level: str | int = record.levelname if known else record.levelno
        logger.opt(exception=error).log(level, "{}", record.getMessage())


def set_up(config: Config, stream: TextIO | None = None, *, prefix: str = "") -> None:
    """Send every log line to `stream`, by default stderr; for people each message begins with the prefix.

    Whoever reads it may stop reading: an actor that logs must not wait for a terminal.

    Local values are never printed with a traceback: they may hold what nobody knows to be secret. Of libraries only
    warnings are shown: what they say below that is about them, and some of it (ccxt's requests) is signed.
    """
    target = stream or sys.stderr
    settings: Log = config.log

    def missing(lines: int) -> str:
        said = f"{lines} log lines were not taken in time and are missing here"
        return as_line(said, level="WARNING") if settings.json else f"{said}\n"

    logger.remove()
    logger.configure(patcher=_one_line)
    logger.add(
        SafeStream(unwaiting(target, missing), secrets_of(config)),
        level=settings.level,
        format=_as_json if settings.json else TEXT.replace("{message}", prefix + "{message}"),
        colorize=target.isatty() and not settings.json,
        diagnose=False,
        backtrace=False,
    )
    logging.basicConfig(handlers=[_ToLoguru()], level=logging.WARNING, force=True)
    logging.getLogger("vortex").setLevel(settings.level)
    threading.excepthook, sys.excepthook = _thread_died, _died


class FileSink:
    """The log files of a run, beside what is written to stderr; as JSON lines, whatever stderr gets.

    Args:
        config: Its secrets are masked here too.
        files: Where the lines go.
    """

    def __init__(self, config: Config, files: LogFiles) -> None:
        self._files = files
        self._sink = self._add(config)

    def again(self, config: Config) -> None:
        """Set all of the log up anew, after a reload."""
        set_up(config)
        self._files.set(config.log)
        self._sink = self._add(config)

    def tidy(self) -> None:
        """Do a little of what older files need; call it often."""
        self._files.tidy()

    def close(self) -> None:
        with suppress(ValueError):  # somebody else removed every sink
            logger.remove(self._sink)
        self._files.close()

    def _add(self, config: Config) -> int:
        stream = SafeStream(self._files, secrets_of(config))
        return logger.add(stream, level=config.log.level, format=_as_json, diagnose=False, backtrace=False)


def as_line(message: str, *, level: str = "INFO") -> str:
    """One JSON line of the log by hand."""
    head = {"ts_ms": time.time_ns() // 1_000_000, "level": level, "logger": __name__, "message": message, "error": None}
    return f"{json.dumps(head)}\n"


def _one_line(record: Record) -> None:
    """Escape control characters and indent further lines: no text from outside can pass for a line of its own."""
    message = record["message"]
    if not message.isprintable():
        lines = message.split("\n")
        record["message"] = "\n    ".join("".join(map(_printable, line)) for line in lines)


def _printable(character: str) -> str:
    return character if character.isprintable() or character == "\t" else repr(character)[1:-1]


def _as_json(record: Record) -> str:
    """The format of one JSON line; loguru fills in the one field and, by the lack of a newline, adds no traceback."""
    error = record["exception"]
    record["extra"]["line"] = json.dumps(
        {
            "ts_ms": int(record["time"].timestamp() * 1_000),
            "level": record["level"].name,
            "logger": record["name"],
            "message": record["message"],
            "error": None if error is None else "".join(traceback.format_exception(*error)),
        }
    )
    return "{extra[line]}\n"


def _thread_died(args: threading.ExceptHookArgs) -> None:
    name = args.thread.name if args.thread is not None else "unknown"
    logger.opt(exception=args.exc_value).critical("thread {} died", name)


def _died(_kind: type[BaseException], error: BaseException, _trace: TracebackType | None) -> None:
    """The last words of the process go through the log too, which masks secrets."""
    logger.opt(exception=error).critical("the process died")
