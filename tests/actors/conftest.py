from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kit.living_tree import in_memory


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Actors die here, not disks: in memory, since every order waits for an fsync."""
    with in_memory() as folder:
        yield folder
