"""What holds for every test."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

SLOW_FIRST = ("e2e", "chaos")

settings.register_profile("vortex", deadline=None)  # speed is measured, never asserted
settings.load_profile("vortex")


@pytest.hookimpl(trylast=True)  # after the order was made random
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with files that take minutes, else the last of them has one core to itself and the other one waits."""
    here = Path(__file__).parent
    items.sort(key=lambda item: item.path.relative_to(here).parts[0] not in SLOW_FIRST)
