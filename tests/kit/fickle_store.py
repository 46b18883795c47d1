"""A real SQLite ledger at the end of a bad way: it is away, loses replies, refuses rows, stalls, or is not set up."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from random import Random
from threading import Event, Lock

from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.rows import Row
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import RowsRefusedError, StoreMisconfiguredError, StoreUnavailableError

MOST_ROWS = 100
LONGEST_STALL_S = 30.0


class FickleStore:
    """Implements ports.ColdStore. What goes wrong is set from outside, at any time.

    Attributes:
        away: Refuses every request, unwritten; `retry_after_s` is what it asks for then.
        misconfigured: As above, but for good until a person acts.
        lost: This part of the replies is lost, after the rows were written.
        poison: Says of a row that it is refused, with its whole batch.
        stall: While it is not set, a request waits before it is written.
        batches: The ids of each request that came, written or not.
        most_in_flight: Requests at the same time, at most.

    Args:
        ledger: Where rows arrive.
        random: Which replies are lost.
    """

    def __init__(self, ledger: SqliteColdStore, random: Random) -> None:
        self.away = self.misconfigured = False
        self.retry_after_s: float | None = None
        self.lost = 0.0
        self.poison: Callable[[Row], bool] = lambda _row: False
        self.stall = Event()
        self.stall.set()
        self.stalled = Event()
        self.batches: list[tuple[str, ...]] = []
        self.most_in_flight = 0
        self.recent_trades = ledger.recent_trades
        self.recent_rejections = ledger.recent_rejections
        self.close = ledger.close
        self._ledger = ledger
        self._random = random
        self._in_flight = 0
        self._lock = Lock()

    def write_trades(self, rows: Sequence[TradeRow]) -> None:
        with self._request(rows):
            self._ledger.write_trades(rows)

    def write_rejections(self, rows: Sequence[RejectionRow]) -> None:
        with self._request(rows):
            self._ledger.write_rejections(rows)

    @contextmanager
    def _request(self, rows: Sequence[Row]) -> Iterator[None]:
        with self._lock:
            self._in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self._in_flight)
        try:
            self._before(rows)
            yield
            if self._random.random() < self.lost:
                raise StoreUnavailableError("the reply got lost")
        finally:
            with self._lock:
                self._in_flight -= 1

    def _before(self, rows: Sequence[Row]) -> None:
        ids = tuple(row.id for row in rows)
        self.batches.append(ids)
        if not self.stall.is_set():
            self.stalled.set()
            self.stall.wait(LONGEST_STALL_S)
        if self.away:
            raise StoreUnavailableError("the store is away", self.retry_after_s)
        if self.misconfigured:
            raise StoreMisconfiguredError("there is no table trade_logs")
        if not 0 < len(rows) <= MOST_ROWS:
            raise AssertionError(f"{len(rows)} rows in a request")
        if len(set(ids)) < len(ids):
            raise AssertionError("an id twice in one request: PostgreSQL refuses that")
        if poisonous := [row.id for row in rows if self.poison(row)]:
            raise RowsRefusedError(f"a check is violated by {poisonous[0]}")
