"""Handing over rows of the outbox: in batches, oldest first; what the store refuses is found, and set aside."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from loguru import logger

from vortex.adapters.sqlite.lane import Lane, Waiting
from vortex.adapters.sqlite.rows import TABLES
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import ColdStore, RowsRefusedError

LIMIT = 100


class DismissedError(Exception):
    """Somebody else hands over now: forget nothing."""


class Delivery:
    """One caller at a time.

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

    def batch(self, limit: int = LIMIT) -> int:
        """Hand over at most `limit` of the oldest rows; returns how many are dealt with, 0 when nothing waits.

        Raises:
            UnwritableError: The disk does not let us forget them now: they are handed over again.
            DismissedError: They may be there, and are handed over again by somebody else.
            StoreUnavailableError, StoreMisconfiguredError: Those of the batch that are not there yet wait on.
        """
        for lane in self._lanes:
            if waiting := lane.waiting(limit):
                trades = [each for each in waiting if isinstance(each.row, TradeRow)]
                rejections = [each for each in waiting if isinstance(each.row, RejectionRow)]
                self._hand_over(lane, trades, self._store.write_trades)
                self._hand_over(lane, rejections, self._store.write_rejections)
                return len(waiting)
        return 0

    def close(self) -> None:
        for lane in self._lanes:
            lane.close()

    def _hand_over(self, lane: Lane, waiting: Sequence[Waiting], write: Callable[[Any], None]) -> None:
        """A batch names each id once, in its newest version; older versions of it are settled with that one."""
        newest: dict[str, Waiting] = {}
        for each in waiting:
            if each.row.id not in newest or _revision(each) >= _revision(newest[each.row.id]):
                newest[each.row.id] = each
        versions: dict[str, list[int]] = {}
        for each in waiting:
            versions.setdefault(each.row.id, []).append(each.seq)
        if newest:
            self._split(lane, tuple(newest.values()), versions, write)

    def _split(
        self, lane: Lane, batch: Sequence[Waiting], versions: dict[str, list[int]], write: Callable[[Any], None]
    ) -> None:
        """Write the batch; refused, write its halves: what is refused by itself is the row that spoils the others."""
        try:
            write([each.row for each in batch])
        except RowsRefusedError as error:
            self._check()
            if len(batch) == 1:
                _alarm(batch[0], error)
                lane.park(batch[0].seq, str(error))  # an older version of it waits on, and may be taken
                return
            middle = len(batch) // 2
            self._split(lane, batch[:middle], versions, write)
            self._split(lane, batch[middle:], versions, write)
        else:
            self._check()
            lane.forget(_flat(versions[each.row.id] for each in batch))

    def _check(self) -> None:
        if self._dismissed():
            raise DismissedError


def _revision(waiting: Waiting) -> int:
    return waiting.row.revision if isinstance(waiting.row, TradeRow) else 0


def _alarm(waiting: Waiting, error: RowsRefusedError) -> None:
    row = waiting.row
    logger.error("{} {} is set aside, the ledger refuses it: {}", TABLES[type(row)], row.id, error)


def _flat(lists: Iterable[list[int]]) -> list[int]:
    return [seq for each in lists for seq in each]
