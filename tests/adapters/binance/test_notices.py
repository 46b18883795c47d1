from __future__ import annotations

from collections.abc import Iterator

import pytest
from loguru import logger

from vortex.adapters.binance.notices import QUIET_MS, Notices
from vortex.adapters.clock import SimulatorClock


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{message}")
    yield lines
    logger.remove(handler)


def test_the_same_trouble_is_logged_once_a_minute_and_always_counted(logged: list[str]) -> None:
    now_s = [0.0]
    notices = Notices(SimulatorClock(0, 1.0, lambda: now_s[0]), "feed")
    for _ in range(5):
        notices.warn("malformed", "x")
    notices.warn("silent", "y")
    assert [line.split(":")[1].strip() for line in logged] == ["malformed", "silent"]
    now_s[0] = QUIET_MS / 1000
    notices.warn("malformed", "x")
    assert "(6 so far)" in logged[-1]
    assert notices.counts == {"malformed": 6, "silent": 1}


def test_once_is_once(logged: list[str]) -> None:
    notices = Notices(SimulatorClock(0), "user stream")
    notices.once("MARGIN_CALL", "x")
    notices.once("MARGIN_CALL", "x")
    assert len(logged) == 1
    assert notices.counts["MARGIN_CALL"] == 2
