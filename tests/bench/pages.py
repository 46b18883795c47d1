"""The web page beside trading: how long each book takes to its decision while two browsers look, or nobody does."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Literal, TypeAlias

from msgspec import Struct

from tests.app.kit import metrics_of, reloader_of
from tests.bench.measure import quantile
from tests.bench.pace import Pace
from tests.bench.world import LABELS
from tests.kit.browser import chromium, dashboard
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.app.api.application import Api
from vortex.app.api.server import ControlServer
from vortex.app.api.status import StatusReader
from vortex.app.candles import Candles
from vortex.app.collector import calm
from vortex.app.operate import Operator
from vortex.config import load
from vortex.domain.meters import Meters

Who: TypeAlias = Literal["two", "nobody"]
PAGE_NICER = 10
"""Of the page's process, as the engine starts it."""
OPEN_MS = 30_000.0
LEAST_LOOKS_PER_S = 0.5


class Pages(Struct, frozen=True, kw_only=True):
    """One run; `looks` are the answers of `/api/status` that pages asked for meanwhile."""

    p50_ms: float
    p99_ms: float
    samples: int
    looks: int


class _CountedReader(StatusReader):
    """Counts how often somebody looks."""

    looks = 0

    def status(self) -> dict[str, object]:
        self.looks += 1
        return super().status()


def run(who: Who, symbols: int, seconds: float) -> Pages:
    """Play a market while so many pages are open."""
    calm()
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        server = ControlServer("127.0.0.1", 0)
        stack.callback(server.stop)
        if who == "two":
            stack.enter_context(_pages(server.url, folder))
        store = SqliteColdStore.open(folder / "vortex.db")
        stack.callback(store.close)
        pace = Pace(symbols, seconds)
        reader = _serve(pace, server, store, folder)
        pace.play(lambda _number: None)
        latencies_s = [each for of_symbol in pace.latencies_s.values() for each in of_symbol]
        looks = reader.looks
        server.stop()
        pace.stop()
    if who == "two" and looks < seconds * LEAST_LOOKS_PER_S:
        raise RuntimeError(f"the pages looked {looks} times in {seconds} s")
    return Pages(
        p50_ms=quantile(latencies_s, 0.5) * 1e3,
        p99_ms=quantile(latencies_s, 0.99) * 1e3,
        samples=len(latencies_s),
        looks=looks,
    )


def _serve(pace: Pace, server: ControlServer, store: SqliteColdStore, folder: Path) -> _CountedReader:
    """The control API of this system."""
    system, names = pace.world.system, tuple(tape.symbol for tape in pace.tapes)
    reader = _CountedReader(
        system=system, pairs=lambda: names, clock=pace.clock, labels=LABELS, simulated=True,
        hot_store=pace.world.decisions.status,
    )  # fmt: skip
    api = Api(
        reader=reader,
        operator=Operator(system, reader.symbols, folder / "HALT"),
        reloader=reloader_of(load([], {}).config, SimpleQueue(), partial(load, [], {})),
        store=store,
        metrics=metrics_of(reader, Meters(), folder),
        candles=Candles(),
        crash=None,
        host="127.0.0.1",
        token="",
        label="PAPER · bench · generated",
    )
    server.serve(api.app())
    return reader


@contextmanager
def _pages(url: str, folder: Path) -> Iterator[None]:
    """The page's process, and a browser that has opened it twice."""
    with dashboard("--url", url, "--data-dir", str(folder)) as page_url, chromium() as browser:
        for _ in range(2):
            page = browser.new_page()
            page.goto(page_url, timeout=OPEN_MS)
            page.locator("[data-panel=account] dl").wait_for(timeout=OPEN_MS)
        for pid, name in _below(os.getpid()).items():
            if "chrom" in name:
                _take_what_is_left(pid)
            else:
                os.setpriority(os.PRIO_PROCESS, pid, PAGE_NICER)
        yield


def _take_what_is_left(pid: int) -> None:
    """Give a browser the time of the processor that nobody else wants: those of visitors are elsewhere.

    At a mere priority of 19 Linux lets it finish its slice of some milliseconds before a decision.
    """
    for thread in Path(f"/proc/{pid}/task").iterdir():
        with suppress(OSError):  # ended meanwhile
            os.sched_setscheduler(int(thread.name), os.SCHED_IDLE, os.sched_param(0))


def _below(pid: int) -> dict[int, str]:
    """Every process that descends from this one, with its name."""
    names, parents = {}, {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # ended meanwhile
            head, _, tail = stat.read_text(encoding="utf-8", errors="replace").rpartition(")")
            names[int(stat.parent.name)] = head.partition("(")[2]
            parents[int(stat.parent.name)] = int(tail.split()[1])
    below = {pid}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {child: names[child] for child in below - {pid}}
