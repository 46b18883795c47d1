"""The embedded hot store: dictionaries in this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock

from vortex.domain.market import MarketValue, Trade, TradeHistory, Trades
from vortex.domain.recall import leading_up
from vortex.messages import Recipient
from vortex.queries import HotStoreStatus

RING = 2_000
"""Trades kept of each symbol."""


class MemoryHotStore:
    """Implements ports.HotStore; it ends with the process, as a mirror may.

    Of the market it keeps the trades alone, for an engine that begins anew beside a feed that went on.

    Args:
        now_ms: The injected clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self._now_ms = now_ms
        self._since_ms = now_ms()
        self._values: dict[str, object] = {}
        self._rings: dict[str, deque[Trade]] = {}
        self._lock = Lock()

    def put(self, values: Mapping[str, object]) -> None:
        with self._lock:
            self._values.update(values)

    def delete(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._values.pop(key, None)

    def get(self, keys: Sequence[str]) -> dict[str, object]:
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}

    def observe(self, value: MarketValue) -> None:
        if type(value) is Trades:
            with self._lock:
                ring = self._rings.get(value.symbol)
                if ring is None:
                    ring = self._rings[value.symbol] = deque(maxlen=RING)
                ring.extend(value.trades)

    def recall(self, symbol: str, recipient: Recipient) -> None:
        with self._lock:
            kept = tuple(self._rings.get(symbol, ()))
        trades = leading_up(kept, self._now_ms())
        if trades:
            recipient.tell(TradeHistory(symbol=symbol, trades=trades))

    def status(self) -> HotStoreStatus:
        return HotStoreStatus(kind="memory", state="OK", since_ms=self._since_ms, lost=0)

    def close(self) -> None:
        """Nothing is kept elsewhere."""
