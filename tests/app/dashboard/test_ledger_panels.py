from __future__ import annotations

from typing import Any

import pytest

from tests.app.dashboard.samples import EXPLAINED, NOW_MS, REJECT, RESULTS, TRADES
from tests.app.dashboard.test_panels import texts
from vortex.app.dashboard import ledger_panels
from vortex.app.dashboard.cells import Cell

pytestmark = pytest.mark.usefixtures("rounding_of_others")


def test_results_by_what_trades_have_in_common() -> None:
    rows = texts(ledger_panels.tallies(RESULTS))
    assert [(row[0], row[1]) for row in rows] == [
        ("closed", "today"), ("", "7 days"), ("", "all"), ("symbol", "BTCUSDT"), ("", "ETHUSDT"), ("strategy", "A"),
        ("", "B"), ("exit", "SL_HIT"), ("", "TP_HIT"),
    ]  # fmt: skip
    assert rows[0][2:] == ["0", "-", "-", "-", "-", "-", "-"], "of no trade nothing is known, not even a zero"
    assert rows[2][2:] == ["2", "+2.2928", "14.3000", "12.0072", "0.5000", "50 % [9, 91]", "1.14"]
    assert ledger_panels.tallies(None).rows == ()


def test_a_caption_says_what_the_figures_are_worth() -> None:
    source = RESULTS["sources"][0]
    assert ledger_panels.caption(RESULTS).startswith("testnet · Binance Demo Trading: intervals")
    simulated = {**source, "mode": "paper", "label": "simulated market: not evidence"}
    two = ledger_panels.caption({"sources": [simulated, source]})
    assert two.startswith("paper · Binance Demo Trading: simulated market: not evidence; intervals")
    assert two.endswith("1 other sources in this ledger are not added up here")
    assert (
        ledger_panels.caption({"sources": []}) == ledger_panels.tallies({"sources": []}).empty == "no closed trade yet"
    )
    assert ledger_panels.caption(None) == ledger_panels.tallies(None).empty == "not known"
    assert ledger_panels.changes(None) == ()


def test_trades() -> None:
    rows = texts(ledger_panels.trades(TRADES))
    assert rows[0] == [
        "01-01 00:00:00", "01-01 00:00:00", "BTCUSDT", "LONG", "A", "0.1", "60,000.00", "60,248.00", "6.0124",
        "+18.7876", "TP_HIT",
    ]  # fmt: skip
    running = {**TRADES[0], "status": "OPEN", "closed_at": None, "exit_price": None, "close_fee_usdt": None,
               "pnl_net_usdt": None, "close_reason": None}  # fmt: skip
    (row,) = texts(ledger_panels.trades([running]))
    assert (row[1], row[7], row[8], row[9], row[10]) == ("-", "-", "3.0000", "-", "OPEN")
    assert len(ledger_panels.trades([running] * 50).rows) == ledger_panels.SHOWN
    assert (ledger_panels.trades([]).empty, ledger_panels.trades(None).empty) == ("no trade yet", "not known")


def test_a_reject_opens() -> None:
    closed, opened = (ledger_panels.rejects([REJECT], given) for given in ({}, {"r1": ("because",)}))
    assert texts(closed) == [
        ["08-08 12:00:00", "BTCUSDT", "SHORT", "A", "COOLDOWN", "3", "0.214", "-0.114", "why"],
    ]  # fmt: skip
    assert (closed.rows[0].key, closed.rows[0].below, opened.rows[0].below) == ("r1", None, ("because",))
    assert ledger_panels.rejects([], {}).empty == "nothing was refused"
    assert REJECT["created_at"] == NOW_MS


def test_the_story_of_a_reject() -> None:
    assert ledger_panels.reject_story(EXPLAINED) == (
        "BTCUSDT SHORT A: score -0.114, confidence 0.214; RANGING/UNKNOWN, flow NORMAL",
        "COOLDOWN: seen 12 s, needed -",
        "the account objected: open_risk 0.06",
        "would have passed with: COOLDOWN: 12 s",
    )
    (gone,) = ledger_panels.reject_story({"explanation": None})
    assert "not kept any more" in gone


def test_the_path_of_a_decision() -> None:
    table = ledger_panels.checks(EXPLAINED)
    assert texts(table) == [
        ["strategy A SHORT", "score", "0.114", "0.05", "ok"], ["", "phase", "-", "LOW|NORMAL", "FAIL"],
        ["gate", "COOLDOWN", "12 s", "-", "FAIL"], ["", "RR_LOW", "-", "-", "-"],
    ]  # fmt: skip
    assert table.rows[1].cells[-1] == Cell("FAIL", "bad")
    assert ledger_panels.checks(None).empty == "the newest evaluation is not known"
    quiet: dict[str, Any] = {
        "explanation": {"decision": {"triggers": []}, "verdict": None, "denied": None, "changes": []}
    }
    assert ledger_panels.checks(quiet).empty == "no strategy was asked"
    assert ledger_panels.changes(quiet) == ("nothing stood in its way",)
