"""Whatever a hostile world does to the messages, one trade at a time goes in, is protected, and comes out."""

from __future__ import annotations

from tests.domain.hostile_judge import LIMIT_MS, violations_of
from tests.domain.hostile_world import HostileWorld

SEEDS = 1_000
"""Ten times as many by `make chaos-faults`."""


def test_a_desk_survives_a_hostile_world() -> None:
    violated = {seed: found for seed in range(SEEDS) if (found := violations_of(seed))}
    assert violated == {}, "again: .venv/bin/python -m tests.chaos.faults --seed"


def test_without_faults_a_position_is_naked_for_moments_only() -> None:
    for seed in range(5):
        world = HostileWorld(seed, 0, ())
        world.run()
        assert world.naked
        assert max(lasted_ms for lasted_ms, _ in world.naked) <= LIMIT_MS
