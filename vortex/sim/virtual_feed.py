"""The market feed port over a World in virtual time: market events become the values that engines read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol, cast

from msgspec import Struct

from vortex.domain.market import (
    Book,
    Candle,
    CandleHistory,
    FlowStep,
    Interval,
    Levels,
    MarkPrice,
    Sentiment,
    Trade,
    Trades,
)
from vortex.ports import MarketSink
from vortex.sim.core.market import (
    BookEvent,
    CandleEvent,
    MarketEvent,
    MarketSource,
    MarkEvent,
    SymbolSpec,
    TickLevels,
    TradeEvent,
)

DEPTH = 20
HISTORY = 200
"""Candles in a history: twice what the longest window of the engines keeps."""

SENTIMENT_EVERY_MS = 45_000
RATIO_PERIOD_MS = 300_000
HOUR_MS = 3_600_000
HOURS = 720


class FlowReducer(Protocol):
    """Turns each book of one symbol into what it contributed to order flow; a fresh one starts with a resync."""

    def step(self, ts_ms: int, bids: Levels, asks: Levels) -> FlowStep: ...


class FeedLine(Protocol):
    """What the port needs of the virtual world."""

    @property
    def sources(self) -> Sequence[MarketSource]: ...

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]: ...

    @property
    def request_ms(self) -> int:
        """How long a request for history takes."""
        ...

    def now_ms(self) -> int: ...

    def call_at(self, t_ms: int, fire: Callable[[], None]) -> None: ...


class _Scale:
    """Ticks and lots as floats, exactly those that the decimal text of the same number would parse to."""

    def __init__(self, spec: SymbolSpec) -> None:
        self._tick = spec.tick_size.as_integer_ratio()
        self._step = spec.step_size.as_integer_ratio()

    def price(self, ticks: int) -> float:
        return ticks * self._tick[0] / self._tick[1]

    def quantity(self, lots: int) -> float:
        return lots * self._step[0] / self._step[1]

    def levels(self, levels: TickLevels) -> Levels:
        (tick, tick_parts), (step, step_parts) = self._tick, self._step
        return tuple([(ticks * tick / tick_parts, lots * step / step_parts) for ticks, lots in levels[:DEPTH]])


class _Subscription(Struct, kw_only=True):
    """What one subscribed symbol carries from event to event."""

    source: MarketSource
    scale: _Scale
    flow: FlowReducer
    mark: MarkEvent | None = None
    hour: int = -1
    global_hourly: tuple[float, ...] = ()
    top_position_hourly: tuple[float, ...] = ()


class VirtualFeed:
    """Implements `vortex.ports.MarketFeed`."""

    def __init__(self, line: FeedLine, flow_factory: Callable[[], FlowReducer]) -> None:
        self._line = line
        self._flow_factory = flow_factory
        self._sink: MarketSink | None = None
        self._epochs: dict[str, int] = {}
        self._subscribed: dict[str, _Subscription] = {}
        self._listed = {spec.symbol: (source, spec) for source in line.sources for spec in source.specs}

    def start(self, sink: MarketSink) -> None:
        before, self._sink = self._sink, sink
        if before is None:
            for symbol, subscription in self._subscribed.items():
                self._poll(symbol, subscription)

    def stop(self) -> None:
        self._sink = None
        self._subscribed.clear()

    def subscribe(self, symbol: str) -> None:
        """Deliver this symbol from now on; the same again changes nothing. Raises KeyError when it is not listed."""
        if symbol not in self._subscribed:
            source, spec = self._listed[symbol]
            subscription = _Subscription(source=source, scale=_Scale(spec), flow=self._flow_factory())
            self._subscribed[symbol] = subscription
            self._poll(symbol, subscription)

    def unsubscribe(self, symbol: str) -> None:
        self._subscribed.pop(symbol, None)

    def request_history(self, symbol: str, interval: Interval) -> None:
        self._line.call_at(self._line.now_ms() + self._line.request_ms, lambda: self._history(symbol, interval))

    def on_market(self, event: MarketEvent) -> None:
        """Deliver one market event as it arrives."""
        subscription = self._subscribed.get(event.symbol)
        if subscription is None or self._sink is None:
            return
        now_ms = self._line.now_ms()
        match event:
            case BookEvent():
                self._sink.deliver(self._book(event, subscription, now_ms))
                self._sink.stream_alive(event.symbol, "depth20", now_ms)
            case TradeEvent():
                self._sink.deliver(_trades(event, subscription.scale, now_ms))
                self._sink.stream_alive(event.symbol, "aggTrade", now_ms)
            case CandleEvent():
                self._sink.deliver(_candle(event, generated=False))
                self._sink.stream_alive(event.symbol, f"kline_{event.interval}", now_ms)
            case MarkEvent():
                subscription.mark = event
                self._sink.deliver(_mark(event, now_ms))
                self._sink.stream_alive(event.symbol, "markPrice", now_ms)

    def _book(self, event: BookEvent, subscription: _Subscription, now_ms: int) -> Book:
        epoch = self._epochs[event.symbol] = self._epochs.get(event.symbol, 0) + 1
        bids, asks = subscription.scale.levels(event.bids), subscription.scale.levels(event.asks)
        step = subscription.flow.step(event.ts_ms, bids, asks)
        return Book(
            symbol=event.symbol,
            epoch=epoch,
            ts_ms=event.ts_ms,
            recv_ms=now_ms,
            bids=bids,
            asks=asks,
            steps=(step,),
        )

    def _history(self, symbol: str, interval: Interval) -> None:
        if self._sink is None or symbol not in self._listed:
            return
        source = self._listed[symbol][0]
        generated_before_ms = source.generated_before_ms(symbol)
        events = self._line.history(symbol, interval, self._line.now_ms(), HISTORY)
        candles = tuple(_candle(event, generated=event.open_ms < generated_before_ms) for event in events)
        self._sink.deliver(CandleHistory(symbol=symbol, interval=interval, candles=candles))

    def _poll(self, symbol: str, subscription: _Subscription) -> None:
        """Deliver sentiment now and again for as long as this subscription lasts."""
        if self._sink is None or self._subscribed.get(symbol) is not subscription:
            return
        now_ms = self._line.now_ms()
        self._sink.deliver(_sentiment(symbol, subscription, now_ms))
        self._sink.stream_alive(symbol, "sentiment", now_ms)
        self._line.call_at(now_ms + SENTIMENT_EVERY_MS, lambda: self._poll(symbol, subscription))


def _trades(event: TradeEvent, scale: _Scale, now_ms: int) -> Trades:
    trade = Trade(
        id=event.trade_id,
        ts_ms=event.ts_ms,
        price=scale.price(event.price_ticks),
        quantity=scale.quantity(event.quantity_lots),
        buyer_is_maker=event.buyer_is_maker,
    )
    return Trades(symbol=event.symbol, recv_ms=now_ms, trades=(trade,))


def _candle(event: CandleEvent, *, generated: bool) -> Candle:
    return Candle(
        symbol=event.symbol,
        interval=cast("Interval", event.interval),
        open_ms=event.open_ms,
        open=float(event.open),
        high=float(event.high),
        low=float(event.low),
        close=float(event.close),
        volume=float(event.volume),
        taker_buy_volume=float(event.taker_buy_volume),
        closed=event.closed,
        generated=generated,
    )


def _mark(event: MarkEvent, now_ms: int) -> MarkPrice:
    return MarkPrice(
        symbol=event.symbol,
        ts_ms=event.ts_ms,
        recv_ms=now_ms,
        mark_price=float(event.mark_price),
        index_price=float(event.index_price),
        funding_rate=float(event.funding_rate),
        next_funding_ms=event.next_funding_ms,
    )


def _sentiment(symbol: str, subscription: _Subscription, now_ms: int) -> Sentiment:
    """Everything a poll of the statistics would tell; the hourly history is asked for once an hour."""
    source, mark = subscription.source, subscription.mark
    if subscription.hour != now_ms // HOUR_MS:
        subscription.hour = now_ms // HOUR_MS
        hourly = source.sentiment(symbol, now_ms, HOUR_MS, HOURS)
        subscription.global_hourly = tuple(float(point.global_long) for point in hourly)
        subscription.top_position_hourly = tuple(float(point.top_position_long) for point in hourly)
    latest = source.sentiment(symbol, now_ms, RATIO_PERIOD_MS, 1)
    point = latest[-1] if latest else None
    return Sentiment(
        symbol=symbol,
        recv_ms=now_ms,
        global_long=_number(point.global_long if point else None),
        top_position_long=_number(point.top_position_long if point else None),
        ratios_ms=point.ts_ms if point else None,
        global_hourly=subscription.global_hourly,
        top_position_hourly=subscription.top_position_hourly,
        funding_rate=_number(mark.funding_rate if mark else None),
        funding_ms=mark.ts_ms if mark else None,
        open_interest=_number(point.open_interest if point else None),
        open_interest_ms=point.ts_ms if point else None,
        generated=True,
    )


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
