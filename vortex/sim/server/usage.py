"""What one client has used: request weight and orders per minute, and which paths it asked for."""

from __future__ import annotations

from collections import Counter

from vortex.sim.core.types import RequestRefused

WEIGHT_PER_MINUTE = 2_400
ORDERS_PER_MINUTE = 1_200
ORDERS_PER_10S = 300


class Window:
    """A counter that starts again with every interval of the exchange's clock, as Binance's do."""

    def __init__(self, interval_ms: int, limit: int) -> None:
        self._interval_ms = interval_ms
        self._limit = limit
        self._interval = -1
        self.used = 0

    def add(self, now_ms: int, amount: int) -> bool:
        """Count, and tell whether the limit still holds."""
        interval = now_ms // self._interval_ms
        if interval != self._interval:
            self._interval, self.used = interval, 0
        self.used += amount
        return self.used <= self._limit

    def rest_s(self, now_ms: int) -> int:
        """Whole seconds until the next interval, at least 1."""
        return max(1, (self._interval_ms - now_ms % self._interval_ms) // 1_000)


class Usage:
    """Counts every request and refuses what is over a limit."""

    def __init__(self) -> None:
        self.known: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._weight = Window(60_000, WEIGHT_PER_MINUTE)
        self._orders_1m = Window(60_000, ORDERS_PER_MINUTE)
        self._orders_10s = Window(10_000, ORDERS_PER_10S)

    def spend(self, now_ms: int, weight: int) -> None:
        """Raises -1003 when the minute's weight is used up."""
        if not self._weight.add(now_ms, weight):
            raise RequestRefused(
                -1003, f"Too many requests; current limit is {WEIGHT_PER_MINUTE} request weight per minute."
            )

    def order(self, now_ms: int) -> None:
        """Count one new order. Raises -1015 over either order limit."""
        within = (self._orders_10s.add(now_ms, 1), self._orders_1m.add(now_ms, 1))
        if not all(within):
            raise RequestRefused(-1015, "Too many new orders.")

    def headers(self, now_ms: int, *, orders: bool) -> dict[str, str]:
        """The headers of every reply; order endpoints also tell how many orders were counted."""
        self._weight.add(now_ms, 0)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._weight.used)}
        if orders:
            headers["X-MBX-ORDER-COUNT-10S"] = str(self._orders_10s.used)
            headers["X-MBX-ORDER-COUNT-1M"] = str(self._orders_1m.used)
        return headers

    def retry_s(self, now_ms: int) -> int:
        """Seconds of the exchange's clock until the weight counter starts again."""
        return self._weight.rest_s(now_ms)
