"""The mix of troubles: a seed draws the same again, every kind has its allowance, the judge sees through excuses."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from tests.chaos.allowances import ALLOWANCES, Deed, Evidence, excused, joined, judge, request_ms
from tests.chaos.mix import run
from tests.chaos.troubles import KINDS, SYMBOLS, troubles

BTC = SYMBOLS[0]
SAMPLE_SEED, SAMPLE_MINUTES, SAMPLE_CALM_MS = 2566, 0.13, 20_000
"""Sixteen troubles of nine kinds in thirty seconds of the exchange's time."""


def test_a_seed_draws_the_same_troubles_of_every_kind() -> None:
    drawn = list(islice(troubles(3), 2_000))
    assert drawn == list(islice(troubles(3), 2_000))
    assert drawn != list(islice(troubles(4), 2_000))
    assert {trouble.kind for trouble in drawn} == set(KINDS) == set(ALLOWANCES)
    for trouble in drawn:
        assert ALLOWANCES[trouble.kind].cost_ms(trouble.body) >= 0


def test_a_spoiled_request_costs_what_it_is_waited_for() -> None:
    assert request_ms("timeout_after_apply", "POST") == 2_000
    assert request_ms("http:503", "GET") == 4_000
    assert (request_ms("delay:1500", "GET"), request_ms("delay:10000", "POST")) == (1_500, 2_000)
    assert request_ms("lag:10000", "GET") == 10_000


def test_times_are_joined_and_never_added() -> None:
    assert joined([(5, 9), (1, 3), (2, 4), (6, 7)]) == [(1, 4), (5, 9)]


# ------------------------------------------------------------------------------------------------ the judge


def fill(at_ms: int, client_id: str, quantity: str, side: str = "BUY") -> dict[str, Any]:
    return {
        "id": at_ms, "ts_ms": at_ms, "symbol": BTC, "client_id": client_id, "side": side, "qty": quantity, "price": "1",
        "commission": "0",
    }  # fmt: skip


def line(at_ms: int, amount: str, *, working: bool, **more: Any) -> dict[str, Any]:
    event = {"event": "FILL", "ts_ms": at_ms, "symbol": BTC, "position_amt": amount, "stop_working": working}
    return event | more


def order(fill_: Mapping[str, Any], *, reduce_only: bool = False) -> dict[str, Any]:
    states = [{"ts_ms": fill_["ts_ms"], "status": status} for status in ("NEW", "FILLED")]
    kept = {key: fill_[key] for key in ("symbol", "client_id", "side", "qty")}
    return {
        **kept,
        "reduce_only": reduce_only,
        "close_position": False,
        "received_ms": fill_["ts_ms"],
        "states": states,
    }


def naked_from_1_s_to(end_ms: int, *more: Mapping[str, Any], deeds: tuple[Deed, ...] = ()) -> Evidence:
    """A position that is closed at last, and never had a stop."""
    entry, exit_ = fill(1_000, "v7-main-BTCUSDT-1-1E", "1"), fill(end_ms, "v7-main-BTCUSDT-1-2X", "1", "SELL")
    timeline = [line(1_000, "1", working=False), *more, line(end_ms, "0", working=False)]
    orders = [order(entry), order(exit_, reduce_only=True)]
    ledger = {
        "now_ms": 60_000, "fills": [entry, exit_], "orders": orders, "algo_orders": [], "timeline": timeline,
    }  # fmt: skip
    return Evidence(ledger=ledger, rows=(), deeds=deeds)


def unprotected(evidence: Evidence) -> list[str]:
    return [each for each in judge(evidence, SYMBOLS) if "unprotected" in each]


def test_a_trouble_excuses_its_own_time_and_no_more() -> None:
    assert unprotected(naked_from_1_s_to(7_000)) != []
    broken = Deed(ts_ms=1_000, kind="status", body={"symbol": BTC, "for_ms": 1_000})
    assert unprotected(naked_from_1_s_to(13_000, deeds=(broken,))) == []
    assert unprotected(naked_from_1_s_to(18_000, deeds=(broken,))) != []
    elsewhere = Deed(ts_ms=1_000, kind="status", body={"symbol": SYMBOLS[1], "for_ms": 1_000})
    assert unprotected(naked_from_1_s_to(13_000, deeds=(elsewhere,))) != []
    harmless = Deed(
        ts_ms=1_000, kind="crash", body={"actor": f"{BTC}/monitor", "how": "hang", "seconds": 6, "times": 1}
    )
    assert unprotected(naked_from_1_s_to(7_000, deeds=(harmless,))) != []


def test_a_rule_excuses_from_when_it_fires() -> None:
    fired = line(
        1_200, "1", working=False, event="FAULT", do="timeout_after_apply", method="POST", path="/fapi/v1/order"
    )
    assert unprotected(naked_from_1_s_to(3_900, fired)) == []
    assert unprotected(naked_from_1_s_to(9_000, fired)) != []


def test_what_a_person_opened_is_his_and_what_he_added_to_ours_is_judged() -> None:
    his = [fill(1_000, "web_1", "1"), fill(50_000, "web_2", "1", "SELL")]
    ours = [fill(1_000, "v7-main-BTCUSDT-1-1E", "2"), fill(2_000, "web_1", "1"),
            fill(3_000, "v7-main-BTCUSDT-1-2X", "2", "SELL"), fill(9_000, "web_2", "1", "SELL")]  # fmt: skip
    for fills, foreign in ((his, (1_000, 50_000)), (ours, (3_000, 9_000))):
        ledger = {"now_ms": 60_000, "fills": fills, "orders": [], "algo_orders": [], "timeline": []}
        assert excused(Evidence(ledger=ledger, rows=(), deeds=()), BTC) == [foreign]


def test_a_trade_that_a_person_had_a_hand_in_needs_its_row_too() -> None:
    fills = [fill(1_000, "v7-main-BTCUSDT-1-1E", "2"), fill(2_000, "web_1", "2", "SELL")]
    ledger = {"now_ms": 60_000, "fills": fills, "orders": [], "algo_orders": [], "timeline": []}
    found = judge(Evidence(ledger=ledger, rows=(), deeds=()), SYMBOLS)
    assert any("beside which a person traded" in each for each in found)


# ------------------------------------------------------------------------------------------------ the real thing


@pytest.mark.e2e
@pytest.mark.shared
def test_a_few_seconds_of_everything(tmp_path: Path) -> None:
    assert run(SAMPLE_SEED, SAMPLE_MINUTES, tmp_path, calm_ms=SAMPLE_CALM_MS) == []
