"""A limit on how often each client may ask: a token bucket each, kept as the one moment at which it is full again."""

from __future__ import annotations

import time
from collections.abc import Callable

MOST_CLIENTS = 1_024
_NS_PER_S = 1_000_000_000


class RateLimit:
    """Allows `per_s` requests at once and `per_s` a second from then on, each client for itself.

    One thread only.

    Args:
        per_s: Requests a second, above 0.
        now_ns: Nanoseconds that never go backwards.
    """

    def __init__(self, per_s: int, now_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._step_ns = _NS_PER_S // per_s
        self._now_ns = now_ns
        self._full_ns: dict[str, int] = {}

    def allow(self, client: str) -> bool:
        """Count a request; False when it is one too many, which costs the client nothing."""
        now_ns = self._now_ns()
        full_ns = max(now_ns, self._full_ns.get(client, now_ns)) + self._step_ns
        if full_ns - now_ns > _NS_PER_S:
            return False
        if len(self._full_ns) >= MOST_CLIENTS:
            self._forget(now_ns)
        self._full_ns[client] = full_ns
        return True

    def _forget(self, now_ns: int) -> None:
        """Drop clients whose bucket is full again; where all are busy the memory is given up, not the service."""
        self._full_ns = {client: full_ns for client, full_ns in self._full_ns.items() if full_ns > now_ns}
        if len(self._full_ns) >= MOST_CLIENTS:
            self._full_ns.clear()
