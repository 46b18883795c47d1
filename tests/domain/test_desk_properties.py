"""Whatever a hostile world does to the messages, one trade at a time goes in, is protected, and comes out."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.hostile_world import HostileWorld

LIMIT_MS = 5_000


@settings(max_examples=200, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), faults=st.integers(0, 15))
def test_a_desk_survives_a_hostile_world(seed: int, faults: int) -> None:
    world = HostileWorld(seed, faults)
    world.run()
    exchange = world.exchange
    assert exchange.largest <= Decimal("0.1")  # never two entries
    assert max(exchange.sent.values(), default=0) <= 1  # no id twice
    assert exchange.position == 0
    assert exchange.resting == []  # no orphan
    for lasted_ms, faults_may_cost_ms in world.naked:
        assert lasted_ms <= LIMIT_MS + faults_may_cost_ms


def test_without_faults_a_position_is_naked_for_moments_only() -> None:
    for seed in range(5):
        world = HostileWorld(seed, 0)
        world.run()
        assert world.naked
        assert max(lasted_ms for lasted_ms, _ in world.naked) <= LIMIT_MS
