"""The lines of a capture file: gzip, one `<local receive time, ns> <raw JSON>` a line.

The JSON is a combined-stream message `{"stream": ..., "data": ...}`, except for the REST depth snapshot. What a
recorder asked of REST stands under stream names like `btcusdt@rest:/fapi/v1/klines`. Streams of which no market is made
(bookTicker, positioning) are skipped unread.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from pathlib import Path

from vortex.sim.market.wire import Frames, Message


class Recording:
    """Iterates over the messages of one file; `line`, `received_ns`, `stream` and `symbol` tell where it stands.

    Raises:
        OSError, EOFError, zlib.error: the file cannot be read.
        ValueError, msgspec.DecodeError: `line` is malformed, or belongs to a second symbol.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        self.received_ns = 0
        self.stream = ""
        self.symbol = ""
        self._frames = Frames()

    def __iter__(self) -> Iterator[Message]:
        return (message for message in self.lines() if message is not None)

    def lines(self) -> Iterator[Message | None]:
        """One value a line: None for what is skipped."""
        with gzip.open(self.path) as lines:
            for self.line, text in enumerate(lines, start=1):
                yield self._decode(text)

    def _decode(self, text: bytes) -> Message | None:
        received, _, body = text.partition(b" ")
        if not received.isdigit():
            raise ValueError("a line must be `<receive time in ns> <JSON>`")
        self.received_ns = int(received)
        symbol, self.stream, message = self._frames.decode(body)
        if symbol not in ("", self.symbol):
            if self.symbol:
                raise ValueError(f"{symbol} in a capture of {self.symbol}: one file holds one symbol")
            self.symbol = symbol
        return message
