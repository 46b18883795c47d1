"""Keeps the state of a running exchange on disk."""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from vortex.sim.server.state import Course, Saved, StateFile
from vortex.sim.server.venue import Venue

SAVE_EVERY_S = 1.0
SAVE_SHARE = 20.0
"""Saving takes at most a twentieth of the time, however long the account's history grows."""


class StateKeeper:
    """Saves a venue while it runs and when it stops; without a path it keeps nothing."""

    def __init__(self, path: Path | None) -> None:
        self._file = None if path is None else StateFile(path)
        self._worker = ThreadPoolExecutor(1, "sim-state")  # one thread: an older state never overtakes a newer one
        self._revision = -1

    def load(self) -> Saved:
        return Saved(course=Course()) if self._file is None else self._file.load()

    async def run(self, venue: Venue) -> None:
        """Save every second until cancelled, slower once saving takes long; the account only when it changed."""
        loop = asyncio.get_running_loop()
        while True:
            started_s = time.monotonic()
            if self._file is not None:
                await loop.run_in_executor(self._worker, self._file.save, self._state(venue))
            await asyncio.sleep(max(SAVE_EVERY_S, SAVE_SHARE * (time.monotonic() - started_s)))

    def close(self, venue: Venue) -> None:
        """Save the final state after any save under way."""
        if self._file is not None:
            self._revision = -1  # a save that was cancelled or failed may have left the account behind
            self._worker.submit(self._file.save, self._state(venue)).result()
            self._file.close()
        self._worker.shutdown()

    def _state(self, venue: Venue) -> Saved:
        positions = {symbol: at_ms for source in venue.sources for symbol, at_ms in source.position().items()}
        course = Course(now_ms=venue.clock.now_ms(), positions=positions, listen_key=venue.users.key)
        changed, self._revision = venue.revision != self._revision, venue.revision
        return Saved(course=course, account=venue.core.dump() if changed else None)
