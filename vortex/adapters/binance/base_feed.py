"""What every market feed is, whatever it reads its streams with: life cycle, subscriptions, polling, watchdog."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping

from loguru import logger

from vortex.adapters.binance.errors import describe
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.markets import Flow, Markets
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.polling import Polling
from vortex.adapters.binance.public import PublicData
from vortex.domain.market import Interval
from vortex.ports import Clock, MarketSink

WATCH_MS = 1_000


class BaseFeed(ABC):
    """Binance USD-M behind the MarketFeed port; the sink is called from the loop's thread.

    Args:
        loop: A started loop; it outlives this object.
        hosts: Where to connect.
        clock: Time of receipt, and of every timer here.
        public: Source of history and sentiment; closed by `stop`.
        flow_factory: Makes the order-flow reducer of a symbol.
        generated_before_ms: By symbol, the first moment a market really printed: older candles are marked generated.
        sentiment_generated: True when the exchange invents its sentiment.
    """

    def __init__(
        self,
        *,
        loop: NetworkLoop,
        hosts: Hosts,
        clock: Clock,
        public: PublicData,
        flow_factory: Callable[[], Flow],
        generated_before_ms: Mapping[str, int],
        sentiment_generated: bool,
    ) -> None:
        self._loop = loop
        self._hosts = hosts
        self._clock = clock
        self._public = public
        self.notices = Notices(clock, "feed")
        self._markets = Markets(
            clock=clock, flow_factory=flow_factory, generated_before_ms=generated_before_ms, notices=self.notices
        )
        self._polling = Polling(loop, public, clock, sentiment_generated=sentiment_generated, notices=self.notices)
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened = self._stopped = False

    def start(self, sink: MarketSink) -> None:
        self._markets.sink = sink
        self._loop.call(self._start)

    def subscribe(self, symbol: str) -> None:
        self._loop.call(self._add, symbol)

    def unsubscribe(self, symbol: str) -> None:
        self._loop.call(self._remove, symbol)

    def request_history(self, symbol: str, interval: Interval) -> None:
        self._loop.call(self._history, symbol, interval)

    def stop(self) -> None:
        """Close every connection; blocks until done, harmless when repeated. Nothing is delivered afterwards."""
        if self._stopped:
            return
        self._stopped = True
        self._loop.finish(self._close(), "feed")

    def abandon(self) -> None:
        """Close every connection soon, without waiting for it; nothing is delivered from now on."""
        self._markets.sink = None
        if not self._stopped:
            self._stopped = True
            try:
                self._loop.submit(self._close(), "close the feed")
            except RuntimeError as error:
                logger.warning("feed did not close in order: {}", describe(error))

    # ------------------------------------------------------------------------------- the reader, in the loop's thread

    @abstractmethod
    def _open(self) -> None:
        """Begin whatever is needed before the first subscription."""

    @abstractmethod
    def _join(self, symbol: str) -> None:
        """Have the streams of a symbol flow from now on."""

    @abstractmethod
    def _leave(self, symbol: str) -> None:
        """End the streams of a symbol."""

    @abstractmethod
    def _check(self) -> None:
        """Renew what fell silent; called every second."""

    @abstractmethod
    async def _shut(self) -> None:
        """Close what the reader has open; its tasks are cancelled already."""

    def _spawn(self, work: asyncio.Task[None]) -> None:
        """Cancel this task when the feed closes."""
        self._tasks.add(work)
        work.add_done_callback(self._tasks.discard)

    # ------------------------------------------------------------------------------------------ in the loop's thread

    def _start(self) -> None:
        self._open()
        self._opened = True
        self._spawn(self._loop.spawn(self._watch(), "feed watchdog"))

    def _add(self, symbol: str) -> None:
        sink = self._markets.sink
        if sink is not None and symbol not in self._markets:
            self._markets.add(symbol)
            self._join(symbol)
            self._polling.watch(symbol, sink)
            self._polling.volumes(symbol, self._markets.generated_before_ms(symbol), sink)

    def _remove(self, symbol: str) -> None:
        if symbol in self._markets:
            self._markets.remove(symbol)
            self._leave(symbol)
            self._polling.forget(symbol)

    def _history(self, symbol: str, interval: Interval) -> None:
        sink = self._markets.sink
        if sink is not None:
            self._polling.history(symbol, interval, self._markets.generated_before_ms(symbol), sink)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._clock.real_s(WATCH_MS))
            self._check()

    async def _close(self) -> None:
        self._markets.sink = None
        self._polling.stop()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._opened:
            await self._shut()
        await self._public.close()
