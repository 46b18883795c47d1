"""A market that happens now, somewhere else: what its messages mean here, and what has been heard of it so far."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

import msgspec
from msgspec import Struct, field

from vortex.domain.market import INTERVAL_MS
from vortex.sim.core.market import (
    BookEvent,
    CandleEvent,
    MarketEvent,
    MarkEvent,
    SentimentPoint,
    SymbolSpec,
    TickLevels,
    TradeEvent,
)
from vortex.sim.market.wire import (
    SCALE_DIGITS,
    AggTrade,
    Kline,
    MarkUpdate,
    Message,
    PartialDepth,
    WireLevels,
    scaled,
)

LABEL = "live market, paper fills"
NOTES = (
    "books, trades, candles, mark prices, funding and positioning: relayed as they arrive, at the time of arrival",
    "leverage brackets: our own table; fills, fees and order latency: simulated, no order leaves this machine",
    "while the market is not heard its last book stands, ages, and takes no new order",
)
KEPT_CANDLES = 7_200
MOST_SKEW_MS = 5_000
STREAMS = ("depth20@100ms",), ("aggTrade", "kline_1m", "kline_15m", "markPrice@1s")
"""Per symbol: those of the public route, those of the market route."""


def streams_of(symbols: Iterable[str]) -> tuple[list[str], list[str]]:
    """What makes a market of these symbols: streams of the public route, streams of the market route."""
    names = [symbol.lower() for symbol in symbols]
    public, market = ([f"{name}@{kind}" for name in names for kind in kinds] for kinds in STREAMS)
    return public, market


class LiveSource:
    """The memory of a relayed market. Its events are pushed from outside, so it plays none itself.

    Args:
        specs: Contracts as the market lists them.
    """

    live = True
    label = LABEL
    notes: tuple[str, ...] = NOTES

    def __init__(self, specs: Iterable[SymbolSpec]) -> None:
        self.specs = tuple(specs)
        self._spec_of = {spec.symbol: spec for spec in self.specs}
        self._units = {spec.symbol: (_unit(spec.tick_size), _unit(spec.step_size)) for spec in self.specs}
        self._candles: dict[tuple[str, str], dict[int, CandleEvent]] = {}
        self._points: dict[tuple[str, int], list[SentimentPoint]] = {}

    def events(self, start_ms: int) -> Iterator[MarketEvent]:  # noqa: ARG002  # nothing is played
        return iter(())

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles as far as they are known, oldest first; KeyError for an unknown symbol."""
        if symbol not in self._spec_of:
            raise KeyError(symbol)
        known = self._candles.get((symbol, interval), {})
        times = sorted(known)
        return [known[open_ms] for open_ms in times[: bisect_left(times, before_ms)][-limit:]]

    def generated_before_ms(self, symbol: str) -> int:  # noqa: ARG002  # none is
        return 0

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """Positioning as the market published it; empty where it does not, or not in this period."""
        return [point for point in self._points.get((symbol, period_ms), []) if point.ts_ms <= now_ms][-limit:]

    def position(self) -> dict[str, int]:
        return {}

    # ---------------------------------------------------------------------------------------------- what was heard

    def take(self, symbol: str, message: Message | None, now_ms: int) -> MarketEvent | None:
        """The event that a message is, at the time at which it arrived; None when it is none of ours.

        Raises:
            ValueError: A number is malformed, or lies beside the symbol's grid: its filters have changed.
        """
        spec = self._spec_of.get(symbol)
        if spec is None:
            return None
        match message:
            case PartialDepth():
                bids, asks = self._levels(symbol, message.bids), self._levels(symbol, message.asks)
                return BookEvent(ts_ms=now_ms, symbol=symbol, bids=bids, asks=asks)
            case AggTrade():
                return self._trade(symbol, message, now_ms)
            case MarkUpdate():
                return _mark(symbol, message, now_ms)
            case Kline():
                return self._candle(symbol, message, now_ms)
            case _:
                return None

    def add_candles(self, candles: Iterable[CandleEvent]) -> None:
        """Remember closed candles; one that is known already is replaced."""
        for candle in candles:
            known = self._candles.setdefault((candle.symbol, candle.interval), {})
            known[candle.open_ms] = candle
            while len(known) > KEPT_CANDLES:
                del known[min(known)]

    def set_sentiment(self, symbol: str, period_ms: int, points: Sequence[SentimentPoint]) -> None:
        """Replace what is known of a period."""
        self._points[symbol, period_ms] = sorted(points, key=lambda point: point.ts_ms)

    def _levels(self, symbol: str, levels: WireLevels) -> TickLevels:
        tick, step = self._units[symbol]
        return tuple([(_steps(price, tick), _steps(quantity, step)) for price, quantity in levels])

    def _trade(self, symbol: str, trade: AggTrade, now_ms: int) -> TradeEvent:
        tick, step = self._units[symbol]
        return TradeEvent(
            ts_ms=now_ms, symbol=symbol, trade_id=trade.id, price_ticks=_steps(trade.price, tick),
            quantity_lots=_steps(trade.quantity, step), buyer_is_maker=trade.buyer_is_maker,
        )  # fmt: skip

    def _candle(self, symbol: str, kline: Kline, now_ms: int) -> CandleEvent:
        bar = kline.body
        figures = (bar.open, bar.high, bar.low, bar.close, bar.volume, bar.quote_volume)
        opened, high, low, close, volume, quote = map(Decimal, figures)
        candle = CandleEvent(
            ts_ms=now_ms, symbol=symbol, interval=bar.interval, open_ms=bar.open_ms, open=opened, high=high, low=low,
            close=close, volume=volume, quote_volume=quote, trades=bar.trades,
            taker_buy_volume=Decimal(bar.taker_buy_volume), taker_buy_quote_volume=Decimal(bar.taker_buy_quote_volume),
            closed=bar.closed,
        )  # fmt: skip
        if candle.closed:
            self.add_candles([candle])
        return candle


class _KlineRow(Struct, frozen=True, array_like=True):
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    close_ms: int
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal


class _RatioRow(Struct, frozen=True):
    # Binance's documentation shows these times as text, its answers have them as numbers.
    timestamp: int
    long: Decimal = field(name="longAccount")


class _InterestRow(Struct, frozen=True):
    timestamp: int
    open_interest: Decimal = field(name="sumOpenInterest")


def candles_of(body: bytes, symbol: str, interval: str, now_ms: int) -> list[CandleEvent]:
    """The closed candles in an answer of GET klines. Raises msgspec.DecodeError.

    The last one is forming, unless it ended so long ago that no difference between two clocks explains it.
    """
    rows = msgspec.json.decode(body, type=list[_KlineRow], strict=False)
    if rows and rows[-1].open_ms + INTERVAL_MS[interval] + MOST_SKEW_MS > now_ms:
        rows.pop()
    ends = ((row, row.open_ms + INTERVAL_MS[interval]) for row in rows)
    return [
        CandleEvent(
            ts_ms=end_ms, symbol=symbol, interval=interval, open_ms=row.open_ms, open=row.open, high=row.high,
            low=row.low, close=row.close, volume=row.volume, quote_volume=row.quote_volume, trades=row.trades,
            taker_buy_volume=row.taker_buy_volume, taker_buy_quote_volume=row.taker_buy_quote_volume, closed=True,
        )
        for row, end_ms in ends
    ]  # fmt: skip


def points_of(global_ratios: bytes, top_accounts: bytes, top_positions: bytes, interest: bytes) -> list[SentimentPoint]:
    """Positioning from four answers, at the times that all of them have. Raises msgspec.DecodeError."""
    shares = [
        {row.timestamp: row.long for row in msgspec.json.decode(body, type=list[_RatioRow], strict=False)}
        for body in (global_ratios, top_accounts, top_positions)
    ]
    contracts = {
        row.timestamp: row.open_interest for row in msgspec.json.decode(interest, type=list[_InterestRow], strict=False)
    }
    everybody, accounts, positions = shares
    return [
        SentimentPoint(
            ts_ms=ts_ms, global_long=everybody[ts_ms], top_account_long=accounts[ts_ms],
            top_position_long=positions[ts_ms], open_interest=contracts[ts_ms],
        )
        for ts_ms in sorted(everybody.keys() & accounts.keys() & positions.keys() & contracts.keys())
    ]  # fmt: skip


def _mark(symbol: str, mark: MarkUpdate, now_ms: int) -> MarkEvent:
    return MarkEvent(
        ts_ms=now_ms, symbol=symbol, mark_price=Decimal(mark.mark_price), index_price=Decimal(mark.index_price),
        funding_rate=Decimal(mark.funding_rate or 0), next_funding_ms=mark.next_funding_ms,
    )  # fmt: skip


def _unit(size: Decimal) -> int:
    return int(size.scaleb(SCALE_DIGITS))


def _steps(text: str, unit: int) -> int:
    steps, rest = divmod(scaled(text), unit)
    if rest:
        raise ValueError(f"{text} lies beside the grid of its symbol, whose filters have changed")
    return steps
