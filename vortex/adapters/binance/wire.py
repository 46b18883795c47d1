"""Frames of the market streams, decoded in one typed pass, and what they say in our own terms.

Field names on the wire are Binance's single letters. Numbers arrive as text and become float64 here; a value that is
not finite and positive where it must be raises ValueError, like any other frame that is not what it should be.
"""

from __future__ import annotations

import math
from typing import TypeAlias

import msgspec
from msgspec import Struct, field

from vortex.adapters.binance.liquidations import LiquidationBody
from vortex.domain.market import INTERVAL_MS, Candle, Interval, Levels, MarkPrice, Trade, Trades

DEPTH = "depth20"


class Depth(Struct, frozen=True, tag_field="e", tag="depthUpdate", gc=False):
    """The whole top of the book: 20 levels a side."""

    symbol: str = field(name="s")
    ts_ms: int = field(name="E")
    bids: Levels = field(name="b")
    asks: Levels = field(name="a")

    @property
    def stream(self) -> str:
        return DEPTH


class AggTrade(Struct, frozen=True, tag_field="e", tag="aggTrade", gc=False):
    """Trades of one taker order at one price."""

    symbol: str = field(name="s")
    ts_ms: int = field(name="E")
    id: int = field(name="a")
    price: float = field(name="p")
    quantity: float = field(name="q")
    trade_ms: int = field(name="T")
    buyer_is_maker: bool = field(name="m")

    @property
    def stream(self) -> str:
        return "aggTrade"


class KlineBody(Struct, frozen=True, gc=False):
    """The candle inside a kline frame."""

    open_ms: int = field(name="t")
    interval: Interval = field(name="i")
    open: float = field(name="o")
    high: float = field(name="h")
    low: float = field(name="l")
    close: float = field(name="c")
    volume: float = field(name="v")
    closed: bool = field(name="x")
    taker_buy_volume: float = field(name="V")


class Kline(Struct, frozen=True, tag_field="e", tag="kline", gc=False):
    """A candle, forming or closed."""

    symbol: str = field(name="s")
    ts_ms: int = field(name="E")
    body: KlineBody = field(name="k")

    @property
    def stream(self) -> str:
        return f"kline_{self.body.interval}"


class MarkUpdate(Struct, frozen=True, tag_field="e", tag="markPriceUpdate", gc=False):
    """Mark and index price, funding estimate and its settlement."""

    symbol: str = field(name="s")
    ts_ms: int = field(name="E")
    mark_price: float = field(name="p")
    index_price: float = field(name="i")
    funding_rate: float = field(name="r")
    next_funding_ms: int = field(name="T")

    @property
    def stream(self) -> str:
        return "markPrice"


class Liquidation(Struct, frozen=True, tag_field="e", tag="forceOrder", gc=False):
    """A liquidation order."""

    ts_ms: int = field(name="E")
    body: LiquidationBody = field(name="o")

    @property
    def symbol(self) -> str:
        return self.body.symbol

    @property
    def stream(self) -> str:
        return "forceOrder"


MarketFrame: TypeAlias = Depth | AggTrade | Kline | MarkUpdate | Liquidation


class Refusal(Struct, frozen=True):
    """The error in the answer to a SUBSCRIBE or UNSUBSCRIBE."""

    code: int = 0
    msg: str = ""


class Envelope(Struct, frozen=True):
    """One frame of a combined connection: data of a stream, or the answer to a command."""

    stream: str = ""
    data: MarketFrame | None = None
    error: Refusal | None = None


_DECODER = msgspec.json.Decoder(Envelope, strict=False)


def decode_market(frame: bytes | memoryview) -> Envelope:
    """Decode one frame of a combined connection. Raises msgspec.MsgspecError when it is not one."""
    return _DECODER.decode(frame)


def to_trades(frame: AggTrade, recv_ms: int) -> Trades:
    """The frame's trade as a batch of one."""
    _require_positive(frame.price, frame.quantity)
    trade = Trade(
        id=frame.id,
        ts_ms=frame.trade_ms,
        price=frame.price,
        quantity=frame.quantity,
        buyer_is_maker=frame.buyer_is_maker,
    )
    return Trades(symbol=frame.symbol, recv_ms=recv_ms, trades=(trade,))


def to_candle(frame: Kline, generated_before_ms: int) -> Candle:
    """The frame's candle; `generated` when it opens before the first moment that a market really printed."""
    body = frame.body
    _require_positive(body.open, body.high, body.low, body.close)
    return Candle(
        symbol=frame.symbol,
        interval=body.interval,
        open_ms=body.open_ms,
        open=body.open,
        high=body.high,
        low=body.low,
        close=body.close,
        volume=body.volume,
        taker_buy_volume=body.taker_buy_volume,
        closed=body.closed,
        generated=body.open_ms < generated_before_ms,
    )


def to_mark_price(frame: MarkUpdate, recv_ms: int) -> MarkPrice:
    """The frame's prices and funding."""
    _require_positive(frame.mark_price, frame.index_price)
    return MarkPrice(
        symbol=frame.symbol,
        ts_ms=frame.ts_ms,
        recv_ms=recv_ms,
        mark_price=frame.mark_price,
        index_price=frame.index_price,
        funding_rate=frame.funding_rate,
        next_funding_ms=frame.next_funding_ms,
    )


class KlineRow(Struct, frozen=True, array_like=True, gc=False):
    """One row of GET /fapi/v1/klines."""

    open_ms: int
    open: float
    high: float
    low: float
    close: float
    volume: float
    close_ms: int
    quote_volume: float
    trades: int
    taker_buy_volume: float


def candles_of(rows: object, symbol: str, interval: Interval, now_ms: int, generated_before_ms: int) -> list[Candle]:
    """Rows of GET /fapi/v1/klines as candles; one that ends after `now_ms` is still forming.

    Raises:
        msgspec.ValidationError: When the reply has another shape.
        ValueError: When a price is not finite and positive.
    """
    candles = []
    for row in msgspec.convert(rows, list[KlineRow], strict=False):
        _require_positive(row.open, row.high, row.low, row.close)
        candle = Candle(
            symbol=symbol,
            interval=interval,
            open_ms=row.open_ms,
            open=row.open,
            high=row.high,
            low=row.low,
            close=row.close,
            volume=row.volume,
            taker_buy_volume=row.taker_buy_volume,
            closed=row.open_ms + INTERVAL_MS[interval] <= now_ms,
            generated=row.open_ms < generated_before_ms,
        )
        candles.append(candle)
    return candles


def _require_positive(*values: float) -> None:
    for value in values:
        if not 0.0 < value < math.inf:
            raise ValueError(f"{value} where a positive number belongs")
