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


def partial(time_ms: int, bids: Levels, asks: Levels) -> Wire:
    """A book published whole."""
    data = {"e": "depthUpdate", "E": time_ms, "T": time_ms, "s": "ABCUSDT", "b": bids, "a": asks}
    return {"stream": "abcusdt@depth20@100ms", "data": data}


def mark(time_ms: int, price: str, rate: str) -> Wire:
    data = {"e": "markPriceUpdate", "E": time_ms, "s": "ABCUSDT", "p": price, "i": price, "P": price, "r": rate, "T": 9}
    return {"stream": "abcusdt@markPrice@1s", "data": data}


def contract(tick: str, step: str) -> Wire:
    """What a recorder keeps of exchangeInfo."""
    filters = [
        {"filterType": "PRICE_FILTER", "minPrice": tick, "maxPrice": "1000", "tickSize": tick},
        {"filterType": "LOT_SIZE", "stepSize": step, "minQty": step, "maxQty": "900"},
        {"filterType": "MARKET_LOT_SIZE", "stepSize": step, "minQty": step, "maxQty": "700"},
        {"filterType": "MIN_NOTIONAL", "notional": "5"},
    ]
    data = {"symbol": "ABCUSDT", "baseAsset": "ABC", "quoteAsset": "USDT", "filters": filters}
    return {"stream": "abcusdt@rest:/fapi/v1/exchangeInfo", "data": data}


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
