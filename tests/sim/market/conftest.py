from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from vortex.sim.market.sources import DEFAULT_MARKETS, SHIPPED
from vortex.sim.market.tape import Tape, load_tape

Write: TypeAlias = Callable[[Iterable[Any]], Path]


@pytest.fixture(scope="session")
def btc() -> Tape:
    return load_tape(SHIPPED / "btcusdt_20240808.gz")


@pytest.fixture(scope="session")
def eth() -> Tape:
    return load_tape(SHIPPED / "ethusdt_20240808.gz")


@pytest.fixture(params=DEFAULT_MARKETS)
def shipped(request: pytest.FixtureRequest, btc: Tape, eth: Tape) -> Tape:
    return btc if str(request.param).startswith("btc") else eth


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a capture of the given messages, or of the given lines as they are."""

    def write_capture(lines: Iterable[Any]) -> Path:
        path = tmp_path / "capture.gz"
        with gzip.open(path, "wt") as file:
            for number, line in enumerate(lines):
                file.write(line if isinstance(line, str) else f"{number} {json.dumps(line)}")
                file.write("\n")
        return path

    return write_capture
