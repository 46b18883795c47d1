"""Everything that happened, row by row. Open rows change; a final one is encoded once and never changes again.

Kept like that a row takes less than half of its memory, and whoever saves the exchange writes it once.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import msgspec

from vortex.sim.core.events import TimelineEntry
from vortex.sim.core.types import SimAlgo, SimFill, SimFunding, SimOrder

T = TypeVar("T")


class FinalRow(NamedTuple):
    """A row that never changes again: its kind, its place among those of its kind, and itself."""

    kind: str
    number: int
    body: bytes


OnFinal = Callable[[FinalRow], None]


class Record(Generic[T]):
    """The rows of one kind in order of arrival, found by their number, which counts from 0.

    Args:
        name: What the rows are called on disk.
        kind: Their type.
        on_final: Told of each row that becomes final.
    """

    def __init__(self, name: str, kind: type[T], on_final: OnFinal) -> None:
        self.name = name
        self.kind = kind
        self._encode = msgspec.msgpack.encode
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._on_final = on_final
        self._rows: list[T | bytes | None] = []

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, number: int) -> T:
        """The row itself while it is open, else a copy."""
        row = self._rows[number]
        if isinstance(row, bytes):
            return self._decode(row)
        if row is None:
            raise LookupError(f"row {number} of {self.name} is missing")
        return row

    @property
    def complete(self) -> bool:
        """False while a row is missing among those that were given back."""
        return None not in self._rows

    def append(self, row: T) -> None:
        """Add a row that is final from the beginning."""
        number = len(self._rows)
        self._rows.append(None)
        self._finish(number, row)

    def put(self, number: int, body: bytes) -> None:
        """Give a final row back at its own number, in any order."""
        self._place(number, body)

    def snapshot(self) -> Iterator[T]:
        """Every row as it is now, decoded one by one as they are read."""
        return map(self._decode, [row if isinstance(row, bytes) else self._encode(row) for row in self._rows])

    def _finish(self, number: int, row: T) -> None:
        body = self._encode(row)
        self._rows[number] = body
        self._on_final(FinalRow(self.name, number, body))

    def _place(self, number: int, row: T | bytes) -> None:
        self._rows.extend([None] * (number + 1 - len(self._rows)))
        self._rows[number] = row


class Register(Record[T]):
    """A record of orders of some kind: accepted ones begin open and are found by id, newest first by client id.

    Attributes:
        open: The open rows by number.
        keys: The exchange's id of an order, None when it was refused, and what its client calls it.
    """

    def __init__(
        self, name: str, kind: type[T], on_final: OnFinal, keys: Callable[[T], tuple[int | None, Hashable]]
    ) -> None:
        super().__init__(name, kind, on_final)
        self.open: dict[int, T] = {}
        self.keys = keys
        self._by_id: dict[int, int] = {}
        self._newest: dict[Hashable, int] = {}

    def enter(self, row: T) -> None:
        """Add an accepted order, which goes on changing until it is closed."""
        self._reopen(len(self), row)

    def close(self, order_id: int) -> None:
        """Make an open order final."""
        number = self._by_id[order_id]
        self._finish(number, self.open.pop(number))

    def find(self, order_id: int | None, client_key: Hashable) -> T | None:
        """The accepted order of this id, or without one the newest of this client key."""
        number = self._newest.get(client_key) if order_id is None else self._by_id.get(order_id)
        return None if number is None else self[number]

    def number(self, order_id: int | None) -> int:
        """The place of the order of this id, -1 when there is none."""
        return -1 if order_id is None else self._by_id.get(order_id, -1)

    def put(self, number: int, body: bytes) -> None:
        super().put(number, body)
        self._index(number, self[number])

    def forget(self, order_id: int) -> None:
        """Make an open order final and let nobody find it again; its keys say that it has no id any more."""
        number = self._by_id.pop(order_id)
        row = self.open.pop(number)
        self._finish(number, row)
        key = self.keys(row)[1]
        del self._newest[key]
        older = next((n for n in reversed(range(number)) if self._named(n) == key), None)
        if older is not None:
            self._newest[key] = older

    def newest_first(self) -> Iterator[T]:
        """Accepted orders from the newest on, read only as far as they are looked at."""
        return (self[number] for number in reversed(range(len(self))) if self._named(number) is not None)

    def as_of(self, length: int, open_then: Mapping[int, T]) -> PastRegister[T]:
        """These orders when there were so many and those were open."""
        return PastRegister(self, length, open_then)

    def _named(self, number: int) -> Hashable | None:
        """The client key of an accepted order, None for a refused one."""
        order_id, key = self.keys(self[number])
        return None if order_id is None else key

    def reopen(self, rows: Mapping[int, T]) -> None:
        """Give open rows back."""
        for number, row in rows.items():
            self._reopen(number, row)

    def _reopen(self, number: int, row: T) -> None:
        self._place(number, row)
        self.open[number] = row
        self._index(number, row)

    def _index(self, number: int, row: T) -> None:
        order_id, client_key = self.keys(row)
        if order_id is not None:
            self._by_id[order_id] = number
            self._newest[client_key] = max(number, self._newest.get(client_key, 0))


class PastRegister(Register[T]):
    """A register as it was: nothing newer is in it, and what was open then still is. To read only."""

    def __init__(self, present: Register[T], length: int, open_then: Mapping[int, T]) -> None:
        super().__init__(present.name, present.kind, _nobody, present.keys)
        self._present = present
        self._length = length
        self.open = dict(open_then)
        for number, row in sorted(open_then.items()):
            self._index(number, row)

    def __len__(self) -> int:
        return self._length

    def __getitem__(self, number: int) -> T:
        return self.open[number] if number in self.open else self._present[number]

    def find(self, order_id: int | None, client_key: Hashable) -> T | None:
        """As ever. An order that was open then is known; a final one is looked for, newest first."""
        if order_id is not None:
            number = self._by_id.get(order_id, self._present.number(order_id))
            return self[number] if 0 <= number < self._length else None
        newest = self._newest.get(client_key, -1)
        older = (number for number in range(self._length - 1, newest, -1) if self._named(number) == client_key)
        number = next(older, newest)
        return None if number < 0 else self[number]


class History:
    """The records of an exchange."""

    def __init__(self, on_final: OnFinal) -> None:
        self.orders = Register("order", SimOrder, on_final, lambda o: (o.order_id, (o.symbol, o.client_id)))
        self.algos = Register("algo", SimAlgo, on_final, _algo_keys)
        self.fills = Record("fill", SimFill, on_final)
        self.funding = Record("funding", SimFunding, on_final)
        self.timeline = Record("timeline", TimelineEntry, on_final)

    def put(self, rows: Iterable[FinalRow]) -> None:
        """Give final rows back. Raises ValueError for one that is malformed or of no known kind."""
        records = {record.name: record for record in self._records}
        for row in rows:
            if row.kind not in records:
                raise ValueError(f"no record is called {row.kind!r}")
            records[row.kind].put(row.number, row.body)

    @property
    def lengths(self) -> dict[str, int]:
        """How many rows there are by kind."""
        return {record.name: len(record) for record in self._records}

    @property
    def complete(self) -> bool:
        """False while a row is missing among those that were given back."""
        return all(record.complete for record in self._records)

    @property
    def _records(self) -> tuple[Record[Any], ...]:
        return self.orders, self.algos, self.fills, self.funding, self.timeline


def _algo_keys(algo: SimAlgo) -> tuple[int | None, Hashable]:
    return None if algo.vanished else algo.algo_id, algo.client_id


def _nobody(_row: FinalRow) -> None:
    """Nothing becomes final in the past."""
