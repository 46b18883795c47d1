"""Two threads for reads, for commands, and for the ledger, which may be slow: of each kind one at a time.

So a stuck ledger holds up no read, and a command waits for one read at most, which has a second.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from anyio import CapacityLimiter
from anyio.to_thread import run_sync

T = TypeVar("T")
THREADS = 2


class Workers:
    """Carries out one read, one command and one look into the ledger at a time; used in one event loop only."""

    def __init__(self) -> None:
        self._reads, self._commands, self._ledger = CapacityLimiter(1), CapacityLimiter(1), CapacityLimiter(1)
        self._threads = CapacityLimiter(THREADS)
        self._waiting: dict[Callable[[], Any], asyncio.Task[Any]] = {}

    async def read(self, ask: Callable[[], T]) -> T:
        """The answer; whoever asks the same before its turn shares it, so that many readers wait no longer than two."""
        return await self._shared(ask, self._reads)

    async def look_up(self, ask: Callable[[], T]) -> T:
        """The same for what is read of the ledger."""
        return await self._shared(ask, self._ledger)

    async def _shared(self, ask: Callable[[], T], limiter: CapacityLimiter) -> T:
        turn: asyncio.Task[T] | None = self._waiting.get(ask)
        if turn is None:
            turn = self._waiting[ask] = asyncio.create_task(self._take_turn(ask, limiter))
        return await asyncio.shield(turn)  # a reader that goes away takes no answer from the others

    async def command(self, carry_out: Callable[[], T]) -> T:
        """The result, once the commands before it are carried out."""
        async with self._commands:
            return await run_sync(carry_out, limiter=self._threads)

    async def _take_turn(self, ask: Callable[[], T], limiter: CapacityLimiter) -> T:
        async with limiter:
            return await run_sync(partial(self._begin, ask), limiter=self._threads)

    def _begin(self, ask: Callable[[], T]) -> T:
        """On the worker thread: from here on the answer may be older than a new question."""
        del self._waiting[ask]
        return ask()
