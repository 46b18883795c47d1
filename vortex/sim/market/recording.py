"""The lines of a capture file: gzip, one `<local receive time, ns> <raw JSON>` a line.

The JSON is a combined-stream message `{"stream": ..., "data": ...}`, except for the REST depth snapshot. Streams that
a tape does not need (bookTicker, partial depth, candles, mark price) are skipped unread.
"""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import msgspec
from msgspec import Raw, Struct, field

WireLevels: TypeAlias = list[tuple[str, str]]
"""(price, quantity) as printed; quantity zero removes the level."""


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


Message: TypeAlias = Snapshot | DepthDiff | RawTrade | AggTrade


class _Envelope(Struct, frozen=True):
    stream: str = ""
    data: Raw = Raw(b"")


_WANTED: tuple[tuple[re.Pattern[str], msgspec.json.Decoder[Message]], ...] = (
    (re.compile(r"depth(@\d+ms)?"), msgspec.json.Decoder(DepthDiff)),
    (re.compile(r"trade"), msgspec.json.Decoder(RawTrade)),
    (re.compile(r"aggTrade"), msgspec.json.Decoder(AggTrade)),
)
_ENVELOPE = msgspec.json.Decoder(_Envelope)
_SNAPSHOT = msgspec.json.Decoder(Snapshot)


class Recording:
    """Iterates over the messages of one file; `line` and `symbol` tell where it stands.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be read.
        ValueError, msgspec.DecodeError: `line` is malformed, or belongs to a second symbol.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        self.symbol = ""
        self._decoders: dict[str, msgspec.json.Decoder[Message] | None] = {}

    def __iter__(self) -> Iterator[Message]:
        with gzip.open(self.path) as lines:
            for self.line, text in enumerate(lines, start=1):
                message = self._decode(text)
                if message is not None:
                    yield message

    def _decode(self, text: bytes) -> Message | None:
        received, _, body = text.partition(b" ")
        if not received.isdigit():
            raise ValueError("a line must be `<receive time in ns> <JSON>`")
        envelope = _ENVELOPE.decode(body)
        if not envelope.stream:
            return _SNAPSHOT.decode(body)
        if envelope.stream not in self._decoders:
            self._decoders[envelope.stream] = self._decoder_of(envelope.stream)
        decoder = self._decoders[envelope.stream]
        return None if decoder is None else decoder.decode(envelope.data)

    def _decoder_of(self, stream: str) -> msgspec.json.Decoder[Message] | None:
        name, _, kind = stream.partition("@")
        symbol = name.upper()
        if self.symbol not in ("", symbol):
            raise ValueError(f"{symbol} in a capture of {self.symbol}: one file holds one symbol")
        self.symbol = symbol
        return next((decoder for pattern, decoder in _WANTED if pattern.fullmatch(kind)), None)
