from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.server.clock import SimClock


class Stopwatch:
    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_runs_at_its_speed() -> None:
    stopwatch = Stopwatch()
    clock = SimClock(start_ms=1_000_000, speed=4.0, monotonic_s=stopwatch)
    stopwatch.now_s += 2.0
    assert clock.now_ms() == 1_008_000
    assert clock.real_s(8_000) == 2.0


def test_a_bound_clock_runs_at_the_speed_of_the_world_only() -> None:
    clock = SimClock(start_ms=0, speed=1.0, bound=True)
    clock.set_speed(1.0)
    for attempt in (lambda: clock.set_speed(1.5), lambda: SimClock(start_ms=0, speed=4.0, bound=True)):
        with pytest.raises(ValueError, match="a live market runs at speed 1, not"):
            attempt()


@given(st.lists(st.tuples(st.floats(0.01, 1_000.0), st.floats(0.0, 10.0)), max_size=20))
def test_never_runs_backwards_over_changes_of_speed(steps: list[tuple[float, float]]) -> None:
    stopwatch = Stopwatch()
    clock = SimClock(start_ms=0, speed=1.0, monotonic_s=stopwatch)
    before_ms = clock.now_ms()
    for speed, passed_s in steps:
        clock.set_speed(speed)
        stopwatch.now_s += passed_s
        assert clock.now_ms() >= before_ms
        before_ms = clock.now_ms()


def test_offset_shifts_what_is_shown_only() -> None:
    clock = SimClock(start_ms=5_000, speed=1.0, monotonic_s=Stopwatch())
    clock.offset_ms = -700
    assert clock.now_ms() == 5_000
    assert clock.server_ms() == clock.shown_ms(5_000) == 4_300
    assert clock.hidden_ms(4_300) == 5_000


@pytest.mark.parametrize("speed", [0.0, -1.0, 1_000.1, float("nan")])
def test_refuses_an_impossible_speed(speed: float) -> None:
    clock = SimClock(start_ms=0, speed=1.0)
    with pytest.raises(ValueError, match="speed must be"):
        clock.set_speed(speed)
    assert clock.speed == 1.0
