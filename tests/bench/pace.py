"""A market at its own pace in front of a running system, and how long each book takes to its decision."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from tests.bench.market import SLICES_PER_S, Tape, market
from tests.bench.measure import settle
from tests.bench.ports import RunningClock
from tests.bench.world import MakeStorage, World
from vortex.config import load
from vortex.domain.market import Book
from vortex.ports import HotStore

TIMEOUT_S = 60.0
DEMO = Path(__file__).parents[2] / "config/paper.toml"
"""Its thresholds let decisions order something."""
WARM_SLICES = SLICES_PER_S
IN_STEP_SLICES = 2
"""Until a market that was late is at its own pace again."""

Slot = Callable[[int], object]
"""Called with the number of each slice, before it is delivered."""


class Pace:
    """A running system of some symbols on the pool, warm.

    Attributes:
        world: The system.
        clock: Its time.
        tapes: Its market; the last second of it is not played by `play`.
        latencies_s: By symbol, seconds from the delivery of each book to its decision.
        on_book: Told the symbol of each book right before it is delivered.
    """

    def __init__(
        self,
        symbols: int,
        seconds: float,
        settings: Mapping[str, str] | None = None,
        *,
        hot_store: HotStore | None = None,
        storage: MakeStorage | None = None,
    ) -> None:
        self.tapes: list[Tape] = market(symbols, seconds + 1.0)
        self.clock = RunningClock()
        config = load([DEMO], settings or {}).config
        self.world = World("pool", self.tapes, self.clock, config, hot_store=hot_store, storage=storage)
        self.latencies_s: defaultdict[str, list[float]] = defaultdict(list)
        self.on_book: Callable[[str], object] = lambda _symbol: None
        self._sent_s: dict[tuple[str, int], float] = {}
        self.world.decisions.on_decided = self._decided
        self.world.start(TIMEOUT_S)
        for tape in self.tapes:
            self.world.deliver(tape.history)
        settle(TIMEOUT_S)
        self.clock.restart()
        self._play(range(WARM_SLICES), lambda _: None)
        self.latencies_s.clear()

    def play(self, before: Slot) -> None:
        """Deliver every slice at its time, each symbol's a little later than the one's before.

        What fell due while whoever plays made ready comes in one go, and is not measured.
        """
        first = max(WARM_SLICES, self.clock.due() + IN_STEP_SLICES)
        self._play(range(WARM_SLICES, first), lambda _: None)
        self.latencies_s.clear()
        self._play(range(first, len(self.tapes[0].slices)), before)
        self.world.check()

    def stop(self) -> None:
        """Stop everything."""
        self.world.stop(TIMEOUT_S)

    def _play(self, numbers: Sequence[int], before: Slot) -> None:
        for number in numbers:
            self.clock.wait_for(number)
            before(number)
            for place, tape in enumerate(self.tapes):
                self.clock.wait_for(number + place / len(self.tapes))
                for value in tape.slices[number]:
                    if isinstance(value, Book):
                        self.on_book(tape.symbol)
                        self._sent_s[tape.symbol, value.epoch] = time.monotonic()
                self.world.deliver(tape.slices[number])

    def _decided(self, symbol: str, epoch: int) -> None:
        sent_s = self._sent_s.pop((symbol, epoch), None)
        if sent_s is not None:
            self.latencies_s[symbol].append(time.monotonic() - sent_s)
