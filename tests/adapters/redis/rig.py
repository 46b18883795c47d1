"""A real Redis, the store that mirrors into it, and what a reader of the keys finds."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import redis

from tests.domain.builders import SYMBOL, ladder, stream, trade, trades
from tests.kit.processes import eventually
from tests.kit.redis_server import RedisServer, redis_server
from vortex.adapters.redis.store import RedisHotStore
from vortex.domain.market import Book, Trades

PATIENCE_S = 30.0


def now_ms() -> int:
    return time.time_ns() // 1_000_000


class Rig:
    """A server and a store on it; `store` may be replaced by another process's."""

    def __init__(self, server: RedisServer) -> None:
        self.server = server
        self.reader = server.client()
        self.store = self.another("first")
        self._numbers = 0

    def another(self, token: str, namespace: str = "", origin: str = "paper/main/test") -> RedisHotStore:
        return RedisHotStore(self.server.address, now_ms, namespace=namespace, origin=origin, token=token)

    def book(self) -> Book:
        """Show the store a book that it has not seen."""
        self._numbers += 1
        (made,) = stream([ladder(1_000 + self._numbers, [1.0] * 20, [2.0] * 20)], start_ms=now_ms())
        self.store.observe(made)
        return made

    def trades(self, count: int) -> Trades:
        """Show the store so many trades, the next ones, of just now."""
        began_ms = now_ms() - count
        first, self._numbers = self._numbers + 1, self._numbers + count
        made = trades(*(trade(first + each, began_ms + each, buy=True) for each in range(count)))
        self.store.observe(made)
        return made

    def json(self, key: str) -> dict[str, Any] | None:
        text = self.reader.get(key)
        found: dict[str, Any] | None = None if text is None else json.loads(str(text))
        return found

    def ticks(self) -> list[int]:
        """Ids in the list of trades, newest first."""
        lines: Any = self.reader.lrange(f"ticks:{SYMBOL}", 0, -1)
        return [json.loads(line)["id"] for line in lines]

    def mirrored(self, book: Book) -> bool:
        found = self.json(f"orderbook:{SYMBOL}")
        return found is not None and found["bids"] == [list(level) for level in book.bids]

    def until(self, holds: Callable[[], object], what: str) -> None:
        def asked() -> bool:
            with suppress(redis.RedisError):
                return bool(holds())
            return False

        eventually(asked, PATIENCE_S, what, self.store.status)

    def until_ok(self) -> None:
        self.until(lambda: self.store.status().state == "OK", "a mirror that is well")

    def until_degraded(self, words: str = "") -> None:
        self.until(lambda: self.store.status().state == "DEGRADED" and words in self.store.status().detail, words)


@contextmanager
def rig(*options: str) -> Iterator[Rig]:
    """A well mirror, on a server with these options."""
    with redis_server(*options) as server:
        made = Rig(server)
        try:
            made.until_ok()
            yield made
        finally:
            made.store.close()
            made.reader.close()
