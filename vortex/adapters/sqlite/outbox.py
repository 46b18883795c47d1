"""The outbox: rows on disk until the cold store has them. Nothing is lost, nothing is written twice."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from loguru import logger

from vortex.adapters.sqlite.delivery import Delivery
from vortex.adapters.sqlite.lane import Lane
from vortex.adapters.sqlite.reserve import Reserve
from vortex.adapters.sqlite.rows import TABLES, Row, UnwritableRowError, validate
from vortex.domain.ledger_rules import broken_rule
from vortex.domain.trade import TradeRow
from vortex.ports import ColdStore
from vortex.queries import OutboxStatus

MOST_REJECTIONS = 50_000
"""Rejections that wait at most; of more, the oldest are given up."""
COUNT_EVERY = 1_000
"""Rejections between two counts, and those given up at once."""


def rejections_beside(journal: Path) -> Path:
    """Where rejections wait, beside the journal, in which trades do."""
    return journal.with_name("rejections.db")


def open_delivery(journal: Path, store: ColdStore, dismissed: Callable[[], bool] = lambda: False) -> Delivery:
    """The way from the outbox beside this journal to the store, with connections of its own. Raises StoreError.

    They do not wait for the disk: rows that were forgotten just before a power cut are handed over once more.
    """
    lanes = [
        Lane("trades", journal, synchronous="normal"),
        Lane("rejections", rejections_beside(journal)),
    ]
    return Delivery(lanes, store, dismissed)


class SqliteOutbox:
    """Implements ports.Outbox: trades in the journal's file, rejections, which may come in floods, in one of their own.

    `append` may be called from any thread and waits only for the disk, never for the store. A row that no store would
    take is kept too, set aside from the start: it is for a person to see.

    Args:
        path: The journal's database file; created when absent, and that of rejections beside it.
        now_ms: UTC epoch milliseconds, for the age of the oldest row.
        most_rejections: How many rejections may wait.
        reserve: Room on disk to give back when it is full.

    Raises:
        StoreError: A file is damaged or of a newer version.
    """

    def __init__(
        self,
        path: Path,
        now_ms: Callable[[], int],
        *,
        most_rejections: int = MOST_REJECTIONS,
        reserve: Reserve | None = None,
    ) -> None:
        self._now_ms = now_ms
        self._most = most_rejections
        self._step = min(COUNT_EVERY, max(1, most_rejections // 10))
        self._reserve = reserve
        self._trades = Lane("trades", path)
        self._rejections = Lane("rejections", rejections_beside(path))
        self._uncounted = self._step
        self._given_up = 0

    def append(self, row: Row) -> None:
        """Keep the row durably before returning. Raises UnwritableError: the disk does not take it now."""
        problem = _problem(row)
        if problem is not None:
            logger.error("{} {} is set aside, no store would take it: {}", TABLES[type(row)], row.id, problem)
        values = (TABLES[type(row)], _text(row.id), _body(row), self._now_ms(), problem)
        if isinstance(row, TradeRow):
            self._keep(self._trades, values)
        else:
            self._keep(self._rejections, values)
            self._bound()

    def status(self) -> OutboxStatus:
        """Both lanes together. Raises UnwritableError."""
        lanes = (self._trades.counts(), self._rejections.counts())
        return OutboxStatus(
            pending=sum(lane.pending for lane in lanes),
            oldest_ms=min((lane.oldest_ms for lane in lanes if lane.oldest_ms is not None), default=None),
            parked=sum(lane.parked for lane in lanes),
            dropped_rejections=self._rejections.dropped(),
        )

    def close(self) -> None:
        self._trades.close()
        self._rejections.close()

    def _keep(self, lane: Lane, values: tuple[str, str, bytes, int, str | None]) -> None:
        if self._reserve is None:
            lane.append(*values)
        else:
            self._reserve.lend(lambda: lane.append(*values))

    def _bound(self) -> None:
        """Give up the oldest rejections when too many wait; said once, until there is room again."""
        self._uncounted += 1
        if self._uncounted < self._step:
            return
        self._uncounted = 0
        dropped = self._rejections.trim(self._most, self._step)
        if dropped and not self._given_up:
            logger.warning("more than {} rejections wait for the ledger: the oldest are given up", self._most)
        elif self._given_up and not dropped:
            logger.warning("{} rejections were given up; there is room again", self._given_up)
        self._given_up = self._given_up + dropped if dropped else 0


def _problem(row: Row) -> str | None:
    """Why no store would take the row."""
    try:
        validate(row)
    except UnwritableRowError as error:
        return str(error)
    return broken_rule(row)


def _body(row: Row) -> bytes:
    """As JSON; of what is no Unicode, which JSON cannot hold, what is left of it."""
    try:
        return msgspec.json.encode(row)
    except UnicodeEncodeError:
        texts = {name: getattr(row, name) for name in row.__struct_fields__ if type(getattr(row, name)) is str}
        return msgspec.json.encode(
            msgspec.structs.replace(row, **{name: _text(value) for name, value in texts.items()})
        )


def _text(text: str) -> str:
    return text.encode(errors="backslashreplace").decode()
