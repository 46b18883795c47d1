"""What stands under each key of the mirror: JSON for anybody who reads, each with its version and its time.

Numbers of the market are JSON numbers, money is decimal text, times are epoch milliseconds.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import isfinite
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from vortex.domain.decision import Decision
from vortex.domain.market import INTERVAL_MS, Book, Candle, Interval, Sentiment, Trade
from vortex.domain.trade import TradeRow

VERSION = 1
TTL_S: Mapping[str, int] = {"orderbook": 60, "engine_signals": 60, "sentiment": 120, "ticks": 3_600}
TICKS, MARK = "ticks:", "vortex:mirror"
"""The list of trades of a symbol; and what the writer leaves to see whether it is still the one, on the same data."""


class Candles(Struct, frozen=True):
    """The newest candles of one symbol and interval, oldest first, when the last of them came."""

    symbol: str
    interval: Interval
    ts_ms: int
    candles: tuple[Candle, ...]


class UnwritableError(Exception):
    """No JSON can be made of a value."""


class _KeptTrade(Struct, frozen=True, forbid_unknown_fields=True):
    """A trade as it was written; anything else is not ours."""

    id: Annotated[int, Meta(ge=0)]
    ts_ms: Annotated[int, Meta(ge=0)]
    price: Annotated[float, Meta(gt=0)]
    quantity: Annotated[float, Meta(gt=0)]
    buyer_is_maker: bool


_ENCODER = msgspec.json.Encoder()
_TRADE = msgspec.json.Decoder(_KeptTrade)


def ttl_s(key: str) -> int | None:
    """How long a value may be taken for the present, s; None for what stays until it is deleted."""
    kind, *rest = key.split(":")
    if kind == "klines" and rest[-1] in INTERVAL_MS:
        return 2 * INTERVAL_MS[rest[-1]] // 1_000
    return TTL_S.get(kind)


def document(value: object, stamp_ms: int) -> bytes:
    """Return the JSON of a value that came at `stamp_ms`. Raises UnwritableError."""
    try:
        return _ENCODER.encode({"v": VERSION, **_fields(value, stamp_ms)})
    except (TypeError, ValueError, RecursionError) as error:
        raise UnwritableError(f"{type(value).__name__}: {error}") from error


def _fields(value: object, stamp_ms: int) -> dict[str, Any]:
    match value:
        case Book():
            return {
                "ts_ms": value.ts_ms, "recv_ms": value.recv_ms, "symbol": value.symbol, "epoch": value.epoch,
                "bids": value.bids, "asks": value.asks,
            }  # fmt: skip
        case Candles():
            return {
                "ts_ms": value.ts_ms, "symbol": value.symbol, "interval": value.interval,
                "candles": [_candle(candle) for candle in value.candles],
            }  # fmt: skip
        case Sentiment():
            fields = msgspec.structs.asdict(value)
            return {"ts_ms": fields.pop("recv_ms"), **fields}
        case dict():
            return _told(value, stamp_ms)
    return {"ts_ms": stamp_ms, "value": value}


def _told(fields: dict[str, Any], stamp_ms: int) -> dict[str, Any]:
    """What an actor told: a decision knows its own time, and a position is its row and more, all side by side."""
    decision, row = fields.get("decision"), fields.get("row")
    ts_ms = decision.ts_ms if isinstance(decision, Decision) else stamp_ms
    if not isinstance(row, TradeRow):
        return {"ts_ms": ts_ms, **fields}
    return {"ts_ms": ts_ms, **msgspec.structs.asdict(row), **{key: fields[key] for key in fields if key != "row"}}


def _candle(candle: Candle) -> tuple[object, ...]:
    """The names of the columns are on the page about the mirror: a name per number would double the size."""
    return (
        candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume, candle.taker_buy_volume,
        candle.closed,
    )  # fmt: skip


def tick(trade: Trade) -> bytes:
    """Return the JSON of one trade."""
    return _ENCODER.encode(trade)


def ticks(lines: Sequence[bytes]) -> list[Trade]:
    """Return trades as they were written, in the same order. Raises ValueError for anything else."""
    kept = [_TRADE.decode(line) for line in lines]
    if not all(isfinite(one.price) and isfinite(one.quantity) for one in kept):
        raise ValueError("a price or a quantity without end")
    return [Trade(**{name: getattr(one, name) for name in _KeptTrade.__struct_fields__}) for one in kept]
