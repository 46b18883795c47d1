"""What a Binance-like exchange publishes, decoded as far as a market is made of it. Numbers stay the text they came as.

Read by captures, which hold such messages, and by the relay, which receives them.
"""

from __future__ import annotations

import re
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct, field

SCALE_DIGITS = 8
"""Numbers are held in units of 1e-8, the finest that Binance prints, until the symbol's own grid is known."""

_DECIMAL = re.compile(r"\d{1,11}(\.\d{1,8})?")
_REST = "rest:"

WireLevels: TypeAlias = list[tuple[str, str]]
"""(price, quantity) as printed; in a difference quantity zero removes the level."""


def scaled(text: str) -> int:
    """A printed decimal in units of 1e-8. Raises ValueError for anything else."""
    if not _DECIMAL.fullmatch(text):
        raise ValueError(f"{text!r} is not a price or quantity")
    whole, _, fraction = text.partition(".")
    return int(whole + fraction.ljust(SCALE_DIGITS, "0"))


class Snapshot(Struct, frozen=True):
    """REST depth snapshot: the book after update `last_id`."""

    last_id: int = field(name="lastUpdateId")
    bids: WireLevels
    asks: WireLevels


class DepthDiff(Struct, frozen=True):
    """Levels changed by the updates `first_id`..`last_id`; `previous_id` is the `last_id` of the message before."""

    time_ms: int = field(name="T")
    first_id: int = field(name="U")
    last_id: int = field(name="u")
    previous_id: int = field(name="pu")
    bids: WireLevels = field(name="b")
    asks: WireLevels = field(name="a")


class PartialDepth(Struct, frozen=True):
    """The whole top of the book."""

    time_ms: int = field(name="T")
    bids: WireLevels = field(name="b")
    asks: WireLevels = field(name="a")


class RawTrade(Struct, frozen=True):
    """One match. `kind` MARKET is a real trade; others are transfers such as INSURANCE_FUND or ADL."""

    time_ms: int = field(name="T")
    price: str = field(name="p")
    quantity: str = field(name="q")
    buyer_is_maker: bool = field(name="m")
    kind: str = field(name="X", default="MARKET")


class AggTrade(Struct, frozen=True):
    """Trades which the exchange has already grouped by price and side."""

    time_ms: int = field(name="T")
    price: str = field(name="p")
    quantity: str = field(name="q")
    buyer_is_maker: bool = field(name="m")
    id: int = field(name="a", default=0)


class MarkUpdate(Struct, frozen=True):
    """Mark and index price, the funding rate as estimated now and when it settles; 0 where nothing settles."""

    time_ms: int = field(name="E")
    mark_price: str = field(name="p")
    index_price: str = field(name="i")
    funding_rate: str = field(name="r")
    next_funding_ms: int = field(name="T")


class KlineBody(Struct, frozen=True):
    """The candle inside a kline message."""

    open_ms: int = field(name="t")
    interval: str = field(name="i")
    open: str = field(name="o")
    high: str = field(name="h")
    low: str = field(name="l")
    close: str = field(name="c")
    volume: str = field(name="v")
    quote_volume: str = field(name="q")
    trades: int = field(name="n")
    taker_buy_volume: str = field(name="V")
    taker_buy_quote_volume: str = field(name="Q")
    closed: bool = field(name="x")


class Kline(Struct, frozen=True):
    """A candle as it stands."""

    time_ms: int = field(name="E")
    body: KlineBody = field(name="k")


class Filter(Struct, frozen=True):
    """One filter of a contract; which fields it has depends on its kind."""

    kind: str = field(name="filterType")
    tick_size: str | None = field(name="tickSize", default=None)
    step_size: str | None = field(name="stepSize", default=None)
    min_quantity: str | None = field(name="minQty", default=None)
    max_quantity: str | None = field(name="maxQty", default=None)
    notional: str | None = None


class Contract(Struct, frozen=True):
    """One entry of exchangeInfo."""

    symbol: str
    base: str = field(name="baseAsset")
    quote: str = field(name="quoteAsset")
    filters: list[Filter]
    status: str = "TRADING"


Message: TypeAlias = Snapshot | DepthDiff | PartialDepth | RawTrade | AggTrade | MarkUpdate | Kline | Contract


class _Envelope(Struct, frozen=True):
    stream: str = ""
    data: Raw = Raw(b"")


_KINDS: tuple[tuple[re.Pattern[str], msgspec.json.Decoder[Message]], ...] = (
    (re.compile(r"depth(@\d+ms)?"), msgspec.json.Decoder(DepthDiff)),
    (re.compile(r"depth\d+(@\d+ms)?"), msgspec.json.Decoder(PartialDepth)),
    (re.compile(r"trade"), msgspec.json.Decoder(RawTrade)),
    (re.compile(r"aggTrade"), msgspec.json.Decoder(AggTrade)),
    (re.compile(r"markPrice(@1s)?"), msgspec.json.Decoder(MarkUpdate)),
    (re.compile(r"kline_\d+[mhdw]"), msgspec.json.Decoder(Kline)),
    (re.compile(re.escape(f"{_REST}/fapi/v1/exchangeInfo")), msgspec.json.Decoder(Contract)),
)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)


class Frames:
    """Decodes combined-stream messages; the streams seen are remembered, which are few."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[str, msgspec.json.Decoder[Message] | None]] = {}

    def decode(self, body: bytes | memoryview) -> tuple[str, str, Message | None]:
        """Symbol, stream and message; None for a stream that makes no market. A snapshot has neither symbol nor stream.

        Raises:
            msgspec.DecodeError: The text is not such a message.
        """
        envelope = _ENVELOPE.decode(body)
        if not envelope.stream:
            return "", "", _SNAPSHOT.decode(body)
        known = self._known.get(envelope.stream)
        if known is None:
            name, _, kind = envelope.stream.partition("@")
            decoder = next((decoder for pattern, decoder in _KINDS if pattern.fullmatch(kind)), None)
            known = self._known[envelope.stream] = (name.upper(), decoder)
        symbol, decoder = known
        return symbol, envelope.stream, None if decoder is None else decoder.decode(envelope.data)


def rest_stream(symbol: str, path: str) -> str:
    """The stream name under which a capture keeps what a REST endpoint answered."""
    return f"{symbol.lower()}@{_REST}{path}"
