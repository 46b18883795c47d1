"""A handler that hangs in one symbol: how long the other symbols' closes on a stop price take meanwhile."""

from __future__ import annotations

import time
from decimal import Decimal
from typing import Literal, TypeAlias

from msgspec import Struct

from tests.bench.market import SLICES_PER_S
from tests.bench.measure import quantile
from tests.bench.pace import Pace
from tests.domain.money_builders import trade
from vortex.app.collector import calm
from vortex.domain.trade import OpenTrade
from vortex.messages import ClosePosition, PositionOpened
from vortex.runtime import Crash

How: TypeAlias = Literal["hang", "spin"]
HANG_AT, HANG_S = 2 * SLICES_PER_S, 20.0
"""One long hang, a second after the start."""


class Isolation(Struct, frozen=True, kw_only=True):
    """From the book that crosses the stop to the close at the exchange actor, milliseconds."""

    p99_ms: float
    worst_ms: float
    samples: int


def run(symbols: int, seconds: float, *, how: How | None) -> Isolation:
    """Play a market in which every book of every symbol but the first crosses the stop of an open trade."""
    calm()
    pace = Pace(symbols, seconds)
    victim = pace.world.at(f"{pace.tapes[0].symbol}/E1")
    stops = {tape.symbol: _Stop(pace, tape.symbol) for tape in pace.tapes[1:]}

    def ordered(order: object) -> None:
        if isinstance(order, ClosePosition):
            stops[order.symbol].closed()

    pace.world.on_order = ordered
    for stop in stops.values():
        stop.arm()

    def before(number: int) -> None:
        if how is not None and number == HANG_AT:
            victim.tell(Crash(how=how, seconds=HANG_S))

    def crossing(symbol: str) -> None:
        if symbol in stops:
            stops[symbol].crossed()

    pace.on_book = crossing
    pace.play(before)
    taken_s = [each for stop in stops.values() for each in stop.taken_s]
    pace.stop()
    return Isolation(p99_ms=quantile(taken_s, 0.99) * 1e3, worst_ms=max(taken_s) * 1e3, samples=len(taken_s))


class _Stop:
    """The open trade of one symbol, opened anew whenever it was closed."""

    def __init__(self, pace: Pace, symbol: str) -> None:
        self.taken_s: list[float] = []
        self._monitor = pace.world.at(f"{symbol}/monitor")
        self._trade: OpenTrade = trade(symbol=symbol, sl_price=Decimal(10**9), tp_price=Decimal(2 * 10**9))
        self._crossed_s: float | None = None
        self._armed = False

    def arm(self) -> None:
        """Open a trade whose stop any price crosses."""
        self._crossed_s = None
        self._monitor.tell(PositionOpened(trade=self._trade))
        self._armed = True

    def crossed(self) -> None:
        """A book is about to be delivered."""
        if self._armed and self._crossed_s is None:
            self._crossed_s = time.monotonic()

    def closed(self) -> None:
        """The exchange actor was told to close."""
        if self._crossed_s is not None:
            self.taken_s.append(time.monotonic() - self._crossed_s)
        self._armed = False
        self.arm()
