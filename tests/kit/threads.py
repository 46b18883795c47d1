"""Threads that give way to each other all the time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def hurried() -> Iterator[None]:
    """Switch between threads as often as the interpreter can: what races shows it. Also a decorator."""
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval_s)
