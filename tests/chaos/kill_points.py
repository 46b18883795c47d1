"""Where a process is killed in the life of a trade, and in which order."""

from __future__ import annotations

from functools import cache
from random import Random

from msgspec import Struct
from msgspec.structs import replace

from tests.kit.kill_proxy import EVENT, NOW, Boundary, KillPoint

ORDER, ALGO = "/fapi/v1/order", "/fapi/v1/algoOrder"
LEVERAGE, MARGIN = "/fapi/v1/leverage", "/fapi/v1/marginType"
WRITES = (
    ("POST", ORDER, "E"), ("POST", ALGO, "S"), ("POST", ALGO, "T"), ("POST", ORDER, "X"), ("DELETE", ALGO, "S"),
    ("DELETE", ALGO, "T"), ("POST", LEVERAGE, None), ("POST", MARGIN, None),
)  # fmt: skip
READS = (
    ("GET", ORDER, None), ("GET", ALGO, None), ("GET", "/fapi/v2/positionRisk", None),
    ("GET", "/fapi/v1/openOrders", None), ("GET", "/fapi/v1/openAlgoOrders", None),
    ("GET", "/fapi/v1/userTrades", None),
    ("GET", "/fapi/v3/account", None), ("GET", "/fapi/v1/exchangeInfo", None), ("GET", "/fapi/v1/symbolConfig", None),
    ("GET", "/fapi/v1/leverageBracket", None), ("GET", "/fapi/v1/commissionRate", None),
    ("POST", "/fapi/v1/listenKey", None),
)  # fmt: skip
"""What a start asks, and what finds out about an order."""
ONCE = frozenset({MARGIN, *(path for _, path, _ in READS[-5:])})
"""What a process asks when it starts, and hardly again."""
EVENTS = ("ORDER_TRADE_UPDATE", "ALGO_UPDATE", "ACCOUNT_UPDATE")
MOMENTS, MOMENTS_MS = 4, 2_000
"""In each round there are so many kills by time alone; each comes within this REAL time of a process being ready."""
DELAYS_MS = (0, 0, 2, 5, 15, 40)
"""How much later than its moment a kill comes: what is journaled and what is not differs by milliseconds."""
A_LIFE = 4
"""Points of one life, besides those that lead to them."""


class Life(Struct, frozen=True, kw_only=True):
    """One stretch of trading, and the kills in it, in this order.

    Attributes:
        meddled: Leverage or margin type that a person changed before, while nothing was open: the path that sets it.
    """

    seed: int
    kills: tuple[KillPoint, ...]
    meddled: str | None = None


@cache
def points() -> tuple[KillPoint, ...]:
    """Every point there is."""
    requests = [KillPoint(*request[:2], boundary, request[2]) for request in (*WRITES, *READS) for boundary in Boundary]
    events = [KillPoint(EVENT, name, boundary) for name in EVENTS for boundary in (Boundary.BEFORE, Boundary.REPLIED)]
    return (*requests, *events, *[KillPoint(NOW, "", Boundary.BEFORE)] * MOMENTS)


def life_of(seed: int) -> Life:
    """The kills of a seed: consecutive seeds go round and round through all points, each round in another order."""
    random = Random(f"{seed}/kills")
    kills: list[KillPoint] = []
    meddled = None
    for index in range(seed * A_LIFE, (seed + 1) * A_LIFE):
        point = _round(index // len(points()))[index % len(points())]
        if point.path in (LEVERAGE, MARGIN):
            meddled = point.path
            kills.insert(0, _later(point, random))  # nothing is open yet
        else:
            kills += [_later(one, random) for one in (*_lead(point, random), point)]
    return Life(seed=seed, kills=tuple(kills), meddled=meddled)


@cache
def _round(turn: int) -> list[KillPoint]:
    order = list(points())
    Random(f"round {turn}").shuffle(order)
    meddling = [point for point in order if point.path in (LEVERAGE, MARGIN)]
    rest = [point for point in order if point not in meddling]
    for number, point in enumerate(meddling):  # never two in one life: one changes one thing
        rest.insert(number * A_LIFE, point)
    return rest


def _lead(point: KillPoint, random: Random) -> tuple[KillPoint, ...]:
    """The kill that makes the next process do what is wanted."""
    applied, replied = Boundary.APPLIED, Boundary.REPLIED
    match point.method, point.path:
        case "GET", "/fapi/v1/order":
            return (KillPoint("POST", ORDER, random.choice((applied, Boundary.BEFORE)), "E"),)
        case "GET", "/fapi/v1/algoOrder":
            return (KillPoint("POST", ALGO, random.choice((applied, Boundary.BEFORE)), "S"),)
        case "DELETE", _:
            return (KillPoint("POST", ORDER, applied, "X"),)
        case _, path if path in ONCE or point.method == "GET":  # it matters most with a trade under way
            ways = (("POST", ORDER, applied, "E"), ("POST", ALGO, replied, "S"), ("POST", ORDER, applied, "X"))
            return (KillPoint(*random.choice(ways)),) if path in ONCE or random.random() < 0.5 else ()
    return ()


def _later(point: KillPoint, random: Random) -> KillPoint:
    return replace(point, delay_ms=random.randrange(MOMENTS_MS) if point.method == NOW else random.choice(DELAYS_MS))
