"""Every actor crashes at every message it handles, before and after the effect; nothing is lost, nothing is doubled."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.chaos.matrix import Verdict, run_seed, run_seeds
from tests.chaos.plan import points, possible
from tests.chaos.profile import hushed

SEEDS = 300
WORKERS = min(2, os.cpu_count() or 1)
AGAIN = "again: .venv/bin/python -m tests.chaos --seed"


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with hushed():
        yield


@pytest.fixture(scope="module")
def verdicts() -> dict[int, Verdict]:
    return {verdict.seed: verdict for verdict in run_seeds(range(SEEDS), WORKERS)}


def test_no_crash_violates_anything(verdicts: dict[int, Verdict]) -> None:
    assert len(verdicts) == SEEDS
    violated = [
        f"seed {seed}: {violation} ({AGAIN} {seed})"
        for seed, verdict in sorted(verdicts.items())
        for violation in verdict.violations
    ]
    assert violated == []


def test_every_crash_point_was_reached(verdicts: dict[int, Verdict]) -> None:
    """A message type that never comes must be provoked (occasions.py), or be called impossible (plan.py)."""
    hit = {point for verdict in verdicts.values() for point in verdict.hit}
    assert sorted(str(point) for point in possible() if point not in hit) == []


def test_only_the_runtimes_own_messages_cannot_be_reached() -> None:
    out_of_reach = {point.message for point, reason in points().items() if reason is not None}
    assert out_of_reach == {"Beat", "Crash", "Stop"}
    assert {point.role for point in possible()} >= {
        "root",
        "exchange",
        "storage",
        "*",
        "*/E1",
        "*/decision",
        "*/monitor",
    }


def test_the_same_seed_in_another_process_is_the_same_run(verdicts: dict[int, Verdict]) -> None:
    for seed in (3, 123, 270):
        assert run_seed(seed).trace == verdicts[seed].trace


def test_different_seeds_are_different_runs(verdicts: dict[int, Verdict]) -> None:
    assert len({verdict.trace for verdict in verdicts.values()}) == SEEDS
