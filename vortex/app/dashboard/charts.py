"""Options of the two charts: the curve of closed trades, and candles with entries and exits."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any

from vortex.app.dashboard import cells

Json = Mapping[str, Any]
GREEN, RED, BLUE, GREY = "#1a9c6b", "#d2504b", "#3b7dd8", "#8a94a3"
"""Readable on light and on dark ground."""
GRID, AXIS = {"lineStyle": {"color": "rgba(138,148,163,0.18)"}}, {"lineStyle": {"color": "rgba(138,148,163,0.5)"}}
FONT = "system-ui, sans-serif"
MINUTE_MS = 60_000
AT_FIRST = 60
"""Candles that are shown before somebody zooms out."""


def curve(page: Json | None) -> dict[str, Any]:
    """Net result of closed trades, and how far it is below its peak."""
    points = page["curve"] if page is not None else ()
    times = [cells.stamp(point["closed_ms"]) for point in points]
    net, fallen = ([float(point[name]) for point in points] for name in ("net_usdt", "drawdown_usdt"))
    return {
        **_frame("axis"),
        "legend": {"data": ["net", "drawdown"], "top": 0, "left": 0, "textStyle": {"color": GREY}, "itemHeight": 8},
        "xAxis": _time_axis(times),
        "yAxis": _value_axis("USDT"),
        "series": [
            {"name": "net", "type": "line", "data": net, "symbol": "none", "lineStyle": {"width": 1.5},
             "color": BLUE},
            {"name": "drawdown", "type": "line", "data": fallen, "symbol": "none", "lineStyle": {"width": 0},
             "areaStyle": {"opacity": 0.25}, "color": RED},
        ],
    }  # fmt: skip


def candles(answer: Json | None, trades: Sequence[Json] | None) -> dict[str, Any]:
    """One-minute candles of a symbol, with the entries and exits that fall into them."""
    rows = answer["candles"] if answer is not None else ()
    symbol = answer["symbol"] if answer is not None else ""
    own = [trade for trade in trades or () if trade["symbol"] == symbol]
    return {
        **_frame("item"),
        "xAxis": _time_axis([cells.stamp(each["open_ms"])[6:11] for each in rows]),
        "yAxis": {**_value_axis(""), "scale": True},
        "dataZoom": [{"type": "inside", "start": 100 - 100 * min(1.0, AT_FIRST / max(1, len(rows))), "end": 100}],
        "series": [
            {"name": symbol, "type": "candlestick",
             "data": [[each["open"], each["close"], each["low"], each["high"]] for each in rows],
             "itemStyle": {"color": GREEN, "color0": RED, "borderColor": GREEN, "borderColor0": RED}},
            _marks("entry", "triangle", BLUE, marks(rows, own, "opened_at", "entry_price")),
            _marks("exit", "diamond", GREY, marks(rows, own, "closed_at", "exit_price")),
        ],
    }  # fmt: skip


def marks(rows: Sequence[Json], trades: Sequence[Json], at: str, price: str) -> list[dict[str, Any]]:
    """Where in these candles trades began or ended: the candle's number, the price, and words about it."""
    opens = [each["open_ms"] for each in rows]
    found = []
    for trade in trades:
        at_ms, amount = trade[at], trade[price]
        number = bisect_right(opens, at_ms) - 1 if at_ms is not None and amount is not None else -1
        if number >= 0 and at_ms < opens[number] + MINUTE_MS:
            found.append({"value": [number, float(amount)], "name": _words(trade, at, amount)})
    return found


def _words(trade: Json, at: str, amount: str) -> str:
    price = cells.price(amount).text
    if at == "opened_at":
        return f"enter {trade['side']} {cells.quantity(trade['quantity']).text} at {price}"
    return f"{trade['close_reason']} of {trade['side']} at {price}, net {cells.gain(trade['pnl_net_usdt']).text} USDT"


def _marks(name: str, shape: str, color: str, data: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {
        "name": name, "type": "scatter", "symbol": shape, "symbolSize": 10, "color": color, "data": list(data), "z": 5,
        "itemStyle": {"borderColor": "#ffffff", "borderWidth": 1}, "tooltip": {"formatter": "{b}"},
    }  # fmt: skip


def _frame(trigger: str) -> dict[str, Any]:
    return {
        "animation": False,
        "textStyle": {"fontFamily": FONT},
        "grid": {"left": 8, "right": 12, "top": 26, "bottom": 4, "containLabel": True},
        "tooltip": {"trigger": trigger, "confine": True},
    }


def _time_axis(times: Sequence[str]) -> dict[str, Any]:
    labels = {"color": GREY, "hideOverlap": True, "showMinLabel": False, "showMaxLabel": False}
    return {"type": "category", "data": list(times), "axisLine": AXIS, "axisLabel": labels}


def _value_axis(name: str) -> dict[str, Any]:
    return {
        "type": "value", "name": name, "position": "right", "splitLine": GRID, "axisLabel": {"color": GREY},
        "nameTextStyle": {"color": GREY},
    }  # fmt: skip
