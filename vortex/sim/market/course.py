"""What may have happened inside one minute of which only the candle is known: a modelled course of spread and trades.

The course touches exactly open, high, low and close, its trades add up to exactly the volume, and it is the same for
the same seed. Everything else is invented, and nothing in it looks ahead: the side of a trade leans with the move of
the second before it, never with the one that follows.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

from msgspec import Struct

SLOT_MS = 100
SLOTS = 600
LOOK_BACK = 10
"""Slots whose move sides and depth lean with: one second."""

_SPREAD_SHARE = 0.01
"""Mean spread as a share of the minute's range; never below one tick."""
_WANDER = 0.6
"""How much of its range the price wanders between the points it must touch."""
_TRADES = 90
"""Trades of a minute of mean volume; other minutes have as many times the root of their share of it."""
_MOST_TRADES = 1_500
_LEAN = 0.3
"""The share of buyers is 0.5 within a calm second, and up to this much more or less in a moving one."""


class Minute(Struct, frozen=True, kw_only=True, gc=False):
    """One candle in ticks and lots."""

    open: int
    high: int
    low: int
    close: int
    lots: int

    @property
    def touches(self) -> int:
        """The fewest trades that can print this candle: open, close, and what lies beyond both."""
        if self.high == self.low:
            return 1
        return 2 + (self.high > max(self.open, self.close)) + (self.low < min(self.open, self.close))


class Traded(Struct, frozen=True, gc=False):
    """One trade, `at_ms` after the minute began."""

    at_ms: int
    price: int
    lots: int
    buyer_is_maker: bool


class Course(Struct, frozen=True, kw_only=True):
    """Best bid by 100 ms slot, a spread for the whole minute, and trades in order of time at one or the other side."""

    bids: list[int]
    spread: int
    reach: float
    trades: list[Traded]

    def lean(self, slot: int) -> float:
        """Direction and size of the last second's move in [-1, 1]; 1 is ten per cent of the minute's range or more."""
        return _lean(self.bids, slot, self.reach)


class _Touch(Struct, frozen=True):
    """A point of the course that a trade must print: slot, bid above the lowest one, taker's side."""

    slot: int
    bid: int
    buys: bool


def trades_of(minute: Minute, mean_lots: float) -> int:
    """How many trades a minute has."""
    if not minute.lots:
        return 0
    usual = round(_TRADES * math.sqrt(minute.lots / mean_lots))
    return max(minute.touches, min(usual, minute.lots, _MOST_TRADES))


def course_of(minute: Minute, mean_lots: float, rng: random.Random) -> Course:
    """A course of this minute; `mean_lots` is the mean volume of its market's minutes."""
    span = minute.high - minute.low
    if not span:
        return _still(minute, mean_lots, rng)
    spread = max(1, min(round(_SPREAD_SHARE * span * (0.5 + rng.random())), (span + 1) // 2))
    room = span - spread
    touches = _touches(minute, spread, room, rng)
    bids = _bridged(touches, room, rng)
    count = trades_of(minute, mean_lots)
    sides = _extras(bids, room, count - len(touches), rng) if count else []
    if count:
        sides += [(_time_of(touch), touch.bid, touch.buys) for touch in touches]
    sides.sort()
    sizes = _parts(minute.lots, len(sides), rng)
    trades = [
        Traded(at_ms, minute.low + bid + spread * buys, lots, not buys)
        for (at_ms, bid, buys), lots in zip(sides, sizes, strict=True)
    ]
    return Course(bids=[minute.low + bid for bid in bids], spread=spread, reach=_reach(room), trades=trades)


def _still(minute: Minute, mean_lots: float, rng: random.Random) -> Course:
    """A minute of one price: all its takers are on one side, or the book would have moved."""
    buys = minute.low > 1 and rng.random() < 0.5  # noqa: PLR2004  # a coin
    count = trades_of(minute, mean_lots)
    times = sorted(rng.randrange(1, SLOTS * SLOT_MS) for _ in range(count))
    sizes = _parts(minute.lots, count, rng)
    trades = [Traded(at_ms, minute.low, lots, not buys) for at_ms, lots in zip(times, sizes, strict=True)]
    return Course(bids=[minute.low - buys] * SLOTS, spread=1, reach=1.0, trades=trades)


def _touches(minute: Minute, spread: int, room: int, rng: random.Random) -> list[_Touch]:
    """Open, the extremes beyond open and close in either order, close."""
    ends = (minute.open, minute.close)
    between = []
    if minute.high not in ends:
        between.append((room, True))
    if minute.low not in ends:
        between.append((0, False))
    rng.shuffle(between)
    slots = sorted(rng.sample(range(1, SLOTS - 1), len(between)))
    return [
        _end(minute.open - minute.low, 0, spread, room, rng),
        *(_Touch(slot, bid, buys) for slot, (bid, buys) in zip(slots, between, strict=True)),
        _end(minute.close - minute.low, SLOTS - 1, spread, room, rng),
    ]


def _end(above_low: int, slot: int, spread: int, room: int, rng: random.Random) -> _Touch:
    """Open or close: bought where a bid fits below it, sold where it fits as a bid; a coin where both do."""
    buys = above_low > room or (above_low >= spread and rng.random() < 0.5)  # noqa: PLR2004  # a coin
    return _Touch(slot, above_low - spread * buys, buys)


def _bridged(touches: list[_Touch], room: int, rng: random.Random) -> list[int]:
    """A random walk through all touches, reflected at the lowest and the highest bid."""
    sigma, gauss = _WANDER * room / math.sqrt(SLOTS), rng.gauss
    bids: list[int] = []
    for begin, end in pairwise(touches):
        at, target = float(begin.bid), end.bid
        for left in range(end.slot - begin.slot, 0, -1):
            bids.append(round(at))
            at += (target - at) / left + gauss(0.0, sigma)
            if at < 0.0:
                at = min(-at, room)
            elif at > room:
                at = max(2.0 * room - at, 0.0)
    return [*bids, touches[-1].bid]


def _time_of(touch: _Touch) -> int:
    """The opening trade is the first of its minute, the closing one the last."""
    at_ms = {0: 1, SLOTS - 1: SLOT_MS - 1}.get(touch.slot, SLOT_MS // 2)
    return touch.slot * SLOT_MS + at_ms


def _extras(bids: list[int], room: int, count: int, rng: random.Random) -> list[tuple[int, int, bool]]:
    """Trades besides the touches: time, bid, taker's side."""
    reach, draw = _reach(room), rng.random
    extras = []
    for _ in range(count):
        slot = int(draw() * SLOTS)
        buys = draw() < 0.5 + _LEAN * _lean(bids, slot, reach)
        extras.append((slot * SLOT_MS + 2 + int(draw() * (SLOT_MS - 4)), bids[slot], buys))
    return extras


def _parts(lots: int, count: int, rng: random.Random) -> list[int]:
    """The volume in `count` exponential parts of at least one lot each."""
    if not count:
        return []
    weights = [-math.log(1.0 - rng.random()) for _ in range(count)]
    scale = (lots - count) / (sum(weights) or 1.0)
    parts = [1 + int(weight * scale) for weight in weights]
    parts[rng.randrange(count)] += lots - sum(parts)
    return parts


def _reach(room: int) -> float:
    return max(1.0, 0.1 * room)


def _lean(bids: list[int], slot: int, reach: float) -> float:
    move = (bids[slot] - bids[max(0, slot - LOOK_BACK)]) / reach
    return max(-1.0, min(1.0, move))
