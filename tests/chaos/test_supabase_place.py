"""The outbox under kills, lost replies, poison and an outage, before a ledger in a real PostgreSQL, in short."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos.outbox import Plan, run
from tests.chaos.supabase_place import supabase


@pytest.mark.chaos
def test_every_acknowledged_row_arrives_in_postgresql_once(tmp_path: Path) -> None:
    plan = Plan(kills=2, outage_rows=150, rate=200.0, poison=0.01, life_s=(2.0, 3.0), minutes=5.0)
    with supabase(tmp_path, plan.lost) as place:
        verdict = run(plan, place, tmp_path, seed=1)
    assert verdict.violations == ()
    assert verdict.most_pending >= plan.outage_rows
    assert verdict.parked > 0
    assert verdict.arrived > 100
