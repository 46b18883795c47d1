"""Ten crashes a second in one symbol: how soon it decides again, what its neighbours feel, what gets lost."""

from __future__ import annotations

import time
from collections.abc import Mapping
from itertools import chain, cycle

from msgspec import Struct

from tests.bench.market import SLICES_PER_S, Tape
from tests.bench.measure import quantile
from tests.bench.pace import TIMEOUT_S, Pace
from vortex.app.collector import calm
from vortex.domain.engines.registry import REGISTRY
from vortex.domain.market import Book, Candle, MarketValue, Sentiment, Trades
from vortex.domain.signal import EngineId
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
from vortex.runtime import ActorState, Crash

NEVER_LOST = frozenset(
    kind.__name__
    for kind in (
        OpenPosition, ClosePosition, PositionOpened, PositionClosed, EntryFailed, RecordTrade, RecordRejection,
        TradeRecorded,
    )
)  # fmt: skip
FOOD: Mapping[str, type] = {
    EngineId.ORDER_FLOW: Book, EngineId.TICK: Trades, EngineId.TECHNICAL: Candle, EngineId.SENTIMENT: Sentiment,
    EngineId.REGIME: Candle,
}  # fmt: skip
"""What each engine always answers."""
CRASH_EVERY = SLICES_PER_S // 10
POLL_S = 0.0002


class Crashes(Struct, frozen=True, kw_only=True):
    """One run; times in milliseconds."""

    neighbours_p99_ms: float
    samples: int
    recoveries_ms: list[float]
    """Each from the order to crash until a decision knows the crashed engine's next signal."""
    kept: int
    """Order and storage messages that arrived."""
    lost: int
    """Those that became dead letters."""


def run(symbols: int, seconds: float, *, crashing: bool) -> Crashes:
    """Play a market; when `crashing`, an engine of the first symbol, each in turn, crashes in every third slice."""
    calm()
    pace = Pace(symbols, seconds)
    victim = pace.tapes[0].symbol
    engines = cycle([spec.id for spec in REGISTRY])
    recoveries_ms: list[float] = []

    def before(number: int) -> None:
        if crashing and number + 1 < len(pace.tapes[0].slices) and number % CRASH_EVERY == CRASH_EVERY - 1:
            recoveries_ms.append(_crash(pace, next(engines), number))

    pace.play(before)
    others = [each for symbol, all_of in pace.latencies_s.items() if symbol != victim for each in all_of]
    world = pace.world
    dead = [world.at(info.path).dead_by_type for info in world.system.tree()]
    result = Crashes(
        neighbours_p99_ms=quantile(others, 0.99) * 1e3,
        samples=len(others),
        recoveries_ms=recoveries_ms,
        kept=len(world.written) + len(world.orders),
        lost=sum(count for types in dead for name, count in types.items() if name in NEVER_LOST),
    )
    pace.stop()
    return result


def _crash(pace: Pace, engine: str, number: int) -> float:
    """Crash an engine, wait until it runs again, feed it, and give the symbol a book; the milliseconds it took."""
    world, tape = pace.world, pace.tapes[0]
    address, before = world.at(f"{tape.symbol}/{engine}"), world.decisions.signals[tape.symbol][engine]
    generation, began_s = address.generation, time.monotonic()
    address.tell(Crash())
    while address.generation == generation or address.state is not ActorState.READY:
        _poll(began_s, address.path)
    world.deliver([_next(tape, FOOD[engine], number), _next(tape, Book, number)])
    while world.decisions.signals[tape.symbol][engine] is before:
        _poll(began_s, address.path)
    return (time.monotonic() - began_s) * 1e3


def _next(tape: Tape, kind: type, number: int) -> MarketValue:
    """The first value of a kind after a slice, or of the history where none follows."""
    following = chain(*tape.slices[number + 1 :], tape.history, *tape.slices)
    return next(value for value in following if type(value) is kind)


def _poll(since_s: float, path: str) -> None:
    if time.monotonic() - since_s > TIMEOUT_S:
        raise TimeoutError(path)
    time.sleep(POLL_S)
