"""The six seams between the trading system and the world. Adapters and the simulator implement them.

No method blocks for longer than a local disk write: what takes time is answered later by a message. Implementations
may call `tell` from any thread.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from vortex.domain.market import Interval, MarketValue
from vortex.domain.order import ExchangeRequest
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.messages import Recipient
from vortex.queries import HotStoreStatus, OutboxStatus


class Clock(Protocol):
    """The injected clock. In paper mode it is the simulator's, which may run faster than real time."""

    def now_ms(self) -> int:
        """UTC epoch milliseconds; may jump when the system's clock is set."""
        ...

    def monotonic_ms(self) -> float:
        """Milliseconds of this clock that never go backwards; only differences mean anything."""
        ...

    def real_s(self, duration_ms: float) -> float:
        """Real seconds that `duration_ms` of this clock take (a clock at speed 4 needs a quarter)."""
        ...


class Ids(Protocol):
    """Unique ids; a test's are predictable."""

    def uuid(self) -> str:
        """A fresh UUID in canonical text form."""
        ...


class Usage(Struct, frozen=True, kw_only=True):
    """What the exchange counted of our requests, by its last replies, and what it allows.

    Attributes:
        weight_1m: Request weight of the running minute, of everybody behind our network address.
        orders_10s: Orders of the account in the running 10 s.
        orders_1m: Orders of the account in the running minute.
        silent_until_ms: Until when the exchange asked for silence, epoch ms of our clock; 0 if it did not.
    """

    weight_1m: int = 0
    weight_limit_1m: int = 2_400
    orders_10s: int = 0
    orders_limit_10s: int = 300
    orders_1m: int = 0
    orders_limit_1m: int = 1_200
    silent_until_ms: int = 0


class Exchange(Protocol):
    """Sends requests, in any number at once; each is answered by exactly one ExchangeReplied.

    After `start` the recipient also gets UserStreamChanged, what the user stream reports (OrderReport, AlgoReport,
    AccountUpdate, FillAnnounced, ConfigUpdate, MarginCall, TriggerRejected), and ClockMeasured again and again.
    """

    def start(self, recipient: Recipient) -> None: ...

    def send(self, request: ExchangeRequest, timeout_ms: int) -> None:
        """Send one request; no answer within `timeout_ms` is an Unknown outcome for what may change orders."""
        ...

    def usage(self) -> Usage:
        """How much of the exchange's limits is used; no request is held back for it, whoever sends decides."""
        ...

    def stop(self) -> None: ...


class MarketFeed(Protocol):
    """Delivers market values of the subscribed symbols to one sink until stopped, reconnecting by itself."""

    def start(self, sink: MarketSink) -> None: ...

    def subscribe(self, symbol: str) -> None:
        """Deliver Book, Trades, Candle, MarkPrice and, as polled, Sentiment of this symbol from now on."""
        ...

    def unsubscribe(self, symbol: str) -> None: ...

    def request_history(self, symbol: str, interval: Interval) -> None:
        """Fetch closed candles (and the forming one); they arrive at the sink as one CandleHistory."""
        ...

    def stop(self) -> None: ...


class MarketSink(Protocol):
    """Where a feed delivers. `stream_alive` is called for every frame, also one without news for anybody."""

    def deliver(self, value: MarketValue) -> None: ...

    def stream_alive(self, symbol: str, stream: str, ts_ms: int) -> None:
        """`stream` in depth20 aggTrade kline_1m kline_15m markPrice forceOrder sentiment."""
        ...


class HotStore(Protocol):
    """The newest state of everything, for observers and warm restarts: a mirror, never the truth.

    Safe from any thread, and no method waits: what another place must learn is written there later, and its loss is
    counted.
    """

    def put(self, values: Mapping[str, object]) -> None: ...

    def delete(self, keys: Sequence[str]) -> None: ...

    def get(self, keys: Sequence[str]) -> dict[str, object]:
        """What was put under these keys in this process; absent keys are absent."""
        ...

    def observe(self, value: MarketValue) -> None:
        """Take note of what the market says. Called by the feed, so next to nothing is done here."""
        ...

    def recall(self, symbol: str, recipient: Recipient) -> None:
        """Tell the recipient the symbol's last trades as one TradeHistory, if some lead up to now; else nothing."""
        ...

    def status(self) -> HotStoreStatus: ...

    def close(self) -> None:
        """Write what is not written yet, if that takes no time. May be repeated."""
        ...


class StoreUnavailableError(Exception):
    """The cold store cannot take rows now: keep them and try again later.

    Attributes:
        retry_after_s: How long the store asked to be left alone; None when it did not say.
    """

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class StoreMisconfiguredError(Exception):
    """No row can be written before a person acts: no table, no grant, the wrong key. Keep the rows."""


class RowsRefusedError(Exception):
    """At least one row of this batch is one that the store will never take; none of the batch was written."""


class ColdStore(Protocol):
    """The ledger. Writes are idempotent: the same row any number of times, in any order, gives the same result.

    Writing raises StoreUnavailableError while the store cannot be reached, is locked or full, and
    StoreMisconfiguredError or RowsRefusedError. A batch is written whole or not at all.
    """

    def write_trades(self, rows: Sequence[TradeRow]) -> None: ...

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None: ...

    def recent_trades(self, limit: int) -> list[TradeRow]:
        """Newest first by opening time."""
        ...

    def recent_rejections(self, limit: int) -> list[RejectionRow]:
        """Newest first."""
        ...

    def close(self) -> None: ...


class JournalEntry(Struct, frozen=True, kw_only=True):
    """One durable fact; the newest entry under (kind, key) is its present state."""

    seq: int
    ts_ms: int
    kind: str
    key: str
    body: bytes


class UnwritableError(Exception):
    """The disk does not take what was to be kept: nothing of it is there."""


class Journal(Protocol):
    """What we intend and what must survive a crash, on disk before the call returns (fsync)."""

    def append(self, kind: str, key: str, body: bytes) -> int:
        """Write durably and return the sequence number; an empty body forgets the key. Raises UnwritableError."""
        ...

    def latest(self, kind: str) -> dict[str, bytes]:
        """The newest body of every key of this kind that is not forgotten."""
        ...

    def close(self) -> None: ...


class Outbox(Protocol):
    """Rows on their way to the cold store, kept on disk until it has them."""

    def append(self, row: TradeRow | RejectionRow) -> None:
        """Keep the row durably before returning. Raises UnwritableError."""
        ...

    def status(self) -> OutboxStatus:
        """What waits; `paused` is not known here. Raises UnwritableError."""
        ...

    def close(self) -> None: ...


class Courier(Protocol):
    """Takes rows from the outbox to the cold store, one request at a time. Each storage actor has a new one.

    Attributes:
        destination: What people call the store.
    """

    destination: str

    def start(self, recipient: Recipient) -> None:
        """Deliver answers here."""
        ...

    def carry(self) -> None:
        """Hand over one batch, and forget what the store took; answered by exactly one RowsCarried."""
        ...

    def finish(self, timeout_s: float) -> None:
        """Hand over all that waits, for so long at most (real seconds), until the first trouble; then it is over."""
        ...
