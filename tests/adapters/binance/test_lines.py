from __future__ import annotations

from tests.kit.runtime import ManualClock
from vortex.adapters.binance.lines import Line, Lines
from vortex.adapters.binance.markets import SILENT_MS
from vortex.adapters.binance.stream import FIRST_DELAY_MS, PROVEN_MS

BOOKS: Line = ("public", 0)
REST: Line = ("market", 3)


def test_only_what_is_up_can_be_silent() -> None:
    clock = ManualClock()
    lines = Lines(clock)
    lines.up(BOOKS)
    lines.up(REST)
    clock.time_ms = SILENT_MS
    lines.heard(REST)
    clock.time_ms += 1
    assert lines.silent() == [BOOKS]
    lines.down(BOOKS)
    assert lines.silent() == []
    assert (lines.is_up(BOOKS), lines.is_up(REST)) == (False, True)
    assert (lines.places("public"), lines.places("market")) == ([], [3])


def test_the_wait_doubles_until_a_connection_has_lasted() -> None:
    clock = ManualClock()
    lines = Lines(clock)
    first, second = lines.down(BOOKS), lines.down(BOOKS)
    assert FIRST_DELAY_MS / 2 <= first <= FIRST_DELAY_MS <= second
    lines.up(BOOKS)
    clock.time_ms += PROVEN_MS + 1
    assert lines.down(BOOKS) <= FIRST_DELAY_MS
