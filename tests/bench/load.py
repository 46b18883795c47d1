"""Throughput and footprint: as fast as it goes, slice by slice, so that both sides handle the very same messages."""

from __future__ import annotations

import time
from collections.abc import Sequence

from msgspec import Struct

from tests.bench.market import SLICES_PER_S, Slice, Tape, market
from tests.bench.measure import os_threads, rss_kb, settle
from tests.bench.ports import SteppedClock
from tests.bench.world import World
from vortex.app.collector import calm
from vortex.domain.market import Book

WARM_S = 0.5
TIMEOUT_S = 120.0


class Load(Struct, frozen=True, kw_only=True):
    """One side under load; CPU in microseconds per symbol and second of market."""

    symbols: int
    cpu_us: float
    start_s: float
    threads: int
    memory_kb: float
    """Resident memory per symbol, KiB."""
    superseded: int
    """Messages that took another's place instead of being handled."""

    @property
    def symbols_per_core(self) -> float:
        """Symbols that one core carries."""
        return 1e6 / self.cpu_us


def run(kind: str, symbols: int, seconds: float) -> Load:
    """Start `symbols` trees and let `seconds` of market pass over them."""
    tapes = market(symbols, WARM_S + seconds)
    clock = SteppedClock()
    calm()  # as the product does, alike on every side
    before_kb = rss_kb()
    world = World(kind, tapes, clock)
    start_s = world.start(TIMEOUT_S)
    for tape in tapes:
        world.deliver(tape.history)
    settle(TIMEOUT_S)
    slices = _slices(tapes)
    warm = round(WARM_S * SLICES_PER_S)
    _play(world, clock, slices[:warm], 0)
    calm()
    began_s = time.process_time()
    _play(world, clock, slices[warm:], warm)
    settle(TIMEOUT_S)
    used_s = time.process_time() - began_s
    world.check()
    load = Load(
        symbols=symbols,
        cpu_us=used_s / symbols / seconds * 1e6,
        start_s=start_s,
        threads=os_threads(),
        memory_kb=(rss_kb() - before_kb) / symbols,
        superseded=sum(actor.superseded for actor in world.system.tree()),
    )
    world.stop(TIMEOUT_S)
    return load


def _slices(tapes: Sequence[Tape]) -> list[list[Slice]]:
    """Per slice, what happens in each symbol."""
    return [list(slices) for slices in zip(*(tape.slices for tape in tapes), strict=True)]


def _play(world: World, clock: SteppedClock, slices: Sequence[Sequence[Slice]], first: int) -> None:
    """Deliver slice by slice, each when the books of the last one are decided."""
    books = world.decisions.decided
    for number, values in enumerate(slices, start=first):
        clock.move(number)
        for of_symbol in values:
            world.deliver(of_symbol)
        books += sum(isinstance(value, Book) for of_symbol in values for value in of_symbol)
        world.decisions.expect(books, TIMEOUT_S)
