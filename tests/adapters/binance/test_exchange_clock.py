from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from vortex.adapters.binance.exchange_clock import ExchangeClock
from vortex.domain.order import ClockMeasured

WALL_MS, EXCHANGE_MS = 1_700_000_000_000, 1_700_000_000_700


class TwoClocks:
    """A wall clock that can be set, and a monotonic one that cannot."""

    def __init__(self) -> None:
        self.wall_ms = WALL_MS
        self.passed_ms = 0.0

    def now_ms(self) -> int:
        return self.wall_ms + int(self.passed_ms)

    def monotonic_ms(self) -> float:
        return 5_000.0 + self.passed_ms

    def real_s(self, duration_ms: float) -> float:
        return duration_ms / 1_000.0


def asked(clock: TwoClocks, *trips: tuple[float, float] | Exception) -> Callable[[], Awaitable[int]]:
    """An exchange 700 ms ahead, each answer of which takes so long there, and so long back."""
    waiting = iter(trips)

    async def ask() -> int:
        trip = next(waiting)
        if isinstance(trip, Exception):
            raise trip
        clock.passed_ms += trip[0]
        server_ms = EXCHANGE_MS + int(clock.passed_ms)
        clock.passed_ms += trip[1]
        return server_ms

    return ask


def test_the_reading_with_the_shortest_way_counts() -> None:
    clock = TwoClocks()
    measured = asyncio.run(ExchangeClock(clock).measure(asked(clock, (10, 90), (2, 2), (80, 0))))
    assert measured == ClockMeasured(ts_ms=WALL_MS + 184, offset_ms=700.0, round_trip_ms=4.0)


def test_requests_are_signed_with_the_exchange_s_time_whatever_ours_becomes() -> None:
    clock = TwoClocks()
    time = ExchangeClock(clock)
    assert time.now_ms() == WALL_MS
    asyncio.run(time.measure(asked(clock, (2, 2), (2, 2), (2, 2))))
    clock.wall_ms += 3_600_000
    clock.passed_ms += 1_000.0
    assert time.now_ms() == EXCHANGE_MS + 1_012
    again = asyncio.run(time.measure(asked(clock, (2, 2), (2, 2), (2, 2))))
    assert again.offset_ms == 700.0 - 3_600_000.0


def test_one_reading_is_enough_and_none_is_a_failure() -> None:
    clock = TwoClocks()
    time = ExchangeClock(clock)
    gone = ConnectionError("gone")
    assert asyncio.run(time.measure(asked(clock, gone, (3, 3), gone))).round_trip_ms == 6.0
    with pytest.raises(ConnectionError, match="third"):
        asyncio.run(time.measure(asked(clock, gone, gone, ConnectionError("third"))))
    assert time.now_ms() == EXCHANGE_MS + 6  # what was known still counts
