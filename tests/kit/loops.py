"""An asyncio loop in a thread, for servers of tests: when it is closed, no connection of it is left open."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
TIMEOUT_S = 60.0
TURNS = 5


class LoopThread:
    """Runs coroutines for the test's own thread."""

    def __init__(self) -> None:
        self._loop = asyncio.SelectorEventLoop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="test server", daemon=True)
        self._thread.start()

    def run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Wait for a coroutine's result."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(TIMEOUT_S)

    def close(self) -> None:
        """Cut what is still connected, also what was accepted while its server already stopped; then end."""
        self.run(self._cut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(TIMEOUT_S)
        self._loop.close()

    async def _cut(self) -> None:
        for _ in range(TURNS):  # accepting takes some turns of the loop, and so does closing
            for transport in tuple(self._loop._transports.values()):  # type: ignore[attr-defined]  # private, by fd
                transport.abort()
            for task in asyncio.all_tasks() - {asyncio.current_task()}:
                task.cancel()
            await asyncio.sleep(0)
