"""What one client has used: request weight and orders, which paths it asked for, and the ban of one who asks on.

All times are those of the clock that clients see. How many refused requests lead to a ban the real exchange does not
say; how long bans are, it does: from two minutes to three days.
"""

from __future__ import annotations

from collections import Counter
from http import HTTPStatus

from vortex.sim.core.types import RequestRefused

WEIGHT_PER_MINUTE = 2_400
ORDERS_PER_MINUTE = 1_200
ORDERS_PER_10S = 300
PATIENCE = 10
"""Requests refused within one minute before the next one is answered with a ban."""

FIRST_BAN_MS = 2 * 60_000
LONGEST_BAN_MS = 3 * 86_400_000


class Limited(RequestRefused):
    """Refused for asking too much.

    Attributes:
        status: 429, or 418 while banned.
        retry_s: Whole seconds of the exchange's clock until asking makes sense again.
    """

    def __init__(self, code: int, message: str, *, status: int, retry_s: int) -> None:
        super().__init__(code, message)
        self.status = status
        self.retry_s = retry_s


class Window:
    """A counter that starts again with every interval of the exchange's clock, as Binance's do."""

    def __init__(self, interval_ms: int, limit: int) -> None:
        self._interval_ms = interval_ms
        self._interval = -1
        self.limit = limit
        self.used = 0

    def add(self, now_ms: int, amount: int) -> bool:
        """Count, and tell whether the limit still holds."""
        interval = now_ms // self._interval_ms
        if interval != self._interval:
            self._interval, self.used = interval, 0
        self.used += amount
        return self.used <= self.limit

    def rest_s(self, now_ms: int) -> int:
        """Whole seconds until the next interval, at least 1."""
        return _seconds(self._interval_ms - now_ms % self._interval_ms)


class Usage:
    """Counts every request and refuses what is over a limit."""

    def __init__(self) -> None:
        self.known: Counter[str] = Counter()
        self.unknown: Counter[str] = Counter()
        self._weight = Window(60_000, WEIGHT_PER_MINUTE)
        self._refused = Window(60_000, PATIENCE)
        self._orders_10s = Window(10_000, ORDERS_PER_10S)
        self._orders_1m = Window(60_000, ORDERS_PER_MINUTE)
        self._bans = 0
        self._banned_until_ms = 0

    def spend(self, now_ms: int, weight: int) -> None:
        """Count a request of this weight. Raises Limited -1003: 429 over the minute's weight, 418 while banned."""
        if now_ms < self._banned_until_ms:
            raise self._ban(now_ms)
        if self._weight.add(now_ms, weight):
            return
        if not self._refused.add(now_ms, 1):
            self._banned_until_ms = now_ms + min(FIRST_BAN_MS << min(self._bans, 12), LONGEST_BAN_MS)
            self._bans += 1
            raise self._ban(now_ms)
        text = (
            f"Too many requests; current limit is {WEIGHT_PER_MINUTE} request weight per 1 MINUTE. "
            "Please use the websocket for live updates to avoid polling the API."
        )
        raise Limited(-1003, text, status=HTTPStatus.TOO_MANY_REQUESTS, retry_s=self._weight.rest_s(now_ms))

    def order(self, now_ms: int) -> None:
        """Count one new order. Raises Limited -1015 over either order limit."""
        windows = ((self._orders_10s, "TEN_SECONDS"), (self._orders_1m, "MINUTE"))
        over = [(window, name) for window, name in windows if not window.add(now_ms, 1)]
        for window, name in over:
            text = f"Too many new orders; current limit is {window.limit} orders per {name}."
            raise Limited(-1015, text, status=HTTPStatus.TOO_MANY_REQUESTS, retry_s=window.rest_s(now_ms))

    def headers(self, now_ms: int, *, orders: bool) -> dict[str, str]:
        """The headers of every reply; order endpoints also tell how many orders were counted."""
        for window in (self._weight, self._orders_10s, self._orders_1m):
            window.add(now_ms, 0)
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._weight.used)}
        if orders:
            headers["X-MBX-ORDER-COUNT-10S"] = str(self._orders_10s.used)
            headers["X-MBX-ORDER-COUNT-1M"] = str(self._orders_1m.used)
        return headers

    def _ban(self, now_ms: int) -> Limited:
        text = (
            f"Way too many requests; IP(127.0.0.1) banned until {self._banned_until_ms}. "
            "Please use the websocket for live updates to avoid bans."
        )
        retry_s = _seconds(self._banned_until_ms - now_ms)
        return Limited(-1003, text, status=HTTPStatus.IM_A_TEAPOT, retry_s=retry_s)


def _seconds(span_ms: int) -> int:
    return max(1, -(-span_ms // 1_000))
