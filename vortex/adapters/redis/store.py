"""The hot store in Redis: what it is told it keeps in this process, and a thread of its own writes it behind.

Neither Redis nor JSON is ever waited for: `put`, `observe` and the others only change memory. The thread is none of an
actor: an actor that hangs is replaced, and ends the process when that happens too often, but a name server may well
take half a minute to answer.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from loguru import logger
from msgspec import Struct

from vortex.adapters.redis.connection import Server
from vortex.adapters.redis.health import Health
from vortex.adapters.redis.image import Image, Ring
from vortex.adapters.redis.writer import Writer
from vortex.domain.market import Book, Candle, CandleHistory, MarketValue, Sentiment, TradeHistory, Trades
from vortex.domain.recall import leading_up
from vortex.messages import Recipient
from vortex.queries import HotStoreStatus

FLUSH_S = 0.2
"""A value stands in Redis about this long after it came."""
HURRY_S = 0.02
"""Pause while there is more to write than fits into one go."""
LONGEST_PAUSE_S = 1.0
"""Between two tries while Redis takes nothing."""
CLOSE_S = 1.0
NEWS_LIMIT = 50_000
"""Trades and candles that may wait for the thread; of more the oldest are dropped."""
NOTED = frozenset((Trades, Candle, CandleHistory, Sentiment))


class _Recall(Struct, frozen=True):
    symbol: str
    recipient: Recipient


class RedisHotStore:
    """Implements ports.HotStore.

    Args:
        server: Where Redis is.
        namespace: What every key begins with, with a colon; may be empty.
        now_ms: The injected clock.
        origin: Whose market this is, e.g. mode, account and source.
        token: Differs from that of every other process.
    """

    def __init__(
        self, server: Server, now_ms: Callable[[], int], *, namespace: str = "", origin: str, token: str
    ) -> None:
        self._now_ms = now_ms
        self._health = Health(server.place, now_ms)
        self._writer = Writer(server, namespace=namespace, origin=origin, token=token, health=self._health)
        self._image = Image()
        self._values: dict[str, object] = {}
        self._deleted: set[str] = set()
        self._lock = threading.Lock()
        self._books: dict[str, Book] = {}
        self._news: deque[MarketValue | _Recall] = deque(maxlen=NEWS_LIMIT)
        self._failures = 0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="mirror", daemon=True)
        self._thread.start()

    # ------------------------------------------------------------------------------------------------- from any thread

    def put(self, values: Mapping[str, object]) -> None:
        with self._lock:
            self._values.update(values)
            self._deleted.difference_update(values)

    def delete(self, keys: Sequence[str]) -> None:
        with self._lock:
            for key in keys:
                self._values.pop(key, None)
            self._deleted.update(keys)

    def get(self, keys: Sequence[str]) -> dict[str, object]:
        with self._lock:
            return {key: self._values[key] for key in keys if key in self._values}

    def observe(self, value: MarketValue) -> None:
        kind = type(value)
        if kind is Book:
            self._books[value.symbol] = value  # type: ignore[assignment]  # just looked at
        elif kind in NOTED:
            self._news.append(value)

    def recall(self, symbol: str, recipient: Recipient) -> None:
        self._news.append(_Recall(symbol, recipient))

    def status(self) -> HotStoreStatus:
        return self._health.status

    def close(self) -> None:
        self._closing.set()
        self._thread.join(CLOSE_S)

    # ------------------------------------------------------------------------------------------------ on its own thread

    def _run(self) -> None:
        pause_s = 0.0
        while not self._closing.wait(pause_s):
            pause_s = self._round()
        if self._health.ok:
            self._round()
        self._writer.close()

    def _round(self) -> float:
        """Take in what is new, write it, and return how long to wait."""
        try:
            self._take_in()
            self._writer.write(self._image, self._now_ms())
        except Exception as error:  # noqa: BLE001  # a mirror that ends must not go unnoticed, nor end anything else
            logger.opt(exception=error).error("hot store: a defect of the mirror")
            self._image.forget()
            self._health.failed(f"a defect: {error!r}", 0)
        self._failures = 0 if self._health.ok else self._failures + 1
        if self._failures:
            return min(LONGEST_PAUSE_S, FLUSH_S * float(2 ** min(self._failures - 1, 8)))
        return HURRY_S if self._image.backlog else FLUSH_S

    def _take_in(self) -> None:
        now_ms, image = self._now_ms(), self._image
        while self._news:
            self._take(self._news.popleft(), now_ms)
        image.refresh_candles(now_ms)
        image.see({f"orderbook:{symbol}": book for symbol, book in self._books.copy().items()}, now_ms)
        with self._lock:
            values, deleted = self._values.copy(), self._deleted.copy()
            self._deleted.clear()
        image.see(values, now_ms)
        for key in deleted:
            image.delete(key)

    def _take(self, news: MarketValue | _Recall, now_ms: int) -> None:
        match news:
            case Trades():
                self._image.arrived += 1
                self._ring(news.symbol).take(news.trades)
            case Candle() | CandleHistory() | Sentiment():
                self._image.take(news, now_ms)
            case _Recall():
                trades = leading_up(tuple(self._ring(news.symbol).trades), now_ms)
                if trades:
                    news.recipient.tell(TradeHistory(symbol=news.symbol, trades=trades))

    def _ring(self, symbol: str) -> Ring:
        """The symbol's trades; at the first time with those that another process left."""
        ring = self._image.rings.get(symbol)
        if ring is None:
            ring = self._image.rings[symbol] = Ring()
            ring.prepend(self._writer.recall(symbol, self._now_ms()))
        return ring
