from __future__ import annotations

import time
import uuid

import pytest

from tests.adapters.binance.servers import ScriptedServer
from vortex.adapters.clock import SimulatorClock, SystemClock, UuidIds


class Stopwatch:
    def __init__(self) -> None:
        self.s = 100.0

    def __call__(self) -> float:
        return self.s


def test_the_system_clock_is_utc_at_real_speed() -> None:
    clock = SystemClock()
    before_ms, now_ms, after_ms = time.time_ns() // 1_000_000, clock.now_ms(), time.time_ns() // 1_000_000
    assert before_ms - 1 <= now_ms <= after_ms + 1
    assert clock.real_s(250.0) == 0.25
    assert clock.monotonic_ms() <= clock.monotonic_ms()


def test_the_simulator_clock_runs_on_from_its_anchor_at_its_speed() -> None:
    stopwatch = Stopwatch()
    clock = SimulatorClock(1_000_000, 4.0, stopwatch)
    assert (clock.now_ms(), clock.monotonic_ms()) == (1_000_000, 0.0)
    stopwatch.s += 2.5
    assert (clock.now_ms(), clock.monotonic_ms()) == (1_010_000, 10_000.0)
    assert clock.real_s(10_000) == 2.5


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan")])
def test_a_clock_that_stands_still_is_refused(speed: float) -> None:
    with pytest.raises(ValueError, match="above 0"):
        SimulatorClock(0, speed)


def test_no_simulator_is_an_os_error() -> None:
    server = ScriptedServer()
    url = server.url
    server.close()
    with pytest.raises(OSError, match=r".+"):
        SimulatorClock.read(url, timeout_s=5.0)


def test_ids_are_uuids_and_differ() -> None:
    ids = UuidIds()
    assert uuid.UUID(ids.uuid()) != uuid.UUID(ids.uuid())
