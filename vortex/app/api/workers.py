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
        self._waiting: dict[object, asyncio.Task[Any]] = {}

    async def read(self, ask: Callable[..., T], *args: object) -> T:
        """The answer; whoever asks the same before its turn shares it, so that many readers wait no longer than two."""
        return await self._shared(self._reads, ask, *args)

    async def look_up(self, ask: Callable[..., T], *args: object) -> T:
        """The same for what is read of the ledger."""
        return await self._shared(self._ledger, ask, *args)

    async def _shared(self, limiter: CapacityLimiter, ask: Callable[..., T], *args: object) -> T:
        question = (ask, args)
        turn: asyncio.Task[T] | None = self._waiting.get(question)
        if turn is None:
            turn = self._waiting[question] = asyncio.create_task(self._take_turn(limiter, ask, *args))
        return await asyncio.shield(turn)  # a reader that goes away takes no answer from the others

    async def command(self, carry_out: Callable[[], T]) -> T:
        """The result, once the commands before it are carried out."""
        async with self._commands:
            return await run_sync(carry_out, limiter=self._threads)

    async def _take_turn(self, limiter: CapacityLimiter, ask: Callable[..., T], *args: object) -> T:
        async with limiter:
            return await run_sync(partial(self._begin, ask, *args), limiter=self._threads)

    def _begin(self, ask: Callable[..., T], *args: object) -> T:
        """On the worker thread: from here on the answer may be older than a new question."""
        del self._waiting[ask, args]
        return ask(*args)
