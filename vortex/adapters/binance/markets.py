"""The symbols a feed is subscribed to: makes values of their frames, and knows which of their streams fell silent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Protocol

from vortex.adapters.binance.liquidations import to_liquidation
from vortex.adapters.binance.notices import Notices
from vortex.adapters.binance.wire import (
    DEPTH,
    AggTrade,
    Depth,
    Kline,
    Liquidation,
    MarketFrame,
    MarkUpdate,
    to_candle,
    to_mark_price,
    to_trades,
)
from vortex.domain.indicators.flow import book_fault
from vortex.domain.market import Book, FlowStep, Levels, MarketValue
from vortex.ports import Clock, MarketSink

MARK = "markPrice"
HEARTBEATS = (DEPTH, MARK)
"""Streams that flow whether or not anybody trades, so that silence means trouble."""

SILENT_MS = 5_000.0
"""A connection without any frame for so long is given up, a stream without one is subscribed again."""

MAX_RENEW_MS = 60_000.0


class Flow(Protocol):
    """Reduces the books of one symbol to flow steps."""

    def step(self, ts_ms: int, bids: Levels, asks: Levels) -> FlowStep: ...

    def reset(self) -> None: ...


class _Market:
    """What is kept of one symbol while it is subscribed."""

    def __init__(self, flow: Flow, now_ms: float) -> None:
        self.flow = flow
        self.heard_ms = dict.fromkeys(HEARTBEATS, now_ms)
        self.patience_ms = dict.fromkeys(HEARTBEATS, SILENT_MS)


class Markets:
    """Delivers to `sink` while there is one.

    Args:
        flow_factory: Makes the order-flow reducer of a symbol.
        generated_before_ms: By symbol, the first moment a market really printed: older candles are marked generated.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        flow_factory: Callable[[], Flow],
        generated_before_ms: Mapping[str, int],
        notices: Notices,
    ) -> None:
        self._clock = clock
        self._flow_factory = flow_factory
        self._generated_before_ms = generated_before_ms
        self._notices = notices
        self._markets: dict[str, _Market] = {}
        self._epochs: dict[str, int] = {}
        self.sink: MarketSink | None = None

    def __contains__(self, symbol: str) -> bool:
        return symbol in self._markets

    def add(self, symbol: str) -> None:
        self._markets[symbol] = _Market(self._flow_factory(), self._clock.monotonic_ms())

    def remove(self, symbol: str) -> None:
        del self._markets[symbol]

    def generated_before_ms(self, symbol: str) -> int:
        """Candles that open before this moment were generated."""
        return self._generated_before_ms.get(symbol, 0)

    def reset(self, symbols: Iterable[str]) -> None:
        """Something of these symbols was missed: their next step is a resync."""
        for symbol in symbols:
            if symbol in self._markets:
                self._markets[symbol].flow.reset()

    def take(self, frame: MarketFrame) -> None:
        """Deliver what a frame says. Raises ValueError when a number in it is out of range."""
        market, sink = self._markets.get(frame.symbol), self.sink
        if market is None or sink is None:
            return
        stream = frame.stream
        if stream in HEARTBEATS:
            market.heard_ms[stream] = self._clock.monotonic_ms()
            market.patience_ms[stream] = SILENT_MS
        recv_ms = self._clock.now_ms()
        sink.stream_alive(frame.symbol, stream, recv_ms)
        value = self._value(frame, market, recv_ms)
        if value is not None:
            sink.deliver(value)

    def silent(self, symbols: Iterable[str], stream: str) -> list[str]:
        """Those whose stream must be subscribed again now; while it stays silent, again after twice the time."""
        now_ms, found = self._clock.monotonic_ms(), []
        for symbol in symbols:
            market = self._markets[symbol]
            if now_ms - market.heard_ms[stream] > market.patience_ms[stream]:
                market.heard_ms[stream] = now_ms
                market.patience_ms[stream] = min(2.0 * market.patience_ms[stream], MAX_RENEW_MS)
                self._notices.warn(f"silent {stream}", f"{symbol}: subscribed again")
                found.append(symbol)
        return found

    def _value(self, frame: MarketFrame, market: _Market, recv_ms: int) -> MarketValue | None:
        match frame:
            case Depth():
                return self._book(frame, market, recv_ms)
            case AggTrade():
                return to_trades(frame, recv_ms)
            case Kline():
                return to_candle(frame, self.generated_before_ms(frame.symbol))
            case MarkUpdate():
                return to_mark_price(frame, recv_ms)
            case Liquidation():
                return to_liquidation(frame.body, frame.ts_ms, recv_ms)

    def _book(self, frame: Depth, market: _Market, recv_ms: int) -> Book | None:
        fault = book_fault(frame.bids, frame.asks)
        if fault is not None:
            market.flow.reset()
            self._notices.warn(fault, f"a book of {frame.symbol} was dropped")
            return None
        step = market.flow.step(frame.ts_ms, frame.bids, frame.asks)
        epoch = self._epochs[frame.symbol] = self._epochs.get(frame.symbol, 0) + 1
        return Book(
            symbol=frame.symbol, epoch=epoch, ts_ms=frame.ts_ms, recv_ms=recv_ms,
            bids=frame.bids, asks=frame.asks, steps=(step,),
        )  # fmt: skip
