"""The last candles of each symbol for people to look at, heard beside the actors: nobody is asked for them."""

from __future__ import annotations

import threading

from vortex.domain.market import Candle, CandleHistory, Interval, MarketValue

INTERVAL: Interval = "1m"
KEPT = 240
"""Candles of a symbol: four hours."""


class Candles:
    """The newest candles of one interval by symbol; safe from any thread."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._lock = threading.Lock()
        self._known: dict[str, dict[int, Candle]] = {}

    def observe(self, value: MarketValue) -> None:
        """Keep candles of our interval; one that is closed stays as it closed. Called by the feed, on its thread."""
        if isinstance(value, Candle | CandleHistory) and value.interval == INTERVAL:
            with self._lock:
                for candle in value.candles if isinstance(value, CandleHistory) else (value,):
                    self._keep(candle)

    def of(self, symbol: str, limit: int = KEPT) -> tuple[Candle, ...]:
        """The newest candles of a symbol, oldest first, the last one perhaps forming; none of an unknown symbol."""
        with self._lock:
            known = self._known.get(symbol, {})
            return tuple([known[open_ms] for open_ms in sorted(known)[-limit:]])

    def _keep(self, candle: Candle) -> None:
        known = self._known.setdefault(candle.symbol, {})
        before = known.get(candle.open_ms)
        known[candle.open_ms] = candle if before is None else candle.absorb(before)
        if len(known) > self._kept:
            del known[min(known)]
