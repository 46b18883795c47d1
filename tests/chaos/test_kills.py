"""The real process is killed around the requests of a trade, and the next one goes on; `make chaos-kills` takes all."""

from __future__ import annotations

import pytest

from tests.chaos.kill_lane import lane
from tests.chaos.kill_points import A_LIFE, ALGO, LEVERAGE, MARGIN, ORDER, Life, life_of, points
from tests.kit.kill_proxy import Boundary, KillPoint

BEFORE, APPLIED, REPLIED = Boundary
LIVES = (
    Life(seed=1, kills=(
        KillPoint("POST", ORDER, APPLIED, "E"),
        KillPoint("POST", ALGO, BEFORE, "S"),
        KillPoint("POST", ALGO, APPLIED, "T"),
        KillPoint("POST", ORDER, REPLIED, "X", delay_ms=2),
    )),
    Life(seed=2, kills=(
        KillPoint("POST", ORDER, REPLIED, "E"),
        KillPoint("POST", ALGO, APPLIED, "S"),
        KillPoint("POST", ORDER, APPLIED, "X"),
        KillPoint("DELETE", ALGO, BEFORE, "S"),
        KillPoint("DELETE", ALGO, APPLIED, "T"),
    )),
)  # fmt: skip
"""Entry, stop, take-profit, exit and cancel, and each boundary of them more than once."""


@pytest.mark.e2e
def test_a_killed_process_leaves_nothing_twice_nothing_naked_and_nothing_lost() -> None:
    with lane() as one:
        for life in LIVES:
            verdict = one.live(life)
            assert verdict.violations == ()
            assert verdict.missed == ()
            assert [each.point for each in verdict.killed] == list(life.kills)


def test_every_point_comes_once_in_a_round_and_a_life_meddles_once() -> None:
    rounds = 3 * len(points())
    lives = [life_of(seed) for seed in range(rounds // A_LIFE + 1)]
    planned = {(kill.method, kill.path, kill.role, kill.boundary) for life in lives for kill in life.kills}
    assert planned >= {(one.method, one.path, one.role, one.boundary) for one in points()}
    for life in lives:
        meddling = [kill.path for kill in life.kills if kill.path in (LEVERAGE, MARGIN)]
        assert meddling == ([] if life.meddled is None else [life.meddled])
