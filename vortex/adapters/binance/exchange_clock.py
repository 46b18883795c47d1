"""The exchange's time, so that requests are signed in time whatever our own clock says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from vortex.domain.order import ClockMeasured
from vortex.ports import Clock

SAMPLES = 3
"""Readings of one measurement; the one with the shortest round trip is the least wrong."""

SAMPLE_TIMEOUT_MS = 2_000.0


class ExchangeClock:
    """Measured against our clock and carried on by its monotonic part: a jump of the wall clock moves nothing.

    Until the first measurement it is our own clock.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_ms: float | None = None

    def now_ms(self) -> int:
        """Epoch milliseconds of the exchange's clock."""
        if self._ahead_ms is None:
            return self._clock.now_ms()
        return int(self._clock.monotonic_ms() + self._ahead_ms)

    async def measure(self, ask: Callable[[], Awaitable[int]]) -> ClockMeasured:
        """Read the exchange's clock a few times with `ask`, and go by the best reading from now on.

        Raises:
            TimeoutError: When no reading came in time; whatever else `ask` raises at its last attempt.
        """
        best: tuple[float, float] | None = None
        failure: Exception | None = None
        for _ in range(SAMPLES):
            try:
                reading = await self._read(ask)
            except Exception as error:  # noqa: BLE001  # raised below unless another reading succeeds
                failure = error
            else:
                best = reading if best is None else min(best, reading)
        if best is None:
            raise failure or TimeoutError
        round_trip_ms, self._ahead_ms = best
        ts_ms = self._clock.now_ms()
        offset_ms = self._clock.monotonic_ms() + self._ahead_ms - ts_ms
        return ClockMeasured(ts_ms=ts_ms, offset_ms=offset_ms, round_trip_ms=round_trip_ms)

    async def _read(self, ask: Callable[[], Awaitable[int]]) -> tuple[float, float]:
        """Round trip, and by how much the exchange's clock is ahead of our monotonic one; both ms."""
        sent_ms = self._clock.monotonic_ms()
        async with asyncio.timeout(self._clock.real_s(SAMPLE_TIMEOUT_MS)):
            server_ms = await ask()
        round_trip_ms = self._clock.monotonic_ms() - sent_ms
        return round_trip_ms, server_ms - (sent_ms + round_trip_ms / 2.0)
