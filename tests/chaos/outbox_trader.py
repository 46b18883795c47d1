"""A process that writes rows as a trader does, with the product's storage actor, outbox and courier, until it dies.

What it tries to write and what the outbox acknowledged goes into a log that survives the kill.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from random import Random
from threading import Event
from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.adapters.sqlite.rows import closed, rejection, trade
from tests.chaos.outbox_places import named
from vortex.actors.storage import StorageActor
from vortex.adapters.clock import SystemClock
from vortex.adapters.courier import Couriers
from vortex.adapters.sqlite import lane
from vortex.adapters.sqlite.connect import transaction
from vortex.adapters.sqlite.lane import Lane
from vortex.adapters.sqlite.outbox import SqliteOutbox, open_delivery
from vortex.adapters.sqlite.rows import Row
from vortex.domain.trade import RejectionRow, TradeRow
from vortex.messages import RecordRejection, RecordTrade
from vortex.ports import ColdStore
from vortex.runtime import ActorSystem, Address, ChildSpec, RestartLimits, ThreadDispatcher
from vortex.runtime.supervisor import Supervisor

START_S, STOP_S, POLL_S = 20.0, 10.0, 0.02
CLOSED_FIRST, REJECTED, CORRECTED = 0.2, 0.2, 0.1
BOUNDARIES = ("append", "appended", "write", "written", "forgetting", "forgotten")
"""Where it can kill itself: before and after each step, and within the transaction that forgets."""


class Log:
    """Lines `try ID REVISION` and `ack ID REVISION`: each is out of this process when `write` returns."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def write(self, word: str, row: Row) -> None:
        os.write(self._file, f"{word} {row.id} {revision_of(row)}\n".encode())


def revision_of(row: Row) -> int:
    return row.revision if isinstance(row, TradeRow) else 0


class LoggedOutbox(SqliteOutbox):
    """Says what was to be kept, and what is."""

    log: Log
    passing: Callable[[str], None]

    def append(self, row: Row) -> None:
        self.log.write("try", row)
        self.passing("append")
        super().append(row)
        self.passing("appended")
        self.log.write("ack", row)


class Killer:
    """Kills this process when a boundary is passed for the nth time."""

    def __init__(self, boundary: str, nth: int) -> None:
        self._boundary, self._left = boundary, nth

    def passing(self, boundary: str) -> None:
        if boundary == self._boundary:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    def around(self, write: Callable[[Any], None]) -> Callable[[Any], None]:
        """The same write, with a boundary before and after it."""

        def write_between(rows: Sequence[Row]) -> None:
            self.passing("write")
            write(rows)
            self.passing("written")

        return write_between

    def arm(self, patch: pytest.MonkeyPatch, store: ColdStore) -> None:
        """Watch the store, and what is forgotten afterwards."""
        patch.setattr(store, "write_trades", self.around(store.write_trades))
        patch.setattr(store, "write_rejections", self.around(store.write_rejections))
        forget = Lane.forget

        @contextmanager
        def within(connection: Any) -> Iterator[None]:
            with transaction(connection):
                yield
                self.passing("forgetting")

        def forget_between(each: Lane, seqs: Sequence[int]) -> None:
            forget(each, seqs)
            self.passing("forgotten")

        patch.setattr(lane, "transaction", within)
        patch.setattr(Lane, "forget", forget_between)


class Root(Supervisor):
    """Has one child."""

    def __init__(self, spec: ChildSpec, started: Event) -> None:
        super().__init__(limits=RestartLimits(5, 60.0), random=Random(1))
        self._spec, self._up = spec, started

    def children(self) -> Sequence[ChildSpec]:
        return (self._spec,)

    def child_started(self, name: str, address: Address) -> None:  # noqa: ARG002  # a hook's signature
        self._up.set()


class Trades:
    """Rows of trades that open, close and are corrected, in an order of their own, also those of former lives."""

    def __init__(self, random: Random, poison: float, left: Sequence[str]) -> None:
        self._random, self._poison = random, poison
        self._due = poison > 0.0  # the first one is: a life that had none by chance would prove nothing
        self._waiting: list[Row] = [closed(id=each) for each in left]

    def rows(self) -> Iterator[Row]:
        """Without an end."""
        while True:
            if self._waiting and self._random.random() < len(self._waiting) / (len(self._waiting) + 20):
                yield self._waiting.pop(self._random.randrange(len(self._waiting)))
            elif self._random.random() < REJECTED:
                yield rejection(id=self._id())
            else:
                yield self._first()

    def _first(self) -> TradeRow:
        row_id = self._id()
        versions: list[TradeRow] = [trade(id=row_id), closed(id=row_id)]
        if self._random.random() < CORRECTED:
            versions.append(closed(id=row_id, revision=3))
        if self._random.random() < CLOSED_FIRST:
            self._random.shuffle(versions)
        self._waiting += versions[1:]
        return versions[0]

    def _id(self) -> str:
        row_id = str(UUID(int=self._random.getrandbits(128), version=4))
        poisonous = self._random.random() < self._poison or self._due
        self._due = False
        return f"poison-{row_id[:20]}" if poisonous else row_id


def left_open(log: Path) -> list[str]:
    """The trades of former lives whose close was never tried."""
    revisions: dict[str, int] = {}
    for line in log.read_text("ascii").splitlines() if log.exists() else ():
        _, row_id, revision = line.split()
        revisions[row_id] = max(int(revision), revisions.get(row_id, 0))
    return [row_id for row_id, revision in revisions.items() if revision == 1]


def live(options: argparse.Namespace, patch: pytest.MonkeyPatch) -> int:
    """Write rows, or wait until all have arrived."""
    journal: Path = options.folder / "journal.db"
    killer = Killer(options.kill, options.nth)
    store: ColdStore = named(options.opener)(options.address)
    killer.arm(patch, store)
    clock, left = SystemClock(), left_open(options.folder / "log")
    outbox = LoggedOutbox(journal, clock.now_ms)
    outbox.log, outbox.passing = Log(options.folder / "log"), killer.passing
    couriers = Couriers(partial(open_delivery, journal, store), "the ledger")
    system, up = ActorSystem(ThreadDispatcher(clock), on_root_failure=print), Event()
    spec = ChildSpec(
        "storage",
        lambda: StorageActor(outbox=outbox, courier=couriers(), exchange=Address("nobody"), random=Random()),  # jitter
        run="thread", budget_s=15.0,
    )  # fmt: skip
    system.start_root(ChildSpec("root", lambda: Root(spec, up)))
    if not up.wait(START_S):
        return 1
    storage = system.address(None, "storage")
    if options.rows == 0:
        while outbox.status().pending:
            time.sleep(POLL_S)
    else:
        trades = Trades(Random(uuid4().int), options.poison, left)  # what is traded
        write(storage, trades.rows(), options.rate, options.rows)
    return 0 if system.stop(STOP_S) else 1


def write(storage: Address, rows: Iterator[Row], rate: float, most: int) -> None:
    """So many rows, so many a second."""
    begin_s = time.monotonic()
    for number, row in zip(range(most), rows, strict=False):
        storage.tell(RecordRejection(row=row) if isinstance(row, RejectionRow) else RecordTrade(row=row))
        time.sleep(max(0.0, begin_s + number / rate - time.monotonic()))


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.outbox_trader", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--opener", required=True, help="module:function that makes the store of the address")
    parser.add_argument("--address", required=True)
    parser.add_argument("--rows", type=int, default=10**9, help="0: none, but wait until all have arrived")
    parser.add_argument("--rate", type=float, default=100.0, help="rows a second")
    parser.add_argument("--poison", type=float, default=0.0, help="part of the rows that are refused")
    parser.add_argument("--kill", default="", choices=("", *BOUNDARIES))
    parser.add_argument("--nth", type=int, default=1)
    with pytest.MonkeyPatch.context() as patch:
        return live(parser.parse_args(arguments), patch)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
