"""What the outbox costs: keeping a row against a bare fdatasync, draining against executemany of the same rows."""

from __future__ import annotations

import os
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import Literal, TypeAlias
from uuid import uuid4

from msgspec import Struct

from tests.adapters.sqlite.rows import closed
from tests.bench.measure import quantile
from vortex.adapters.sqlite.cold_store import WRITE_TRADE, SqliteColdStore
from vortex.adapters.sqlite.connect import LEDGER, open_database, transaction
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.adapters.sqlite.rows import to_columns

How: TypeAlias = Literal["append", "fdatasync", "drain", "executemany"]
BUILD = Path("build")
"""On the disk of the repository: where /tmp lies may be memory."""
BLOCK, BLOCKS = bytes(4096), 1_000
WARM = 50
BATCH = 100


class Kept(Struct, frozen=True, kw_only=True):
    """Of `count` rows or blocks: the median of one, microseconds, and how many a second."""

    count: int
    p50_us: float
    per_s: float


def run(how: How, count: int) -> Kept:
    """Measure one side, in a folder of its own."""
    BUILD.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=BUILD) as folder:
        return SIDES[how](Path(folder), count)


def _append(folder: Path, count: int) -> Kept:
    with closing(SqliteOutbox(folder / "journal.db", lambda: 0)) as outbox:
        rows = [closed(id=str(uuid4())) for _ in range(count + WARM)]
        return _each(count, lambda number: outbox.append(rows[number]))


def _fdatasync(folder: Path, count: int) -> Kept:
    file = os.open(folder / "file", os.O_RDWR | os.O_CREAT)
    os.pwrite(file, BLOCK * BLOCKS, 0)
    os.fsync(file)

    def write(number: int) -> None:
        os.pwrite(file, BLOCK, number % BLOCKS * len(BLOCK))
        os.fdatasync(file)

    try:
        return _each(count, write)
    finally:
        os.close(file)


def _each(count: int, do: Callable[[int], object]) -> Kept:
    taken_s: list[float] = []
    for number in range(count + WARM):
        before_s = time.perf_counter()
        do(number)
        taken_s.append(time.perf_counter() - before_s)
    return Kept(count=count, p50_us=quantile(taken_s[WARM:], 0.5) * 1e6, per_s=count / sum(taken_s[WARM:]))


def _drain(folder: Path, count: int) -> Kept:
    journal = folder / "journal.db"
    with closing(SqliteOutbox(journal, lambda: 0)) as outbox, closing(sqlite3.connect(journal)) as quick:
        outbox.append(closed())
        tbl, _, body, created_ms = quick.execute("select tbl, row_id, body, created_ms from outbox").fetchone()
        rows = ((tbl, row_id, body.replace(b'"t1"', f'"{row_id}"'.encode()), created_ms) for row_id in _ids(count - 1))
        with quick:
            quick.executemany("insert into outbox (tbl, row_id, body, created_ms) values (?, ?, ?, ?)", rows)
    with (
        closing(SqliteColdStore.open(folder / "vortex.db")) as store,
        closing(open_delivery(journal, store)) as delivery,
    ):
        return _all(count, delivery.step)


def _executemany(folder: Path, count: int) -> Kept:
    with closing(open_database(folder / "vortex.db", LEDGER)) as ledger:
        rows = [to_columns(closed(id=row_id)) for row_id in _ids(count)]
        batches = iter([rows[at : at + BATCH] for at in range(0, count, BATCH)])

        def write() -> int:
            batch = next(batches, [])
            with transaction(ledger):
                ledger.executemany(WRITE_TRADE, batch)
            return len(batch)

        return _all(count, write)


def _all(count: int, batch: Callable[[], int]) -> Kept:
    """Write batches until there is none; raises RuntimeError when those were not all rows."""
    written, before_s = 0, time.perf_counter()
    while rows := batch():
        written += rows
    took_s = time.perf_counter() - before_s
    if written != count:
        raise RuntimeError(f"{written} rows instead of {count}")
    return Kept(count=count, p50_us=took_s / count * 1e6, per_s=count / took_s)


def _ids(count: int) -> list[str]:
    return [str(uuid4()) for _ in range(count)]


SIDES: Mapping[How, Callable[[Path, int], Kept]] = {
    "append": _append,
    "fdatasync": _fdatasync,
    "drain": _drain,
    "executemany": _executemany,
}
