"""Where an engine outlives its actor: a crash beside it costs no history, and no zombie shares it with a successor."""

from __future__ import annotations

from collections.abc import Callable

from vortex.domain.engines.base import Engine
from vortex.domain.market import MarketValue
from vortex.domain.signal import Signal

FRESH_MS = 1_000.0
"""An engine that rested longer has missed market data: its windows would span a gap as if nothing had happened."""


class EngineTakenError(Exception):
    """The engine belongs to another incarnation: this one is a zombie, or was robbed by one and must start again."""


class Loan:
    """An engine in the hands of one incarnation. `busy` is true while an update runs, for ever if it never ends.

    `blank` says that the engine was made for this loan and has seen nothing.
    """

    __slots__ = ("blank", "busy", "engine", "updated_ms")

    def __init__(self, engine: Engine, *, blank: bool) -> None:
        self.engine: Engine | None = engine
        self.blank = blank
        self.busy = False
        self.updated_ms: float | None = None

    def update(self, value: MarketValue, now_ms: float) -> Signal | None:
        """Let the engine take the value in. Raises EngineTakenError, and whatever the engine raises."""
        self.busy = True  # before the look at the engine: `Shelf.take` goes the other way round, so one sees the other
        if self.engine is None:
            raise EngineTakenError
        signal = self.engine.update(value)
        self.updated_ms, self.busy = now_ms, False
        return signal


class Shelf:
    """Keeps one engine of one symbol.

    Args:
        build: Makes a fresh engine.
    """

    def __init__(self, build: Callable[[], Engine]) -> None:
        self._build = build
        self._last: Loan | None = None

    def take(self, now_ms: float) -> Loan:
        """Lend the engine to a new incarnation: the last one's, unless it is half updated or stale, else a fresh one.

        Args:
            now_ms: Monotonic milliseconds, as at every update.
        """
        kept = self._reclaim(now_ms)
        self._last = Loan(kept or self._build(), blank=kept is None)
        return self._last

    def renew(self) -> Loan:
        """Lend a fresh engine instead of the one that was lent last, whatever state that is in."""
        if self._last is not None:
            self._last.engine = None
        self._last = Loan(self._build(), blank=True)
        return self._last

    def _reclaim(self, now_ms: float) -> Engine | None:
        last = self._last
        if last is None:
            return None
        engine, last.engine = last.engine, None
        fresh = last.updated_ms is not None and now_ms - last.updated_ms < FRESH_MS
        return engine if fresh and not last.busy else None
