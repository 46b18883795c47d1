"""Handing over rows of the outbox: in batches, oldest first; what the store refuses is found, and set aside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from loguru import logger
from msgspec import Struct

from vortex.adapters.sqlite.lane import Lane, Waiting
from vortex.adapters.sqlite.rows import TABLES
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import ColdStore, RowsRefusedError

LIMIT = 100


class DismissedError(Exception):
    """Somebody else hands over now: forget nothing."""


class Part(Struct, frozen=True):
    """Rows for one request: each id once, in its newest version.

    Attributes:
        versions: By id, the places in the lane that are settled with it.
    """

    lane: Lane
    rows: Sequence[Waiting]
    versions: Mapping[str, Sequence[int]]
    write: Callable[[Any], None]

    def halves(self) -> tuple[Part, Part]:
        middle = len(self.rows) // 2
        first, second = self.rows[:middle], self.rows[middle:]
        return Part(self.lane, first, self.versions, self.write), Part(self.lane, second, self.versions, self.write)


class Delivery:
    """One caller at a time. What the store refuses is halved until the row is found that spoils the others.

    A crash between the store's write and our forgetting repeats the write, which the store takes as one.

    Args:
        lanes: In order: the next one is looked at when nothing waits in those before.
        store: The ledger.
        dismissed: True once another one delivers: from then on nothing is forgotten and nothing set aside.
    """

    def __init__(self, lanes: Sequence[Lane], store: ColdStore, dismissed: Callable[[], bool] = lambda: False) -> None:
        self._lanes = lanes
        self._store = store
        self._dismissed = dismissed
        self._parts: list[Part] = []
        """What is left of the last batch, the next part last: a lost reply must not begin the search anew."""

    def step(self, limit: int = LIMIT) -> int:
        """One request with at most `limit` of the oldest rows; returns how many it was about, 0 when nothing waits.

        Raises:
            UnwritableError: The disk does not let us forget them now: they are handed over again.
            DismissedError: They may be there, and are handed over again by somebody else.
            StoreUnavailableError, StoreMisconfiguredError: They wait on.
        """
        self._parts = self._parts or self._batch(limit)
        if not self._parts:
            return 0
        part = self._parts[-1]
        try:
            part.write([each.row for each in part.rows])
        except RowsRefusedError as error:
            self._check()
            self._refused(part, error)
        else:
            self._check()
            part.lane.forget([seq for each in part.rows for seq in part.versions[each.row.id]])
            self._parts.pop()
        return len(part.rows)

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()

    def _batch(self, limit: int) -> list[Part]:
        """The oldest rows of the first lane where any wait."""
        for lane in self._lanes:
            if waiting := lane.waiting(limit):
                trades = [each for each in waiting if isinstance(each.row, TradeRow)]
                rejections = [each for each in waiting if isinstance(each.row, RejectionRow)]
                parts = (
                    _part(lane, rejections, self._store.write_rejections),
                    _part(lane, trades, self._store.write_trades),
                )
                return [part for part in parts if part.rows]
        return []

    def _refused(self, part: Part, error: RowsRefusedError) -> None:
        if len(part.rows) == 1:
            (row,) = part.rows
            _alarm(row, error)
            part.lane.park(row.seq, str(error))  # an older version of it waits on, and may be taken
            self._parts.pop()
        else:
            first, second = part.halves()
            self._parts[-1:] = (second, first)

    def _check(self) -> None:
        if self._dismissed():
            raise DismissedError


def _part(lane: Lane, waiting: Sequence[Waiting], write: Callable[[Any], None]) -> Part:
    newest: dict[str, Waiting] = {}
    versions: dict[str, list[int]] = {}
    for each in waiting:
        versions.setdefault(each.row.id, []).append(each.seq)
        if each.row.id not in newest or _revision(each) >= _revision(newest[each.row.id]):
            newest[each.row.id] = each
    return Part(lane, tuple(newest.values()), versions, write)


def _revision(waiting: Waiting) -> int:
    return waiting.row.revision if isinstance(waiting.row, TradeRow) else 0


def _alarm(waiting: Waiting, error: RowsRefusedError) -> None:
    row = waiting.row
    logger.error("{} {} is set aside, the ledger refuses it: {}", TABLES[type(row)], row.id, error)
