"""A disk that takes nothing more, for this process; files that nobody may write."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WRITING = 0o222


@contextmanager
def full_disk(size_bytes: int = 1_024) -> Iterator[None]:
    """No file grows beyond this; Python ignores the signal, so that a write fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def read_only(*paths: Path) -> Iterator[None]:
    """Nobody may write these files, or make and delete any in these folders, for the length of the block."""
    modes = {path: path.stat().st_mode for path in paths}
    for path, mode in modes.items():
        path.chmod(mode & ~WRITING)
    try:
        yield
    finally:
        for path, mode in modes.items():
            path.chmod(mode)
