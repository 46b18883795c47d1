"""Messages as a capture holds them, for a market `abcusdt` at 100.0 : 100.5."""

from __future__ import annotations

from typing import Any

Wire = dict[str, Any]
Levels = list[tuple[str, str]]


def snapshot(last_id: int = 10) -> Wire:
    return {"lastUpdateId": last_id, "bids": [("100.00", "1.50"), ("99.00", "2.00")], "asks": [("100.50", "3.00")]}


def diff(
    time_ms: int, ids: tuple[int, int, int], bids: Levels | None = None, asks: Levels | None = None, kind: str = "depth"
) -> Wire:
    """`ids` are pu, U, u."""
    before, first, last = ids
    data = {"e": "depthUpdate", "E": time_ms, "T": time_ms, "s": "ABCUSDT", "U": first, "u": last, "pu": before}
    return {"stream": f"abcusdt@{kind}", "data": data | {"b": bids or [], "a": asks or []}}


def trade(time_ms: int, price: str, quantity: str, *, maker: bool, kind: str = "MARKET") -> Wire:
    data = {"e": "trade", "E": time_ms, "T": time_ms, "s": "ABCUSDT", "t": 1, "p": price, "q": quantity, "X": kind}
    return {"stream": "abcusdt@trade", "data": data | {"m": maker}}


def agg_trade(time_ms: int, price: str, quantity: str, *, maker: bool) -> Wire:
    data = {"e": "aggTrade", "E": time_ms, "T": time_ms, "s": "ABCUSDT", "a": 1, "p": price, "q": quantity, "m": maker}
    return {"stream": "abcusdt@aggTrade", "data": data}


def ticker() -> Wire:
    return {"stream": "abcusdt@bookTicker", "data": {"e": "bookTicker", "u": 1, "s": "ABCUSDT", "b": "1", "B": "2"}}


def calm(seconds: int = 5) -> list[Wire]:
    """A market in which the best ask's quantity changes once a second and one unit is bought each time."""
    lines: list[Wire] = [snapshot()]
    for second in range(seconds):
        at_ms, last = 1_000_000 + 1_000 * second, 11 + second
        lines.append(diff(at_ms, (last - 1, last - 1, last), asks=[("100.50", f"{3 + second}.00")]))
        lines.append(trade(at_ms + 50, "100.50", "1.00", maker=False))
    return lines
