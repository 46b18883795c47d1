"""Moves the world with real time: sleeps until something is due, then does everything that is."""

from __future__ import annotations

import asyncio

from vortex.sim.server.venue import Venue

MIN_PAUSE_S = 0.002
"""What is due within this time is done in one go."""

MAX_PAUSE_S = 0.5
SLICE_MS = 250
"""Exchange time caught up at once after a pause of the process, so that requests are answered meanwhile."""


class Pump:
    """The one task that advances the world."""

    def __init__(self, venue: Venue) -> None:
        self._venue = venue
        self._reached_ms = venue.clock.now_ms()

    async def run(self) -> None:
        """Run until cancelled."""
        venue, loop = self._venue, asyncio.get_running_loop()
        while True:
            venue.wake.clear()
            behind = self._advance()
            timer = loop.call_later(0.0 if behind else self._pause_s(), venue.wake.set)
            await venue.wake.wait()
            timer.cancel()

    def _advance(self) -> bool:
        """Do what is due, at most one slice, and tell whether more is."""
        now_ms = self._venue.clock.now_ms()
        self._reached_ms = min(now_ms, self._reached_ms + SLICE_MS)
        self._venue.world.advance(self._reached_ms)
        self._venue.tick()
        return self._reached_ms < now_ms

    def _pause_s(self) -> float:
        clock = self._venue.clock
        return min(max(clock.real_s(self._venue.world.next_ms() - clock.now_ms()), MIN_PAUSE_S), MAX_PAUSE_S)
