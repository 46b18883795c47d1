"""Ten crashes a second in one symbol: how soon it decides again, what its neighbours feel, what gets lost."""

from __future__ import annotations

import time
from itertools import cycle

from msgspec import Struct

from tests.bench.market import SLICES_PER_S
from tests.bench.measure import quantile
from tests.bench.pace import TIMEOUT_S, Pace
from vortex.app.collector import calm
from vortex.domain.market import Book
from vortex.messages import (
    ClosePosition,
    EntryFailed,
    OpenPosition,
    PositionClosed,
    PositionOpened,
    RecordRejection,
    RecordTrade,
    TradeRecorded,
)
from vortex.runtime import Crash

NEVER_LOST = frozenset(
    kind.__name__
    for kind in (
        OpenPosition, ClosePosition, PositionOpened, PositionClosed, EntryFailed, RecordTrade, RecordRejection,
        TradeRecorded,
    )
)  # fmt: skip
CRASH_EVERY = SLICES_PER_S // 10
POLL_S = 0.0002


class Crashes(Struct, frozen=True, kw_only=True):
    """One run; times in milliseconds."""

    neighbours_p99_ms: float
    samples: int
    recovery_p50_ms: float
    recovery_p99_ms: float
    recoveries: int
    kept: int
    """Order and storage messages that arrived."""
    lost: int
    """Those that became dead letters."""


def run(symbols: int, seconds: float, *, crashing: bool) -> Crashes:
    """Play a market; when `crashing`, an engine of the first symbol crashes in every third slice."""
    calm()
    pace = Pace(symbols, seconds)
    victim = pace.tapes[0].symbol
    engines = cycle([f"{victim}/E{number}" for number in range(1, 6)])
    recoveries_s: list[float] = []

    def before(number: int) -> None:
        if crashing and number + 1 < len(pace.tapes[0].slices) and number % CRASH_EVERY == CRASH_EVERY - 1:
            recoveries_s.append(_crash(pace, next(engines), number))

    pace.play(before)
    others = [each for symbol, all_of in pace.latencies_s.items() if symbol != victim for each in all_of]
    world = pace.world
    dead = [world.at(info.path).dead_by_type for info in world.system.tree()]
    result = Crashes(
        neighbours_p99_ms=quantile(others, 0.99) * 1e3,
        samples=len(others),
        recovery_p50_ms=quantile(recoveries_s, 0.5) * 1e3 if recoveries_s else 0.0,
        recovery_p99_ms=quantile(recoveries_s, 0.99) * 1e3 if recoveries_s else 0.0,
        recoveries=len(recoveries_s),
        kept=len(world.written) + len(world.orders),
        lost=sum(count for types in dead for name, count in types.items() if name in NEVER_LOST),
    )
    pace.stop()
    return result


def _crash(pace: Pace, path: str, number: int) -> float:
    """Crash an engine, wait until it runs again, and give the symbol a book: the seconds until that is decided."""
    world, tape = pace.world, pace.tapes[0]
    engine, epochs = world.at(path), world.decisions.epochs
    generation, began_s = engine.generation, time.monotonic()
    engine.tell(Crash())
    while engine.generation == generation or engine.state != "READY":
        _poll(began_s, path)
    book = next(value for value in tape.slices[number + 1] if isinstance(value, Book))
    told_s = time.monotonic()
    world.deliver((book,))
    while epochs.get(tape.symbol, 0) < book.epoch:
        _poll(told_s, path)
    return time.monotonic() - began_s


def _poll(since_s: float, path: str) -> None:
    if time.monotonic() - since_s > TIMEOUT_S:
        raise TimeoutError(path)
    time.sleep(POLL_S)
