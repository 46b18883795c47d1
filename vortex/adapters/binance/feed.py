"""The MarketFeed port: Binance's combined streams read by ourselves, plus polled sentiment and candle history."""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec
from loguru import logger

from vortex.adapters.binance.errors import describe
from vortex.adapters.binance.hosts import Hosts
from vortex.adapters.binance.liquidations import to_liquidation
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.polling import Polling
from vortex.adapters.binance.public import PublicData
from vortex.adapters.binance.route import SILENT_MS, Route
from vortex.adapters.binance.wire import (
    DEPTH,
    AggTrade,
    Depth,
    Envelope,
    Kline,
    Liquidation,
    MarketFrame,
    MarkUpdate,
    decode_market,
    to_candle,
    to_mark_price,
    to_trades,
)
from vortex.domain.indicators.flow import book_fault
from vortex.domain.market import Book, FlowStep, Interval, Levels, MarketValue
from vortex.ports import Clock, MarketSink

PUBLIC_STREAMS = ("depth20@100ms",)
MARKET_STREAMS = ("aggTrade", "kline_1m", "kline_15m", "markPrice@1s", "forceOrder")
HEARTBEATS = {DEPTH: "depth20@100ms", "markPrice": "markPrice@1s"}
"""Streams that flow whether or not anybody trades, so that silence means trouble: name and name on the wire."""

WATCH_MS = 1_000
MAX_RENEW_MS = 60_000.0
_CLOSE_TIMEOUT_S = 5.0


class Flow(Protocol):
    """Reduces the books of one symbol to flow steps."""

    def step(self, ts_ms: int, bids: Levels, asks: Levels) -> FlowStep: ...

    def reset(self) -> None: ...


class _Market:
    """What the feed keeps of one symbol while it is subscribed."""

    def __init__(self, flow: Flow, now_ms: float) -> None:
        self.flow = flow
        self.heard_ms = dict.fromkeys(HEARTBEATS, now_ms)
        self.patience_ms = dict.fromkeys(HEARTBEATS, SILENT_MS)


class BinanceFeed:
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
        self._clock = clock
        self._public = public
        self._flow_factory = flow_factory
        self._generated_before_ms = generated_before_ms
        self.notices = Notices(clock, "feed")
        self._polling = Polling(loop, public, clock, sentiment_generated=sentiment_generated, notices=self.notices)
        self._public_route = self._route("public streams", hosts, hosts.public_stream, self._resync)
        self._market_route = self._route("market streams", hosts, hosts.market_stream, lambda: None)
        self._markets: dict[str, _Market] = {}
        self._epochs: dict[str, int] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._sink: MarketSink | None = None
        self._stopped = False

    def start(self, sink: MarketSink) -> None:
        self._sink = sink
        self._loop.call(self._open)

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
        try:
            self._loop.run(self._close(), _CLOSE_TIMEOUT_S)
        except (RuntimeError, concurrent.futures.CancelledError, TimeoutError) as error:
            logger.warning("feed did not close in order: {}", describe(error))

    def abandon(self) -> None:
        """Close every connection soon, without waiting for it; nothing is delivered from now on."""
        self._sink = None
        if not self._stopped:
            self._stopped = True
            try:
                self._loop.submit(self._close(), "close the feed")
            except RuntimeError as error:
                logger.warning("feed did not close in order: {}", describe(error))

    # ------------------------------------------------------------------------------------------ in the loop's thread

    def _route(
        self, name: str, hosts: Hosts, address: Callable[[tuple[str, ...]], str], on_gap: Callable[[], None]
    ) -> Route:
        return Route(
            name=name, loop=self._loop, clock=self._clock, address=address, on_frame=self._on_frame, on_gap=on_gap,
            check=hosts.check, notices=self.notices,
        )  # fmt: skip

    def _open(self) -> None:
        for route in (self._public_route, self._market_route):
            self._tasks.append(self._loop.spawn(route.run(), route.stream.name))
        self._tasks.append(self._loop.spawn(self._watch(), "feed watchdog"))

    def _add(self, symbol: str) -> None:
        if symbol in self._markets or self._sink is None:
            return
        self._markets[symbol] = _Market(self._flow_factory(), self._clock.monotonic_ms())
        self._public_route.add(_names(symbol, PUBLIC_STREAMS))
        self._market_route.add(_names(symbol, MARKET_STREAMS))
        self._polling.watch(symbol, self._sink)
        self._polling.volumes(symbol, self._generated_before_ms.get(symbol, 0), self._sink)

    def _remove(self, symbol: str) -> None:
        if self._markets.pop(symbol, None) is not None:
            self._public_route.remove(_names(symbol, PUBLIC_STREAMS))
            self._market_route.remove(_names(symbol, MARKET_STREAMS))
            self._polling.forget(symbol)

    def _history(self, symbol: str, interval: Interval) -> None:
        if self._sink is not None:
            self._polling.history(symbol, interval, self._generated_before_ms.get(symbol, 0), self._sink)

    def _resync(self) -> None:
        for market in self._markets.values():
            market.flow.reset()

    def _on_frame(self, frame: bytes) -> None:
        try:
            self._take(decode_market(frame))
        except (msgspec.MsgspecError, ValueError) as error:
            self.notices.warn("malformed frame", describe(error))

    def _take(self, envelope: Envelope) -> None:
        data = envelope.data
        if data is None:
            if envelope.error is not None:
                self.notices.warn("subscription refused", f"{envelope.error.code} {envelope.error.msg}")
            return
        market = self._markets.get(data.symbol)
        sink = self._sink
        if market is None or sink is None:
            return
        stream = data.stream
        if stream in HEARTBEATS:
            market.heard_ms[stream] = self._clock.monotonic_ms()
            market.patience_ms[stream] = SILENT_MS
        recv_ms = self._clock.now_ms()
        sink.stream_alive(data.symbol, stream, recv_ms)
        value = self._value(data, market, recv_ms)
        if value is not None:
            sink.deliver(value)

    def _value(self, data: MarketFrame, market: _Market, recv_ms: int) -> MarketValue | None:
        match data:
            case Depth():
                return self._book(data, market, recv_ms)
            case AggTrade():
                return to_trades(data, recv_ms)
            case Kline():
                return to_candle(data, self._generated_before_ms.get(data.symbol, 0))
            case MarkUpdate():
                return to_mark_price(data, recv_ms)
            case Liquidation():
                return to_liquidation(data.body, data.ts_ms, recv_ms)

    def _book(self, data: Depth, market: _Market, recv_ms: int) -> Book | None:
        fault = book_fault(data.bids, data.asks)
        if fault is not None:
            market.flow.reset()
            self.notices.warn(fault, f"a book of {data.symbol} was dropped")
            return None
        step = market.flow.step(data.ts_ms, data.bids, data.asks)
        epoch = self._epochs[data.symbol] = self._epochs.get(data.symbol, 0) + 1
        return Book(
            symbol=data.symbol, epoch=epoch, ts_ms=data.ts_ms, recv_ms=recv_ms,
            bids=data.bids, asks=data.asks, steps=(step,),
        )  # fmt: skip

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(self._clock.real_s(WATCH_MS))
            for route, stream in ((self._public_route, DEPTH), (self._market_route, "markPrice")):
                if route.watch():
                    self._renew_silent(route, stream)

    def _renew_silent(self, route: Route, stream: str) -> None:
        # One silent symbol must not cost the others their connection: its stream alone is subscribed again.
        now_ms = self._clock.monotonic_ms()
        for symbol, market in self._markets.items():
            if now_ms - market.heard_ms[stream] > market.patience_ms[stream]:
                market.heard_ms[stream] = now_ms
                market.patience_ms[stream] = min(2.0 * market.patience_ms[stream], MAX_RENEW_MS)
                self.notices.warn(f"silent {stream}", f"{symbol}: subscribed again")
                route.renew(f"{symbol.lower()}@{HEARTBEATS[stream]}")

    async def _close(self) -> None:
        self._polling.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._public.close()


def _names(symbol: str, streams: tuple[str, ...]) -> list[str]:
    return [f"{symbol.lower()}@{stream}" for stream in streams]
