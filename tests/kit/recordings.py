"""Recordings that are not shipped: read from $VORTEX_DATA, by tests marked `shared` only."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


def recording(name: str) -> Path:
    """A file of the recordings; where they are absent the test is skipped, or fails under VORTEX_SHARED=required."""
    path = Path(os.environ.get("VORTEX_DATA", REPOSITORY.parent / "shared" / "data")) / name
    if not path.exists():
        verdict = pytest.fail if os.environ.get("VORTEX_SHARED") == "required" else pytest.skip
        verdict(f"RECORDINGS ABSENT: {path} (set VORTEX_DATA)")
    return path
