from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.domain.money_builders import account, decision, request
from vortex.domain.decision import Action, Decision
from vortex.domain.explain import changes_of, explain, rejection_details
from vortex.domain.order import Side
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.strategies import Check, Trigger
from vortex.domain.trade import Strategy

PARAMS = RiskParams()
NEAR = Trigger(
    strategy=Strategy.A, side=Side.LONG,
    checks=(Check("score", 0.3, 0.35, passed=False), Check("s1", 0.5, 0.4, passed=True)),
)  # fmt: skip
FAR = Trigger(
    strategy=Strategy.B, side=Side.LONG,
    checks=(Check("rsi", 40.0, 30.0, passed=False), Check("regime", "TRENDING_UP", "RANGING", passed=False),
            Check("band", "", "1m|15m", passed=False), Check("mr", None, 0.6, passed=False)),
)  # fmt: skip


def hold(*triggers: Trigger, reason: str = "NO_STRATEGY") -> Decision:
    return decision(action=Action.HOLD, strategy=None, triggers=triggers, reasons=(reason,))


def test_a_hold_names_what_the_nearest_strategy_lacked() -> None:
    assert changes_of(hold(FAR, NEAR), None) == ("strategy A LONG: score must rise by 0.05, from 0.3 to 0.35",)


def test_every_kind_of_inequality_has_words() -> None:
    assert changes_of(hold(FAR), None) == (
        "strategy B LONG: rsi must fall by 10, from 40 to 30",
        "strategy B LONG: regime must be RANGING, not TRENDING_UP",
        "strategy B LONG: band must be 1m|15m, not missing",
        "strategy B LONG: mr must be 0.6, not missing",
    )


def test_a_debounced_trigger_only_has_to_hold() -> None:
    matched = replace(NEAR, checks=NEAR.checks[1:])
    assert changes_of(hold(matched, reason="DEBOUNCE"), None) == ("strategy A LONG: hold on the next new book too",)


@pytest.mark.parametrize("reason", ["ENGINE_STALE", "REGIME_EXTREME", "REGIME_UNKNOWN"])
def test_what_blocks_must_end(reason: str) -> None:
    triggers = () if reason == "ENGINE_STALE" else (NEAR,)
    assert changes_of(hold(*triggers, reason=reason), None) == (f"{reason} must end",)


def test_an_entry_needs_no_change() -> None:
    assert changes_of(decision(), None) == ()
    assert explain(decision(), {}, evaluate(request(), PARAMS)).changes == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"pending_entry": True}, ("PENDING_ENTRY: must not hold",)),
        ({"closed_gates": ("halted",)}, ("HALTED: halted",)),
        ({"decision": decision(atr15=30.0)}, None),
    ],
)
def test_a_reject_names_every_gate_that_failed_and_by_how_much(
    changes: dict[str, Any], expected: tuple[str, ...] | None
) -> None:
    asked = request(**changes)
    said = changes_of(asked.decision, evaluate(asked, PARAMS))
    if expected is None:
        assert [each.partition(":")[0] for each in said] == ["FEE_TOO_HIGH", "RR_LOW"]
        assert all(" against " in each and " short by " in each for each in said)
    else:
        assert said == expected


def test_the_account_s_objection_is_named_beside_the_gates() -> None:
    told = explain(decision(), {}, evaluate(request(), PARAMS), {"room_usdt": "12"})
    assert told.changes == ("the account: room_usdt was 12",)
    assert msgspec.json.decode(rejection_details(told))["account"] == {"room_usdt": "12"}


def test_details_are_json_with_every_gate_and_the_whole_story() -> None:
    asked = request(pending_entry=True)
    verdict = evaluate(asked, PARAMS)
    details = msgspec.json.decode(rejection_details(explain(decision(), {"E1": {"ofi": 1.5, "speed": None}}, verdict)))
    assert [gate["code"] for gate in details["gates"]] == [gate.code for gate in verdict.gates]
    spread = next(gate for gate in details["gates"] if gate["code"] == "SPREAD_WIDE")
    assert set(spread) == {"code", "passed", "value", "threshold", "margin"}
    assert "account" not in details
    assert details["capped_by"] is None
    story = details["explanation"]
    assert story["components"] == {"E1": {"ofi": 1.5, "speed": None}}
    assert story["verdict"]["figures"]["sl_price"] == "59915.4"
    assert story["changes"] == ["PENDING_ENTRY: must not hold"]


def test_without_a_verdict_there_are_no_gates() -> None:
    details = msgspec.json.decode(rejection_details(explain(hold(NEAR), {})))
    assert (details["gates"], details["capped_by"]) == ([], None)


def test_no_equity_is_a_story_too() -> None:
    told = explain(decision(), {}, evaluate(request(account=account(None)), PARAMS))
    assert told.changes == ("STALE_DATA: equity unknown",)
