from __future__ import annotations

from typing import Any

from tests.app.dashboard.samples import NOW_MS, RESULTS, TRADES
from vortex.app.dashboard import charts

MINUTE_MS = 60_000


def candle(number: int) -> dict[str, Any]:
    return {"open_ms": NOW_MS + number * MINUTE_MS, "open": 1.0, "high": 3.0, "low": 0.5, "close": 2.0}


ANSWER = {"symbol": "BTCUSDT", "candles": [candle(number) for number in range(3)]}


def trade(opened_ms: int, closed_ms: int | None) -> dict[str, Any]:
    return {**TRADES[0], "opened_at": opened_ms, "closed_at": closed_ms}


def test_candles_with_entries_and_exits() -> None:
    last_ms = NOW_MS + 2 * MINUTE_MS
    found = charts.candles(
        ANSWER,
        [
            trade(NOW_MS + 1, last_ms + MINUTE_MS - 1), trade(NOW_MS - 1, last_ms + MINUTE_MS), trade(last_ms, None),
            {**trade(NOW_MS, NOW_MS), "symbol": "ETHUSDT"},
        ],
    )  # fmt: skip
    drawn, entries, exits = found["series"]
    assert drawn["data"] == [[1.0, 2.0, 0.5, 3.0]] * 3
    assert [each["value"] for each in entries["data"]] == [[0, 60_000.0], [2, 60_000.0]]
    assert [each["value"] for each in exits["data"]] == [[2, 60_248.0]]
    assert entries["data"][0]["name"] == "enter LONG 0.1 at 60,000.00"
    assert exits["data"][0]["name"] == "TP_HIT of LONG at 60,248.00, net +18.7876 USDT"
    assert found["xAxis"]["data"] == ["12:00", "12:01", "12:02"]


def test_nothing_to_draw() -> None:
    assert [series["data"] for series in charts.candles(None, None)["series"]] == [[], [], []]
    assert [series["data"] for series in charts.curve(None)["series"]] == [[], []]


def test_the_curve_of_closed_trades() -> None:
    net, fallen = charts.curve(RESULTS["sources"][0])["series"]
    assert (net["name"], fallen["name"]) == ("net", "drawdown")
    assert net["data"] == [18.7876, 2.29285]
    assert fallen["data"] == [0.0, -16.49475]
