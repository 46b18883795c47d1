"""What a campaign has found so far, on disk: the same command goes on where it was stopped."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from tests.kit.processes import REPOSITORY

SOURCES = ("vortex", "tests/chaos", "tests/kit", "config")
T = TypeVar("T")


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def fingerprint(more: Sequence[str] = ()) -> str:
    """Of the code: what another version has found is not ours."""
    digest = blake2b(digest_size=8)
    for folder in (*SOURCES, *more):
        for path in sorted((REPOSITORY / folder).rglob("*")):
            if path.suffix in (".py", ".toml", ".sql", ".gz"):
                digest.update(path.read_bytes())
    return digest.hexdigest()


class Progress(Generic[T]):
    """Verdicts on disk, one a line, below the fingerprint of the code that they are about.

    Args:
        path: The file.
        kind: What a verdict is.
        more: Folders besides the usual ones that a verdict depends on.
    """

    def __init__(self, path: Path, kind: type[T], more: Sequence[str] = ()) -> None:
        self._path = path
        self.verdicts: list[T] = []
        mark = fingerprint(more)
        known = path.read_text("utf-8").splitlines() if path.exists() else []
        if known[:1] == [mark]:
            self.verdicts = [msgspec.json.decode(line, type=kind) for line in known[1:]]
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{mark}\n", "utf-8")

    def add(self, verdict: T) -> None:
        self.verdicts.append(verdict)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(msgspec.json.encode(verdict).decode() + "\n")
