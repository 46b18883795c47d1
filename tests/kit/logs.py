"""What is logged while a test does something."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from loguru import logger


@contextmanager
def heard(level: str = "WARNING") -> Iterator[list[str]]:
    """The lines of this level and above, with tracebacks."""
    lines: list[str] = []
    sink = logger.add(lines.append, level=level, format="{message}")
    try:
        yield lines
    finally:
        logger.remove(sink)
