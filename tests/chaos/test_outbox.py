"""The outbox under kills, in short; `make chaos-outbox` has more of everything."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from tests.chaos.outbox import Campaign, Plan, Verdict, campaign, run
from tests.chaos.outbox_places import fickle
from tests.chaos.outbox_trader import BOUNDARIES
from tests.chaos.progress import Progress
from tests.chaos.supabase_place import supabase

FAST = ("--rate", 400)


@pytest.mark.e2e
def test_a_kill_at_every_boundary_loses_nothing_and_doubles_nothing(tmp_path: Path) -> None:
    with fickle(tmp_path, 0.25) as place:
        campaign = Campaign(tmp_path, place)
        for nth in (1, 3):
            for boundary in BOUNDARIES:
                assert campaign.die_at(boundary, nth, *FAST)
        verdict = campaign.judge(campaign.drain())
    assert verdict.violations == ()
    assert verdict.kills == 2 * len(BOUNDARIES)
    assert verdict.acknowledged > 0


@pytest.mark.e2e
def test_kills_lost_replies_poison_and_an_outage_together_on_the_real_way(tmp_path: Path) -> None:
    plan = Plan(
        kills=3, outage_rows=200, rate=200.0, poison=0.01, life_s=(1.0, 1.8), from_first_row=True, minutes=5.0
    )  # fmt: skip
    with supabase(tmp_path, plan.lost) as place:
        verdict = run(plan, place, tmp_path, seed=1)
    assert verdict.violations == ()
    assert verdict.most_pending >= plan.outage_rows
    assert verdict.parked > 0
    assert verdict.arrived > plan.outage_rows / 2


def _season(*violations: str) -> Verdict:
    return Verdict(
        kills=1, acknowledged=2, arrived=1, parked=0, most_pending=9, drained_s=1.0, violations=violations
    )  # fmt: skip


def test_a_campaign_goes_on_where_it_was_stopped(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plan = Plan(kills=2, outage_rows=9, rate=200.0, life_s=(1.8, 2.6))
    state = tmp_path / "seasons.jsonl"
    Progress(state, Verdict).add(_season())
    for _ in range(2):
        assert campaign(plan, 1, state, fickle) == 0
        known = Progress(state, Verdict).verdicts
        assert [verdict.kills for verdict in known] == [1, 1]
    assert campaign(structs.replace(plan, outage_rows=10**6, minutes=0.0), 1, state, fickle) == 0
    assert "0 kills and an outage of 1000000 rows are left" in capsys.readouterr().out


def test_a_violation_stays_known(tmp_path: Path) -> None:
    Progress(tmp_path / "seasons.jsonl", Verdict).add(_season("x: lost"))
    assert campaign(Plan(kills=1, outage_rows=9), 1, tmp_path / "seasons.jsonl", fickle) == 1


def test_the_judge_finds_what_is_lost_what_is_old_and_what_was_set_aside_for_nothing(tmp_path: Path) -> None:
    with fickle(tmp_path, 0.0) as place:
        campaign = Campaign(tmp_path, place)
        assert campaign.die_at("written", 2, *FAST)
        assert campaign.judge().violations != ()
        campaign.drain()
        good = campaign.judge()
        assert good.violations == ()
        row_id = place.arrived()[0].id
        for lines, words in (
            ("try nowhere-1 1\nack nowhere-1 1\n", "nowhere-1: refused by the store, but not set aside"),
            (f"ack {row_id} 9\n", f"{row_id}: arrived in version"),
            (f"ack {'0' * 32} 1\n", f"{'0' * 32}: acknowledged, but lost"),
        ):
            log = tmp_path / "log"
            before = log.read_text("ascii")
            log.write_text(before + lines, "ascii")
            assert any(words in violation for violation in campaign.judge().violations)
            log.write_text(before, "ascii")
