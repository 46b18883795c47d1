"""Asks for sentiment again and again, and for candle history until it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

import msgspec
from ccxt.base.errors import BaseError
from msgspec.structs import replace

from vortex.adapters.binance.errors import ApiError, MalformedReply, describe
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.public import HOURS, PublicData
from vortex.adapters.binance.volumes import EVERY_MS as VOLUMES_EVERY_MS
from vortex.adapters.binance.volumes import volume_history
from vortex.domain.market import CandleHistory, Interval, Sentiment
from vortex.ports import Clock, MarketSink

RATIOS_EVERY_MS = 60_000
HOURLY_EVERY_MS = 3_600_000
RATES_EVERY_MS = 30_000
RETRY_MS = 5_000
TIMEOUT_MS, VOLUMES_TIMEOUT_MS = 5_000, 60_000
SPREAD_MS = 200
"""Each further symbol starts so much later, so that the requests of many symbols do not come in bursts."""

Changes: TypeAlias = Mapping[str, Any]
Job: TypeAlias = Callable[[str], Awaitable[Changes]]
_FAILURES = (BaseError, ApiError, MalformedReply, TimeoutError, msgspec.MsgspecError, LookupError, ValueError)


class Polling:
    """Polls for each watched symbol. Everything happens in the loop's thread; no failure ends it.

    Sentiment waits while the request budget is tight; candles, without which nothing trades, wait for silence only.

    Args:
        sentiment_generated: Marks every value: the exchange at the other end invents them.
    """

    def __init__(
        self, loop: NetworkLoop, public: PublicData, clock: Clock, *, sentiment_generated: bool, notices: Notices
    ) -> None:
        self._loop = loop
        self._public = public
        self._clock = clock
        self._generated = sentiment_generated
        self._notices = notices
        self._known: dict[str, Sentiment] = {}
        self._tasks: dict[str, list[asyncio.Task[None]]] = {}

    def watch(self, symbol: str, sink: MarketSink) -> None:
        """Deliver a Sentiment whenever a part of it changes."""
        delay_ms = SPREAD_MS * len(self._tasks)
        jobs: list[tuple[Job, int]] = [(self._rates, RATES_EVERY_MS)]
        if self._public.has_ratios:
            jobs += [(self._ratios, RATIOS_EVERY_MS), (self._hourly, HOURLY_EVERY_MS)]
        for job, period_ms in jobs:
            self._keep(symbol, self._repeat(symbol, sink, job, period_ms, delay_ms), f"sentiment of {symbol}")

    def forget(self, symbol: str) -> None:
        """Stop everything that runs for the symbol."""
        for task in self._tasks.pop(symbol, []):
            task.cancel()
        self._known.pop(symbol, None)

    def history(self, symbol: str, interval: Interval, generated_before_ms: int, sink: MarketSink) -> None:
        """Deliver one CandleHistory, as soon as the exchange gives it."""
        fetch = self._history(symbol, interval, generated_before_ms, sink)
        self._keep(symbol, fetch, f"history of {symbol}")

    def volumes(self, symbol: str, generated_before_ms: int, sink: MarketSink) -> None:
        """Deliver a VolumeHistory soon, and a newer one every hour."""
        fetch = self._volumes(symbol, generated_before_ms, sink)
        self._keep(symbol, fetch, f"volumes of {symbol}")

    def stop(self) -> None:
        for symbol in tuple(self._tasks):
            self.forget(symbol)

    def _keep(self, symbol: str, coroutine: Any, name: str) -> None:
        tasks = self._tasks.setdefault(symbol, [])
        tasks[:] = [task for task in tasks if not task.done()]
        tasks.append(self._loop.spawn(coroutine, name))

    async def _repeat(self, symbol: str, sink: MarketSink, job: Job, period_ms: int, delay_ms: int) -> None:
        await self._sleep(delay_ms)
        while True:
            await self._public.room()
            changes = await self._attempt(job(symbol), f"{symbol} sentiment")
            if changes is not None:
                self._merge(symbol, changes, sink)
            await self._sleep(period_ms if changes is not None else min(period_ms, RETRY_MS))

    async def _history(self, symbol: str, interval: Interval, generated_before_ms: int, sink: MarketSink) -> None:
        while True:
            await self._public.silence_over()
            fetch = self._public.history(symbol, interval, generated_before_ms)
            candles = await self._attempt(fetch, f"{symbol} {interval} history")
            if candles:
                sink.deliver(CandleHistory(symbol=symbol, interval=interval, candles=candles))
                return
            await self._sleep(RETRY_MS)

    async def _volumes(self, symbol: str, generated_before_ms: int, sink: MarketSink) -> None:
        await self._sleep(SPREAD_MS * len(self._tasks))
        while True:
            fetch = volume_history(self._public, symbol, generated_before_ms, self._clock.now_ms())
            history = await self._attempt(fetch, f"{symbol} volumes", VOLUMES_TIMEOUT_MS)
            if history is not None and history.minutes:
                sink.deliver(history)
            await self._sleep(VOLUMES_EVERY_MS if history is not None else RATES_EVERY_MS)

    async def _attempt(self, request: Awaitable[Any], kind: str, timeout_ms: int = TIMEOUT_MS) -> Any:
        """The answer, or None when there was none in time."""
        try:
            async with asyncio.timeout(self._clock.real_s(timeout_ms)):
                return await request
        except _FAILURES as error:
            self._notices.warn(kind, describe(error))
            return None

    def _merge(self, symbol: str, changes: Changes, sink: MarketSink) -> None:
        now_ms = self._clock.now_ms()
        sink.stream_alive(symbol, "sentiment", now_ms)
        old = self._known.get(symbol) or Sentiment(symbol=symbol, recv_ms=now_ms, generated=self._generated)
        if symbol not in self._known or any(getattr(old, name) != value for name, value in changes.items()):
            self._known[symbol] = replace(old, recv_ms=now_ms, **changes)
            sink.deliver(self._known[symbol])

    async def _sleep(self, duration_ms: float) -> None:
        await asyncio.sleep(self._clock.real_s(duration_ms))

    # ------------------------------------------------------------------------------------------------------- jobs

    async def _ratios(self, symbol: str) -> Changes:
        everyone = (await self._public.ratios("global", symbol, "5m", 1))[-1]
        top = (await self._public.ratios("top", symbol, "5m", 1))[-1]
        oldest_ms = min(everyone.ts_ms, top.ts_ms)
        return {"global_long": everyone.long, "top_position_long": top.long, "ratios_ms": oldest_ms}

    async def _hourly(self, symbol: str) -> Changes:
        everyone = await self._public.ratios("global", symbol, "1h", HOURS)
        top = await self._public.ratios("top", symbol, "1h", HOURS)
        return {
            "global_hourly": tuple(ratio.long for ratio in everyone),
            "top_position_hourly": tuple(ratio.long for ratio in top),
        }

    async def _rates(self, symbol: str) -> Changes:
        funding = await self._public.funding(symbol)
        interest = await self._public.open_interest(symbol)
        return {
            "funding_rate": funding.value,
            "funding_interval_h": await self._public.funding_interval_h(symbol),
            "funding_ms": funding.ts_ms,
            "open_interest": interest.value,
            "open_interest_ms": interest.ts_ms,
        }
