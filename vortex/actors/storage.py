"""The storage actor: every row goes into the outbox on disk first, then from there to the cold store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.domain.trade import RejectionRow, TradeRow, TradeStatus
from vortex.messages import Recipient, RecordRejection, RecordTrade, TradeRecorded
from vortex.ports import ColdStore, Outbox, StoreUnavailableError, UnwritableError
from vortex.queries import GetOutbox, OutboxStatus
from vortex.runtime import Actor

DRAIN_SOON_MS = 50
RETRY_FIRST_MS = 500
RETRY_MOST_MS = 30_000
RETRY_WRITE_MS = 1_000
MOST_UNWRITTEN = 1_000
"""Rows that wait for a full disk, beside those of trades, which always wait."""


class _Drain(Struct, frozen=True):
    """Hand waiting rows to the cold store."""


class _Write(Struct, frozen=True):
    """Try again to put on disk what it did not take."""


class StorageActor(Actor):
    """The only writer of rows.

    Args:
        outbox: Keeps rows on disk until the cold store has them.
        store: The ledger.
        exchange: Is told when the final row of a trade is safe on disk.
    """

    def __init__(self, *, outbox: Outbox, store: ColdStore, exchange: Recipient) -> None:
        self._outbox = outbox
        self._store = store
        self._exchange = exchange
        self._unwritten: deque[TradeRow | RejectionRow] = deque()
        self._draining = False
        self._retry_ms = RETRY_FIRST_MS

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            RecordTrade: self._on_trade,
            RecordRejection: self._on_rejection,
            GetOutbox: self._on_get,
            _Drain: self._on_drain,
            _Write: self._on_write,
        }

    def started(self) -> None:
        self._drain_in(0)

    def stopping(self) -> None:
        """Hand over what waits; what the store does not take stays on disk for the next start."""
        while self._drain():
            pass
        waiting = self._outbox.status().pending
        if waiting:
            logger.warning("{} rows wait for the cold store and will be sent on the next start", waiting)

    def _on_trade(self, message: RecordTrade) -> None:
        row = message.row
        logger.info("{}: trade {} is {} {}", row.symbol, row.id, row.status, row.close_reason or "")
        self._keep(row)

    def _on_rejection(self, message: RecordRejection) -> None:
        self._keep(message.row)

    def _on_write(self, _message: _Write) -> None:
        self._write()

    def _keep(self, row: TradeRow | RejectionRow) -> None:
        """Rows go to disk in order; while it takes none they wait here, and the newest rejections are given up."""
        if isinstance(row, RejectionRow) and len(self._unwritten) >= MOST_UNWRITTEN:
            return
        self._unwritten.append(row)
        if len(self._unwritten) == 1:
            self._write()

    def _write(self) -> None:
        while self._unwritten:
            row = self._unwritten[0]
            try:
                self._outbox.append(row)
            except UnwritableError as error:
                logger.error("{} rows wait for the disk: {}", len(self._unwritten), error)
                self.context.after(RETRY_WRITE_MS, _Write())
                return
            self._unwritten.popleft()
            if isinstance(row, TradeRow) and row.status is not TradeStatus.OPEN:
                self._exchange.tell(TradeRecorded(trade_id=row.id))
        self._drain_in(DRAIN_SOON_MS)

    def _on_get(self, _message: GetOutbox) -> OutboxStatus:
        return self._outbox.status()

    def _on_drain(self, _message: _Drain) -> None:
        self._draining = False
        if self._drain():
            self._drain_in(0)

    def _drain_in(self, delay_ms: float) -> None:
        if not self._draining:
            self._draining = True
            self.context.after(delay_ms, _Drain())

    def _drain(self) -> bool:
        """Hand over one batch; True when there may be more."""
        try:
            drained = self._outbox.drain(self._store)
        except (StoreUnavailableError, UnwritableError) as error:
            logger.warning("rows wait for the cold store, next try in {} ms: {}", self._retry_ms, error)
            self._drain_in(self._retry_ms)
            self._retry_ms = min(self._retry_ms * 2, RETRY_MOST_MS)
            return False
        self._retry_ms = RETRY_FIRST_MS
        return drained > 0
