"""Whatever happens in whatever order: in the end the ledger holds what was acknowledged, in its newest version."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.kit.fickle_store import FickleStore
from tests.kit.logs import heard
from vortex.adapters.courier import outcome
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.delivery import Delivery
from vortex.adapters.sqlite.lane import Lane
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.ports import UnwritableError

IDS = [f"t{number}" for number in range(4)]
POISON_ID = "t3"


class Step(NamedTuple):
    """What happens next."""

    do: str
    id: str = ""
    revision: int = 0
    limit: int = 1


appends = st.builds(Step, st.just("append"), st.sampled_from(IDS), st.integers(1, 4))
rejects = st.builds(Step, st.just("reject"), st.sampled_from(IDS))
batches = st.builds(Step, st.just("batch"), limit=st.integers(1, 8))
faults = st.sampled_from([Step(do) for do in ("away", "misconfigured", "lose", "unforgetful", "well", "restart")])
steps = st.lists(appends | appends | rejects | batches | batches | faults, max_size=60)


class Course:
    """One outbox and one ledger, and what was acknowledged."""

    def __init__(self, folder: Path, patch: pytest.MonkeyPatch) -> None:
        self._folder, self._patch = folder, patch
        self.store = FickleStore(SqliteColdStore.open(folder / "vortex.db"), Random(1))
        self.store.poison = lambda row: row.id == POISON_ID and isinstance(row, TradeRow)
        self.trades: dict[str, int] = {}
        self.rejections: set[str] = set()
        self.poisonous = 0
        self._open()

    def take(self, step: Step) -> None:
        """Let it happen."""
        doing: dict[str, Callable[[], object]] = {
            "append": lambda: self._append(step.id, step.revision),
            "reject": lambda: self._reject(step.id),
            "batch": lambda: outcome(lambda: self.delivery.step(step.limit)),
            "away": lambda: setattr(self.store, "away", True),
            "misconfigured": lambda: setattr(self.store, "misconfigured", True),
            "lose": lambda: setattr(self.store, "lost", 0.5),
            "unforgetful": self._disk_fails,
            "well": self.well,
            "restart": self._restart,
        }
        doing[step.do]()

    def well(self) -> None:
        """Nothing is wrong any more."""
        self.store.away = self.store.misconfigured = False
        self.store.lost = 0.0
        self._patch.undo()

    def end(self) -> None:
        """Everything arrives that can."""
        self.well()
        self._restart()
        while self.delivery.step():
            pass

    def close(self) -> None:
        self._patch.undo()
        self.outbox.close()
        self.delivery.close()
        self.store.close()

    def _append(self, row_id: str, revision: int) -> None:
        row = closed(id=row_id, revision=revision) if revision > 1 else trade(id=row_id)
        self.outbox.append(row)
        if row_id == POISON_ID:
            self.poisonous += 1
        else:
            self.trades[row_id] = max(revision, self.trades.get(row_id, 0))

    def _reject(self, row_id: str) -> None:
        self.outbox.append(rejection(id=row_id))
        self.rejections.add(row_id)

    def _disk_fails(self) -> None:
        """What the store has cannot be forgotten."""

        def forget(_lane: Lane, _seqs: object) -> None:
            raise UnwritableError("no room")

        self._patch.setattr(Lane, "forget", forget)

    def _restart(self) -> None:
        self.outbox.close()
        self.delivery.close()
        self._open()

    def _open(self) -> None:
        journal = self._folder / "journal.db"
        self.outbox = SqliteOutbox(journal, lambda: 0)
        self.delivery: Delivery = open_delivery(journal, self.store)


@settings(max_examples=60, deadline=None)  # every example is three files on disk
@given(course=steps)
def test_the_ledger_ends_with_exactly_what_was_acknowledged(
    tmp_path_factory: pytest.TempPathFactory, course: list[Step]
) -> None:
    with (
        pytest.MonkeyPatch.context() as patch,
        heard(),
        closing(Course(tmp_path_factory.mktemp("course"), patch)) as world,
    ):
        for step in course:
            world.take(step)
        world.end()
        assert {row.id: row.revision for row in world.store.recent_trades(100)} == world.trades
        found: list[RejectionRow] = world.store.recent_rejections(100)
        assert {row.id for row in found} == world.rejections
        status = world.outbox.status()
        assert status.pending == 0
        assert (status.parked > 0) == (world.poisonous > 0)
        assert status.parked <= world.poisonous
