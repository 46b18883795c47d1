from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.app.dashboard.samples import ACTORS, DECISION, EXPLAINED, HELD, NOW_MS, STATUS, UNKNOWN
from vortex.app.dashboard import panels
from vortex.app.dashboard.cells import Cell, Table
from vortex.app.dashboard.source import Board

pytestmark = pytest.mark.usefixtures("rounding_of_others")


def texts(table: Table) -> list[list[str]]:
    assert all(len(row.cells) == len(table.columns) for row in table.rows)
    return [[cell.text for cell in row.cells] for row in table.rows]


def shown(pairs: Sequence[tuple[str, Cell]]) -> dict[str, str]:
    return {name: cell.text for name, cell in pairs}


def test_a_position_and_what_protects_it() -> None:
    table = panels.positions(STATUS)
    assert texts(table) == [
        ["BTCUSDT", "SHORT", "A", "0.001", "12x", "61,815.00", "61,815.203", "61,988.20", "61,295.30", "66,699.452",
         "yes", "-0.0002", "92 ms", "4 s"],
    ]  # fmt: skip
    assert [cell.tone for cell in table.rows[0].cells[10:]] == ["good", "bad", "", "warn"]
    naked = {**STATUS, "symbols": {"BTCUSDT": {**HELD, "protected": False}}}
    assert panels.positions(naked).rows[0].cells[10] == Cell("NO", "bad")
    doubtful = {**STATUS, "symbols": {"BTCUSDT": {**HELD, "protected": None}}}
    assert panels.positions(doubtful).rows[0].cells[10].text == "-"


def test_no_position_is_not_the_same_as_none_known() -> None:
    assert panels.positions(UNKNOWN).empty == "no open position"
    assert panels.positions(None).empty == "not known"


def test_the_account() -> None:
    assert shown(panels.account(STATUS)) == {
        "equity, USDT": "9,999.83", "today, USDT": "-0.17", "unrealized, USDT": "0.00", "open positions": "1",
        "drawdown latch": "not latched", "API weight, 1 min": "93", "orders, 1 min": "11", "unknown orders": "0",
    }  # fmt: skip
    silent = shown(panels.account(UNKNOWN))
    assert (silent["equity, USDT"], silent["drawdown latch"], silent["unknown orders"]) == ("-", "-", "-")
    assert set(shown(panels.account(None)).values()) == {"-"}
    latched = {**STATUS, "account": {**STATUS["account"], "drawdown_latched": True}}
    assert dict(panels.account(latched))["drawdown latch"].tone == "bad"
    unmarked = {**STATUS, "symbols": {"BTCUSDT": {**HELD, "position": {**HELD["position"], "upnl_usdt": None}}}}
    assert shown(panels.account(unmarked))["unrealized, USDT"] == "-", "a sum with a hole is no sum"


def test_closed_gates_have_a_reason() -> None:
    assert texts(panels.gates(STATUS)) == [["paused", "ETHUSDT", "08-08 12:00:00", "by the <control> API"]]
    assert panels.gates(UNKNOWN).empty == "every gate is open: entries are allowed"
    assert panels.gates(None).empty == "not known"


def test_feeds_of_all_symbols_up_to_a_limit() -> None:
    rows = texts(panels.feeds(STATUS))
    assert rows[0] == ["BTCUSDT", "92 ms", "81 ms", "245 ms", "245 ms", "4 s", "-", "1 min 01 s", "4 s"]
    assert rows[1] == ["ETHUSDT", *["-"] * 8]
    many = {**STATUS, "symbols": {f"A{number}USDT": HELD for number in range(200)}}
    assert len(panels.feeds(many).rows) == panels.MOST_SYMBOLS


def test_engines_and_the_newest_evaluation() -> None:
    rows = texts(panels.engines(STATUS, "BTCUSDT"))
    assert rows[0] == ["E1", "-0.158", "0.37", "0.80", "114 ms", "VPIN_WARMING"]
    assert texts(panels.engines(STATUS, "ETHUSDT"))[0] == ["E1", *["-"] * 5]
    assert panels.engines(STATUS, "NOSUCH").rows == panels.engines(None, "BTCUSDT").rows == ()
    line = panels.decision(EXPLAINED)
    assert line.startswith("08-08 12:00:00 SHORT by strategy A, score -0.114, confidence 0.214 (a score, no probab")
    assert line.endswith("RANGING/UNKNOWN, flow NORMAL; STRATEGY_A")
    assert panels.decision(None) == panels.decision({"explanation": None}) == "no evaluation is known"
    assert DECISION["id"] not in line


def test_actors_stand_below_their_supervisors() -> None:
    table = panels.actors(ACTORS)
    names = [row[0] for row in texts(table)]
    assert [name.strip("\u00a0") for name in names] == [
        "root", "exchange", "hot_store", "storage", "BTCUSDT", "E1", "monitor",
    ]  # fmt: skip
    assert [len(name) - len(name.lstrip("\u00a0")) for name in names] == [0, 3, 3, 3, 3, 6, 6]
    assert texts(table)[-1][1:] == ["RESTARTING", "3", "2", "0", "0", "ZeroDivisionError: by <0>"]
    assert [cell.tone for cell in table.rows[-1].cells[1:4]] == ["warn", "", "warn"]
    assert panels.actors(None).rows == ()


def test_stores() -> None:
    board = Board(label="x", status=STATUS, actors=ACTORS)
    assert shown(panels.stores(board)) == {
        "rows waiting": "0", "oldest waits": "-", "rows set aside": "0", "ledger writer": "READY",
        "hot store": "READY", "hot store mailbox": "0",
    }  # fmt: skip
    late = {**STATUS, "outbox": {"pending": 3, "oldest_s": 75, "parked": 1}, "hot_store": {"kind": "redis"}}
    told = panels.stores(Board(label="x", status=late, actors=ACTORS))
    assert shown(told)["oldest waits"] == "1 min 15 s"
    assert dict(told)["rows set aside"].tone == "warn"
    assert shown(told)["hot store kind"] == "redis"
    assert set(shown(panels.stores(Board(label="x"))).values()) == {"-"}


def test_the_moment_is_the_sample_s() -> None:
    assert STATUS["now_ms"] == NOW_MS
