"""Looks at the engine for all open pages together, in the background of the page's event loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from loguru import logger

from vortex.app.dashboard.source import Board, Json, Source

OPEN_S, CLOSED_S = 1.0, 5.0
"""How often, while a page is open and while none is."""
SHARE = 0.01
"""Of the time goes into answers at most: meanwhile the engine does not trade. Many symbols are seen less often."""


class Watch:
    """One look serves every page.

    Args:
        source: Whom to look at.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._viewers: dict[str, str] = {}
        self._changed = asyncio.Event()

    @property
    def board(self) -> Board:
        """What the last look saw."""
        return self._source.board

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self._changed.clear()
            try:
                await asyncio.to_thread(self._source.look, tuple(set(self._viewers.values()) - {""}))
            except Exception as error:  # noqa: BLE001  # our own mistake must not leave a page that looks alive
                logger.opt(exception=error).error("a look failed; the page shows what it saw before")
            with suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), self._pause_s())

    def views(self, page: str, symbol: str) -> None:
        """A page looks at this symbol now."""
        if self._viewers.get(page) != symbol:
            self._viewers[page] = symbol
            self._changed.set()

    def left(self, page: str) -> None:
        """A page is closed."""
        self._viewers.pop(page, None)

    async def order(self, action: str, symbol: str | None) -> tuple[str, ...]:
        """See Source.order; the next look follows at once."""
        try:
            return await asyncio.to_thread(self._source.order, action, symbol)
        finally:
            self._changed.set()

    async def why(self, name: str) -> Json:
        """See Source.why."""
        return await asyncio.to_thread(self._source.why, name)

    def _pause_s(self) -> float:
        if not self._viewers:
            return CLOSED_S
        return min(CLOSED_S, max(OPEN_S, self._source.asked_s / SHARE))
