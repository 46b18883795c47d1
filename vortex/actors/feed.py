"""The feed actor: owns the market feed and the table of who wants what.

Market data does not pass through this inbox: the feed's own thread looks the table up and tells the subscribers. The
table outlives the actor, so that a crash of it costs nobody the subscription.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any

from vortex.domain.market import CandleHistory, MarketValue, MarkPrice, Sentiment, VolumeHistory
from vortex.messages import Recipient, RequestHistory, Subscribe, Unsubscribe
from vortex.ports import MarketFeed
from vortex.queries import GetFeedAges
from vortex.runtime import Actor

STREAMS = ("depth20", "aggTrade", "kline_1m", "kline_15m", "markPrice", "forceOrder", "sentiment")
_REPEATED = (MarkPrice, Sentiment, VolumeHistory)
"""Slow values whose latest is repeated to a new subscriber."""


class SubscriptionTable:
    """Who wants which values of which symbol, and when each stream was last heard. Safe from any thread.

    Args:
        observers: Called with every value that is delivered; they must not wait, cost next to nothing, and not raise.
    """

    def __init__(self, *observers: Callable[[MarketValue], object]) -> None:
        self._observers = observers
        self._lock = threading.Lock()
        self._routes: dict[tuple[str, type], tuple[Recipient, ...]] = {}
        self._latest: dict[tuple[str, type], MarketValue] = {}
        self._heard: dict[str, dict[str, int | None]] = {}

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol somebody subscribed to."""
        with self._lock:
            return tuple(self._heard)

    def add(self, subscription: Subscribe) -> None:
        """Add a subscriber; the same one again changes nothing. Latest slow values are told at once."""
        symbol, subscriber = subscription.symbol, subscription.subscriber
        with self._lock:
            self._heard.setdefault(symbol, dict.fromkeys(STREAMS))
            for kind in subscription.values:
                route = self._routes.get((symbol, kind), ())
                if subscriber not in route:
                    self._routes[symbol, kind] = (*route, subscriber)
            latest = [self._latest.get((symbol, kind)) for kind in subscription.values]
        for value in latest:
            if value is not None:
                subscriber.tell(value)

    def remove(self, symbol: str) -> None:
        """Forget a symbol."""
        with self._lock:
            self._heard.pop(symbol, None)
            for key in [key for key in self._routes if key[0] == symbol]:
                del self._routes[key]
            for key in [key for key in self._latest if key[0] == symbol]:
                del self._latest[key]

    def deliver(self, value: MarketValue) -> None:
        """Tell everyone who wants this value (a read of a dict: no lock on the hot path)."""
        kind = type(value)
        if kind in _REPEATED and value.symbol in self._heard:
            self._latest[value.symbol, kind] = value
        for subscriber in self._routes.get((value.symbol, kind), ()):
            subscriber.tell(value)
        for observe in self._observers:
            observe(value)

    def stream_alive(self, symbol: str, stream: str, ts_ms: int) -> None:
        """Note a frame of a stream."""
        heard = self._heard.get(symbol)
        if heard is not None:
            heard[stream] = ts_ms

    def heard(self) -> dict[str, dict[str, int | None]]:
        """When each stream of each symbol was last heard, epoch milliseconds."""
        with self._lock:
            return {symbol: dict(streams) for symbol, streams in self._heard.items()}


class FeedActor(Actor):
    """Keeps the feed subscribed to what the table asks for."""

    def __init__(self, *, feed: MarketFeed, table: SubscriptionTable) -> None:
        self._feed = feed
        self._subscriptions = table

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            Subscribe: self._on_subscribe,
            RequestHistory: self._on_request_history,
            Unsubscribe: self._on_unsubscribe,
            GetFeedAges: self._on_get,
        }

    def started(self) -> None:
        self._feed.start(self._subscriptions)
        for symbol in self._subscriptions.symbols:
            self._feed.subscribe(symbol)

    def stopping(self) -> None:
        self._feed.stop()

    def _on_subscribe(self, message: Subscribe) -> None:
        self._subscriptions.add(message)
        self._feed.subscribe(message.symbol)
        if CandleHistory in message.values:
            self._request_history(message.symbol)

    def _on_request_history(self, message: RequestHistory) -> None:
        if message.symbol in self._subscriptions.symbols:  # else it has left meanwhile
            self._request_history(message.symbol)

    def _request_history(self, symbol: str) -> None:
        self._feed.request_history(symbol, "1m")
        self._feed.request_history(symbol, "15m")

    def _on_unsubscribe(self, message: Unsubscribe) -> None:
        self._feed.unsubscribe(message.symbol)
        self._subscriptions.remove(message.symbol)

    def _on_get(self, _message: GetFeedAges) -> dict[str, dict[str, int | None]]:
        return self._subscriptions.heard()
