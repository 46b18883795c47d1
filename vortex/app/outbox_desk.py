"""The outbox as people see it from outside, whether a system runs with it or not: what waits, what was set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

import msgspec

from vortex.adapters.sqlite.connect import StoreError
from vortex.adapters.sqlite.lane import Kept, Lane
from vortex.adapters.sqlite.outbox import rejections_beside
from vortex.app.data_dir import read_owner, read_run

ROWS = 1_000
"""Rows that are listed at most, of trades and of rejections each."""


class OutboxDesk:
    """Opened by `open_desk`."""

    def __init__(self, lanes: tuple[Lane, ...]) -> None:
        self._lanes = lanes

    def counts(self) -> tuple[int, int]:
        """How many rows wait, and how many were set aside; raises UnwritableError."""
        counts = [lane.counts() for lane in self._lanes]
        return sum(each.pending for each in counts), sum(each.parked for each in counts)

    def listed(self) -> Mapping[str, object]:
        """What waits or was set aside, what was set aside first; raises UnwritableError."""
        pending, parked = self.counts()
        return {
            "pending": pending,
            "parked": parked,
            "rows": [_shown(kept) for lane in self._lanes for kept in lane.kept(ROWS)],
        }

    def retry(self, row_id: str | None) -> int:
        """Let rows that were set aside be handed over again, those of this id or all; raises UnwritableError."""
        return sum(lane.retry(row_id) for lane in self._lanes)

    def drop(self, row_id: str | None) -> int:
        """Throw away rows that were set aside, those of this id or all; raises UnwritableError."""
        return sum(lane.drop(row_id) for lane in self._lanes)


@contextmanager
def open_desk(data_dir: Path) -> Iterator[OutboxDesk]:
    """The outbox of this data directory. Raises StoreError when there is none, or it cannot be used."""
    journal = data_dir / "journal.db"
    if not journal.exists():
        raise StoreError(f"{journal}: not there: no system has run with this data directory")
    with ExitStack() as stack:
        lanes = [Lane("trades", journal)]
        stack.callback(lanes[0].close)
        if rejections_beside(journal).exists():
            lanes.append(Lane("rejections", rejections_beside(journal)))
            stack.callback(lanes[1].close)
        yield OutboxDesk(tuple(lanes))


def label_of(data_dir: Path) -> str:
    """The words that stand beside every output about this directory. Raises ConfigError for a damaged file."""
    owner, run = read_owner(data_dir), read_run(data_dir)
    whose = "UNKNOWN MODE" if owner is None else f"{owner.mode.upper()} · account {owner.account}"
    return f"{whose} · {'not running' if run is None else f'running as pid {run.pid}'}"


def _shown(kept: Kept) -> Mapping[str, object]:
    shown = msgspec.structs.asdict(kept)
    body = shown.pop("body")
    try:
        return {**shown, "row": msgspec.json.decode(body)}
    except msgspec.DecodeError:
        return {**shown, "row": body.decode(errors="backslashreplace")}
