"""The storage actor: every row goes into the outbox on disk first; a courier takes it from there to the cold store."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from loguru import logger
from msgspec import Struct
from msgspec.structs import replace

from vortex.actors.backoff import Backoff
from vortex.domain.trade import RejectionRow, TradeRow, TradeStatus
from vortex.messages import OutboxMeasured, Recipient, RecordRejection, RecordTrade, RowsCarried, TradeRecorded
from vortex.ports import Courier, Outbox, UnwritableError
from vortex.queries import GetOutbox, OutboxStatus
from vortex.runtime import Actor

CARRY_SOON_MS = 50
RETRY_WRITE_MS = 1_000
RETRY_PAUSED_MS = 60_000
LOOK_MS = 5_000
FINISH_MS = 3_000
"""For what waits to be handed over at the end, of the same clock as the time that an actor has to stop."""
LATE_MS = 600_000
MOST_UNWRITTEN = 1_000
"""Rows that wait for a full disk, beside those of trades, which always wait."""
MOST_PENDING = 200_000
"""Rows in the outbox that shut entries: days of an absent store."""


class _Carry(Struct, frozen=True):
    """Hand waiting rows to the cold store."""


class _Write(Struct, frozen=True):
    """Try again to put on disk what it did not take."""


class _Look(Struct, frozen=True):
    """Look what waits, and for how long."""


class StorageActor(Actor):
    """The only writer of rows.

    Args:
        outbox: Keeps rows on disk until the cold store has them.
        courier: Hands them over.
        exchange: Is told when the final row of a trade is safe on disk, and whether further ones would be.
        random: Spreads the tries to reach a store that is away.
    """

    def __init__(self, *, outbox: Outbox, courier: Courier, exchange: Recipient, random: Random) -> None:
        self._outbox = outbox
        self._courier = courier
        self._exchange = exchange
        self._trades: deque[TradeRow] = deque()
        self._rejections: deque[RejectionRow] = deque()
        """Rows that the disk did not take; apart, for they go to two files, and no rejection may hold up a trade."""
        self._retries = False
        """A time is set when they are tried again."""
        self._backoff = Backoff(random)
        self._busy = False
        """The courier is under way, or a time is set when it goes."""
        self._paused: str | None = None
        self._unwritable: str | None = None
        self._given_up = 0
        self._late = False

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return {
            RecordTrade: self._on_trade,
            RecordRejection: self._on_rejection,
            RowsCarried: self._on_carried,
            GetOutbox: self._on_get,
            _Carry: self._on_carry,
            _Write: self._on_write,
            _Look: self._on_look,
        }

    def started(self) -> None:
        self._courier.start(self.context.address)
        self._carry_in(0)
        self.context.after(0, _Look())

    def stopping(self) -> None:
        """Hand over what waits; what the store does not take stays on disk for the next start."""
        self._write(self._trades, self._rejections)
        if self._unwritten:
            logger.error("rows that are not on disk and end with this process: {}", self._unwritten)
        self._courier.finish(self.context.clock.real_s(FINISH_MS))
        waiting = self._status().pending
        if waiting:
            words = "1 row waits" if waiting == 1 else f"{waiting} rows wait"
            sent = "it will be sent" if waiting == 1 else "they will be sent"
            logger.warning("{} for {}, {} on the next start", words, self._courier.destination, sent)

    # ------------------------------------------------------------------------------------------------- onto the disk

    @property
    def _unwritten(self) -> int:
        return len(self._trades) + len(self._rejections)

    def _on_trade(self, message: RecordTrade) -> None:
        row = message.row
        logger.info("{}: trade {} is {} {}", row.symbol, row.id, row.status, row.close_reason or "")
        self._trades.append(row)
        if len(self._trades) == 1:  # else it waits behind others, which are tried again in a moment
            self._write(self._trades)

    def _on_rejection(self, message: RecordRejection) -> None:
        """While the disk takes none, the newest are given up."""
        if len(self._rejections) >= MOST_UNWRITTEN:
            self._given_up += 1
            return
        self._rejections.append(message.row)
        if len(self._rejections) == 1:
            self._write(self._rejections)

    def _on_write(self, _message: _Write) -> None:
        self._retries = False
        self._write(self._trades, self._rejections)

    def _write(self, *queues: deque[TradeRow] | deque[RejectionRow]) -> None:
        """Put rows on disk, each queue in its order, until one is not taken."""
        for rows in queues:
            while rows:
                row = rows[0]
                try:
                    self._outbox.append(row)
                except UnwritableError as error:
                    self._cannot_write(error)
                    break
                rows.popleft()
                if isinstance(row, TradeRow) and row.status is not TradeStatus.OPEN:
                    self._exchange.tell(TradeRecorded(trade_id=row.id))
                self._carry_in(CARRY_SOON_MS)
        if self._unwritable is not None and not self._unwritten:
            logger.info("the disk takes rows again, none waits in memory")
            self._unwritable = None
            self._exchange.tell(OutboxMeasured(problem=None))

    def _cannot_write(self, error: UnwritableError) -> None:
        if self._unwritable is None:
            logger.error("the disk takes no rows, they wait in memory: {}", error)
        self._unwritable = str(error)
        self._exchange.tell(OutboxMeasured(problem=self._unwritable))
        if not self._retries:
            self._retries = True
            self.context.after(RETRY_WRITE_MS, _Write())

    # ------------------------------------------------------------------------------------------------- to the store

    def _on_carry(self, _message: _Carry) -> None:
        self._courier.carry()

    def _on_carried(self, carried: RowsCarried) -> None:
        self._busy = False
        if carried.trouble is None:
            self._well(carried.rows)
        elif carried.for_people:
            self._pause(carried.trouble)
        else:
            self._try_later(carried.trouble, carried.retry_after_s)

    def _well(self, rows: int) -> None:
        if self._paused is not None:
            logger.info("{} takes rows again", self._courier.destination)
        self._paused = None
        self._backoff.reset()
        if rows:
            self._carry_in(0)

    def _pause(self, why: str) -> None:
        if why != self._paused:
            logger.error("rows wait until a person acts, {} cannot be written: {}", self._courier.destination, why)
        self._paused = why
        self._carry_in(RETRY_PAUSED_MS)

    def _try_later(self, why: str, retry_after_s: float | None) -> None:
        wait_s = self._backoff.next_s(retry_after_s)
        logger.warning("rows wait for {}, next try in {:.1f} s: {}", self._courier.destination, wait_s, why)
        self._carry_in(wait_s * 1_000.0 / self.context.clock.real_s(1_000.0))

    def _carry_in(self, delay_ms: float) -> None:
        if not self._busy:
            self._busy = True
            self.context.after(delay_ms, _Carry())

    # ------------------------------------------------------------------------------------------------------ watching

    def _on_get(self, _message: GetOutbox) -> OutboxStatus:
        return self._status()

    def _status(self) -> OutboxStatus:
        status = self._outbox.status()
        return replace(status, dropped_rejections=status.dropped_rejections + self._given_up, paused=self._paused)

    def _on_look(self, _message: _Look) -> None:
        """Other processes may have changed what waits; and the exchange actor may be a new one."""
        self.context.after(LOOK_MS, _Look())
        try:
            status = self._outbox.status()
        except UnwritableError as error:
            self._exchange.tell(OutboxMeasured(problem=str(error)))
            return
        full = f"{status.pending} rows wait for {self._courier.destination}, {MOST_PENDING} at most"
        problem = self._unwritable or (full if status.pending >= MOST_PENDING else None)
        self._exchange.tell(OutboxMeasured(problem=problem))
        self._watch(status)
        if status.pending:
            self._carry_in(0)

    def _watch(self, status: OutboxStatus) -> None:
        """Say once that the store is far behind."""
        late = status.oldest_ms is not None and self.context.clock.now_ms() - status.oldest_ms > LATE_MS
        if late and not self._late:
            logger.error("{} is behind: {} rows wait, for more than 10 min", self._courier.destination, status.pending)
        self._late = late
