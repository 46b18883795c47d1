from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators.volatility import LADDER, PhaseLimits, PhaseTracker
from vortex.domain.signal import VolatilityPhase

LOW, NORMAL, HIGH, EXTREME = LADDER
S = 1_000


def run(*steps: tuple[int, float | None], shocks: tuple[int, ...] = ()) -> list[VolatilityPhase | None]:
    tracker = PhaseTracker(PhaseLimits())
    return [tracker.step(at_s * S, rho, shocked=at_s in shocks) for at_s, rho in steps]


@pytest.mark.parametrize(
    ("rho", "phase"),
    [(0.0, LOW), (0.49, LOW), (0.5, NORMAL), (1.49, NORMAL), (1.5, HIGH), (2.99, HIGH), (3.0, EXTREME), (9.0, EXTREME)],
)
def test_the_first_phase_is_that_of_rho(rho: float, phase: VolatilityPhase) -> None:
    assert run((0, rho)) == [phase]


def test_it_goes_up_at_once_and_as_far_as_asked() -> None:
    assert run((0, 1.0), (0, 1.5), (0, 3.0)) == [NORMAL, HIGH, EXTREME]
    assert run((0, 0.1), (0, 5.0)) == [LOW, EXTREME]


def test_low_ends_above_its_own_limit() -> None:
    assert run((0, 0.4), (100, 0.55), (101, 0.6), (102, 0.61)) == [LOW, LOW, LOW, NORMAL]


def test_it_goes_down_one_step_after_each_dwell_time() -> None:
    assert run((0, 2.0), (59, 0.1), (60, 0.1), (119, 0.1), (120, 0.1)) == [HIGH, HIGH, NORMAL, NORMAL, LOW]
    assert run((0, 2.0), (99, 1.3), (100, 1.29)) == [HIGH, HIGH, NORMAL]


def test_extreme_lasts_five_minutes_and_until_rho_calms() -> None:
    assert run((0, 3.0), (299, 0.1), (300, 2.5), (301, 2.49)) == [EXTREME, EXTREME, EXTREME, HIGH]


def test_a_shock_is_extreme_whatever_rho_says_and_starts_the_dwell_time_again() -> None:
    steps: tuple[tuple[int, float | None], ...] = ((0, None), (1, 1.0), (200, 1.0), (499, 1.0), (500, 1.0))
    assert run(*steps, shocks=(0, 200)) == [EXTREME, EXTREME, EXTREME, EXTREME, HIGH]


def test_no_rho_is_no_phase() -> None:
    assert run((0, None), (1, 1.0), (2, None)) == [None, NORMAL, None]


@given(st.lists(st.tuples(st.integers(0, 100), st.floats(0, 5)), min_size=1, max_size=40))
def test_no_evaluation_falls_by_more_than_one_step(moves: list[tuple[int, float]]) -> None:
    tracker, now = PhaseTracker(PhaseLimits()), 0
    before: int | None = None
    for elapsed, rho in moves:
        now += elapsed * S
        phase = tracker.step(now, rho, shocked=False)
        assert phase is not None
        level = LADDER.index(phase)
        assert before is None or level >= before - 1
        assert rho < 3.0 or phase == EXTREME
        before = level
