"""Keeps the state of a running exchange on disk."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vortex.sim.core.history import FinalRow
from vortex.sim.server.state import Course, Saved, StateFile
from vortex.sim.server.venue import Venue

SAVE_EVERY_S = 1.0


class StateKeeper:
    """Saves a venue while it runs and when it stops; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else StateFile(path)
        self._worker = ThreadPoolExecutor(1, "sim-state")  # one thread: an older state never overtakes a newer one
        self._unsaved: list[FinalRow] = []
        self._resets = 0
        self._anew = False

    def load(self) -> Saved:
        return Saved(course=Course()) if self._file is None else self._file.load()

    def follow(self, venue: Venue) -> None:
        """Collect what becomes final from now on."""
        if self._file is not None:
            venue.core.record_to(self._unsaved.append)
            venue.on_reset = self._forget

    async def run(self, venue: Venue) -> None:
        """Save every second until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            if self._file is not None:
                state, count, resets = self._state(venue), len(self._unsaved), self._resets
                await loop.run_in_executor(self._worker, self._file.save, state)
                if resets == self._resets:
                    del self._unsaved[:count]  # only now: what was cancelled or failed is saved again
                    self._anew = False
            await asyncio.sleep(SAVE_EVERY_S)

    def close(self, venue: Venue) -> None:
        """Save the final state after any save under way."""
        if self._file is not None:
            self._worker.submit(self._file.save, self._state(venue)).result()
            self._file.close()
        self._worker.shutdown()

    def _forget(self) -> None:
        """The exchange was reset: what is on disk is not its history any more."""
        self._unsaved.clear()
        self._resets += 1
        self._anew = True

    def _state(self, venue: Venue) -> Saved:
        positions = {symbol: at_ms for source in venue.sources for symbol, at_ms in source.position().items()}
        course = Course(now_ms=venue.clock.now_ms(), positions=positions, listen_key=venue.users.key)
        return Saved(course=course, account=venue.core.dump(), rows=tuple(self._unsaved), anew=self._anew)
