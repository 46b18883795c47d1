"""What one evaluation costs: on the engines' kept state, by numpy over kept arrays, and the candles' part by TA-Lib."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import numpy as np
from msgspec import Struct

from tests.bench.market import SLICES_PER_S, Tape, market
from tests.bench.reference.recompute import Arrays, by_talib, evaluation
from tests.domain.money_builders import request
from vortex.app.collector import calm
from vortex.domain.decision import Decision, SignalBoard
from vortex.domain.engines.registry import REGISTRY
from vortex.domain.market import Book, Candle, MarketValue
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.scoring import DecisionParams
from vortex.domain.signal import Signal

How: TypeAlias = Literal["kept", "kept_all", "numpy", "kept_candles", "talib", "entry"]
WARM_S = 3
BATCHES = 5


class Evaluations(Struct, frozen=True, kw_only=True):
    """Microseconds: the median of many."""

    us: float


class Symbol:
    """The pure brain of one symbol, fed in one thread."""

    def __init__(self, tape: Tape) -> None:
        self._updates: dict[type, list[Callable[[MarketValue], Signal | None]]] = {}  # by kind, as the feed's table is
        for spec in REGISTRY:
            engine = spec.build(spec.params())
            for kind in spec.engine.inputs:
                self._updates.setdefault(kind, []).append(engine.update)
        self._board = SignalBoard(DecisionParams())
        self._epoch = 0
        self.feed(tape.history)

    def feed(self, values: Sequence[MarketValue]) -> Decision | None:
        """Take values in; a book is evaluated."""
        decision = None
        for value in values:
            for update in self._updates.get(type(value), ()):
                if (signal := update(value)) is not None:
                    self._board.put(signal)
            if isinstance(value, Book):
                self._epoch += 1
                decision = self._board.evaluate(now_ms=value.ts_ms, epoch=self._epoch, symbol="S", decision_id="d")
        return decision


def run(how: How, seconds: int = 20) -> Evaluations:
    """Measure one side."""
    calm()
    sides: dict[str, Callable[[int], float]] = {
        "kept": _kept, "kept_all": _kept_all, "numpy": _numpy, "kept_candles": _kept_candles, "talib": _talib,
        "entry": _entry,
    }  # fmt: skip
    return Evaluations(us=sides[how](seconds))


def _kept(seconds: int) -> float:
    """One evaluation: a book's flow into E1 and E5, and the decision on the five engines' kept state."""
    return _fed(seconds, only_books=True)


def _kept_all(seconds: int) -> float:
    """Everything that happens from one book to the next: trades, candles and marks too."""
    return _fed(seconds, only_books=False)


def _numpy(seconds: int) -> float:
    """The same moments with the same books, and the same work between them, by numpy."""
    kept = Arrays(np.random.default_rng(7))

    def recompute(book: Book) -> None:
        kept.take(book.ts_ms, book.bids, book.asks)
        evaluation(kept)

    return _fed(seconds, only_books=True, instead=recompute)


def _fed(seconds: int, *, only_books: bool, instead: Callable[[Book], None] | None = None) -> float:
    """Feed a market and time what its books cost; `instead` is done, and timed, in place of their evaluation."""
    tape = market(1, seconds + WARM_S)[0]
    symbol, costs, spent_s = Symbol(tape), list[float](), 0.0
    for number, values in enumerate(tape.slices):
        books = [value for value in values if isinstance(value, Book)]
        others = [value for value in values if not isinstance(value, Book)]
        began_s = time.perf_counter()
        symbol.feed(others)
        between_s = time.perf_counter()
        if instead is None:
            symbol.feed(books)
        else:
            for book in books:
                instead(book)
        spent_s += time.perf_counter() - (between_s if only_books else began_s)
        if books:
            if number >= WARM_S * SLICES_PER_S:
                costs.append(spent_s)
            spent_s = 0.0
    return _median_us(costs)


def _talib(seconds: int) -> float:
    kept = Arrays(np.random.default_rng(7))
    return _timed(lambda: by_talib(kept), 100 * seconds)


def _kept_candles(seconds: int) -> float:
    """A forming candle, the usual one, through E3 and E5."""
    tape = market(1, WARM_S)[0]
    technical, regime = (
        next(spec for spec in REGISTRY if spec.section == section) for section in ("technical", "regime")
    )
    engines = [spec.build(spec.params()) for spec in (technical, regime)]
    forming = [value for values in tape.slices for value in values if isinstance(value, Candle)]
    for engine in engines:
        for value in (*tape.history, *forming):
            engine.update(value)
    newest = forming[-1]
    return _timed(lambda: [engine.update(newest) for engine in engines], 100 * seconds)


def _entry(seconds: int) -> float:
    """All gates of an entry, in exact decimals: what an evaluation costs beyond when a trigger holds."""
    asked, params = request(), RiskParams()
    return _timed(lambda: evaluate(asked, params), 10 * seconds)


def _timed(work: Callable[[], object], times: int) -> float:
    work()
    costs = []
    for _ in range(BATCHES):
        began_s = time.process_time()
        for _ in range(times):
            work()
        costs.append((time.process_time() - began_s) / times)
    return _median_us(costs)


def _median_us(costs_s: Sequence[float]) -> float:
    return sorted(costs_s)[len(costs_s) // 2] * 1e6
