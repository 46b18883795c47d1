"""Two threads for all requests that wait: one for reads, one for commands, which never queue up behind slow reads."""

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
    """Carries out one read and one command at a time; used in one event loop only."""

    def __init__(self) -> None:
        self._reads, self._commands = CapacityLimiter(1), CapacityLimiter(1)
        self._waiting: dict[Callable[[], Any], asyncio.Task[Any]] = {}

    async def read(self, ask: Callable[[], T]) -> T:
        """The answer; whoever asks the same before its turn shares it, so that many readers wait no longer than two."""
        turn: asyncio.Task[T] | None = self._waiting.get(ask)
        if turn is None:
            turn = self._waiting[ask] = asyncio.create_task(self._take_turn(ask))
        return await asyncio.shield(turn)  # a reader that goes away takes no answer from the others

    async def command(self, carry_out: Callable[[], T]) -> T:
        """The result, once the commands before it are carried out."""
        return await run_sync(carry_out, limiter=self._commands)

    async def _take_turn(self, ask: Callable[[], T]) -> T:
        return await run_sync(partial(self._begin, ask), limiter=self._reads)

    def _begin(self, ask: Callable[[], T]) -> T:
        """On the worker thread: from here on the answer may be older than a new question."""
        del self._waiting[ask]
        return ask()
