"""Where the rows of the outbox campaign arrive, and the bad way there. Other stores: `--store module:function`.

The function is called with a folder and a part of lost replies, and returns a context manager that gives a Place. The
place lives in the process that judges; the process that trades opens the way there by itself, again in each life.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from importlib import import_module
from pathlib import Path
from random import Random
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

from tests.kit.fickle_store import FickleStore
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.adapters.sqlite.connect import open_read_only
from vortex.adapters.sqlite.rows import Row
from vortex.ports import ColdStore


class Arrived(NamedTuple):
    """A row in the ledger; rejections have revision 0."""

    id: str
    revision: int


class Place(Protocol):
    """The ledger at the end of the bad way.

    Attributes:
        opener: `module:function` that makes a ColdStore of `address` in the process that trades. Each of its replies is
            lost as often as was asked for, after the rows were written, also while several processes come and go.
            It refuses every batch with a row whose id is no UUID.
        address: What that function needs to know.
    """

    opener: str
    address: str

    def away(self, *, away: bool) -> None:
        """Begin or end an outage."""
        ...

    def arrived(self) -> Sequence[Arrived]:
        """Every row of both tables; one that is there twice, twice."""
        ...


OpenPlace: TypeAlias = Callable[[Path, float], AbstractContextManager[Place]]


class FicklePlace:
    """A SQLite ledger behind a fickle store."""

    opener = "tests.chaos.outbox_places:open_fickle"

    def __init__(self, folder: Path, lost: float) -> None:
        self._ledger, self._outage = folder / "ledger.db", folder / "OUTAGE"
        self.address = json.dumps({"ledger": str(self._ledger), "outage": str(self._outage), "lost": lost})
        SqliteColdStore.open(self._ledger).close()

    def away(self, *, away: bool) -> None:
        if away:
            self._outage.touch()
        else:
            self._outage.unlink(missing_ok=True)

    def arrived(self) -> list[Arrived]:
        query = "select id, revision from trade_logs union all select id, 0 from rejected_signals"
        with closing(open_read_only(self._ledger)) as ledger:
            return [Arrived(*row) for row in ledger.execute(query)]


class FarStore(FickleStore):
    """Is away while a file is there."""

    outage: Path

    def _before(self, rows: Sequence[Row]) -> None:
        self.away = self.outage.exists()
        super()._before(rows)


@contextmanager
def fickle(folder: Path, lost: float) -> Iterator[FicklePlace]:
    """The quick way: nothing but files."""
    yield FicklePlace(folder, lost)


def open_fickle(address: str) -> ColdStore:
    """The way to a FicklePlace."""
    told = json.loads(address)
    store = FarStore(SqliteColdStore.open(Path(told["ledger"])), Random())  # which replies are lost
    store.outage, store.lost, store.poison = Path(told["outage"]), told["lost"], lambda row: not is_uuid(row.id)
    return store


def is_uuid(text: str) -> bool:
    """Whether a column of this type would take it."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def named(name: str) -> Any:
    """The object of `module:name`. Raises ImportError, AttributeError, ValueError."""
    module, function = name.split(":")
    return getattr(import_module(module), function)
