"""What a seed does to a running system, in which order: the same seed always draws the same troubles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from random import Random
from typing import Any

from msgspec import Struct

SYMBOLS = ("BTCUSDT", "ETHUSDT")
MEAN_GAP_MS = 4_000
"""From one trouble to the next, of the exchange's time."""
OPEN_QUANTITY = {"BTCUSDT": "0.002", "ETHUSDT": "0.05"}
"""What a person buys of each."""
ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
REQUESTS = (
    ("POST", ORDER), ("POST", ORDER), ("POST", ALGO), ("POST", ALGO), ("DELETE", ORDER), ("DELETE", ALGO),
    ("GET", ORDER), ("GET", ALGO), ("GET", "/fapi/v1/openOrders"), ("GET", "/fapi/v1/openAlgoOrders"),
    ("GET", "/fapi/v1/userTrades"), ("GET", "/fapi/v2/positionRisk"), ("GET", "/fapi/v3/account"),
    ("POST", "/fapi/v1/leverage"), ("POST", "/fapi/v1/listenKey"), ("PUT", "/fapi/v1/listenKey"),
    ("GET", "/fapi/v1/time"), ("GET", "*"), ("*", "*"),
)  # fmt: skip
"""What is spoiled: most often what orders and protects."""
SPOILT = (
    "timeout_after_apply", "timeout_before_apply", "reset_after_apply", "reset_before_apply", "truncate", "empty_200",
    "html_200", "json:{}", "json:[]", "http:503_unknown", "http:503", "http:502@after", "http:504@after", "http:429:1",
    "http:429:3", "http:418:5", "code:-1000@after", "code:-1001", "code:-1006@after", "code:-1007@after", "code:-1008",
    "code:-1015", "code:-1021", "code:-2010", "code:-2013", "code:-2019", "code:-2021", "code:-4116@after",
    "code:-4130", "delay:1500", "delay:4000", "delay:10000", "lag:500", "lag:3000", "lag:10000",
)  # fmt: skip
PARTS = ("E1", "E2", "E3", "E4", "E5", "decision", "monitor")
SHARED = ("exchange", "storage", "hot_store", "account", "feed")
HOWS = ("exception", "exception", "system_exit", "start_failure", "hang")


class Trouble(Struct, frozen=True, kw_only=True):
    """One thing that is done.

    Attributes:
        after_ms: How long after the one before.
        kind: A key of KINDS, by which the judge knows what it may cost.
        body: What is posted; of a fault that is undone later also `for_ms`.
    """

    after_ms: int
    kind: str
    body: Mapping[str, Any]


def troubles(seed: int | str) -> Iterator[Trouble]:
    """Draw without end."""
    random = Random(f"{seed}/mix")
    names, weights = zip(*((name, weight) for name, (weight, _) in KINDS.items()), strict=True)
    while True:
        (kind,) = random.choices(names, weights)
        gap_ms = round(min(random.expovariate(1 / MEAN_GAP_MS), 5 * MEAN_GAP_MS))
        yield Trouble(after_ms=gap_ms, kind=kind, body=KINDS[kind][1](random))


def _request(random: Random) -> dict[str, Any]:
    method, path = random.choice(REQUESTS)
    symbol = random.choice((None, *SYMBOLS))
    times = random.choice((1, 1, 1, 2, 3))
    return {"method": method, "path": path, "symbol": symbol, "do": random.choice(SPOILT), "times": times}


def _stream(random: Random) -> dict[str, Any]:
    do = random.choice(("drop", "silence", "half_open", "malformed", "gap", "duplicate", "reorder"))
    route = random.choice(("public", "market", "private"))
    return {"do": do, "route": route, "for_ms": random.choice((300, 1_000, 3_000, 8_000, 15_000))}


def _listen_key(_: Random) -> dict[str, Any]:
    return {"do": "expire_listen_key"}


def _prices(random: Random) -> dict[str, Any]:
    body: dict[str, Any] = {"symbol": random.choice(SYMBOLS), "do": random.choice(("shock", "shock", "freeze", "crossed", "empty"))}  # fmt: skip # noqa: E501
    if body["do"] == "shock":
        size = random.choice((5, 20, 60, 120))
        return body | {"bps": str(size * random.choice((-1, 1))), "over_ms": random.choice((0, 500, 3_000))}
    return body | {"for_ms": random.choice((300, 1_000, 4_000, 8_000))}


def _status(random: Random) -> dict[str, Any]:
    return {
        "symbol": random.choice(SYMBOLS), "do": "status", "to": random.choice(("SETTLING", "BREAK")),
        "for_ms": random.choice((1_000, 5_000, 15_000)),
    }  # fmt: skip


def _money(random: Random) -> dict[str, Any]:
    return {"symbol": random.choice(SYMBOLS), "do": "funding", "rate": random.choice(("0.0003", "-0.0003"))}


def _adl(random: Random) -> dict[str, Any]:
    return {"symbol": random.choice(SYMBOLS), "do": "adl", "share": random.choice((0.4, 1.0))}


def _algo(random: Random) -> dict[str, Any]:
    do = random.choice(("stuck_triggering", "vanish", "reject_on_trigger", "expire"))
    return {"symbol": random.choice(SYMBOLS), "do": do}


def _person(random: Random) -> dict[str, Any]:
    do = random.choice(("open", "increase", "close", "cancel_stop", "leverage"))
    body: dict[str, Any] = {"symbol": random.choice(SYMBOLS), "do": do}
    if do == "leverage":
        return body | {"leverage": random.choice((3, 7, 15))}
    if do in ("open", "increase"):
        body |= {"quantity": OPEN_QUANTITY[body["symbol"]]}
    return body | ({"side": random.choice(("LONG", "SHORT")), "for_ms": 5_000} if do == "open" else {})


def _clock(random: Random) -> dict[str, Any]:
    return {
        "offset_ms": random.choice((-3_000, -700, 300, 900, 3_000)),
        "for_ms": random.choice((1_000, 5_000, 20_000)),
    }


def _crash(random: Random) -> dict[str, Any]:
    path = random.choice((*SHARED, *SYMBOLS, *(f"{symbol}/{part}" for symbol in SYMBOLS for part in PARTS)))
    return {
        "actor": path,
        "how": random.choice(HOWS),
        "times": random.choice((1, 1, 2)),
        "seconds": random.choice((2, 6)),
    }


def _root(_: Random) -> dict[str, Any]:
    return {"actor": "root", "how": "exception", "times": 1}


def _operate(random: Random) -> dict[str, Any]:
    command = random.choice(("pause", "flatten", "halt"))
    body = {"command": command, "for_ms": random.choice((500, 3_000, 10_000))}
    symbol = random.choice((None, *SYMBOLS))
    return body if symbol is None else body | {"symbol": symbol}


def _kill(random: Random) -> dict[str, Any]:
    return {"for_ms": random.choice((0, 2_000, 10_000))}


KINDS: Mapping[str, tuple[int, Callable[[Random], dict[str, Any]]]] = {
    "request": (40, _request), "stream": (14, _stream), "listen_key": (1, _listen_key), "prices": (8, _prices),
    "status": (2, _status), "money": (2, _money), "adl": (2, _adl), "algo": (6, _algo), "person": (6, _person),
    "clock": (3, _clock), "crash": (10, _crash), "root": (1, _root), "operate": (5, _operate), "kill": (2, _kill),
}  # fmt: skip
"""Every kind with its weight and how its particulars are drawn."""
