"""E1: who leans on the book, and which way it moves."""

from __future__ import annotations

from collections.abc import Mapping
from operator import mul
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vortex.domain.engines.base import WARMING
from vortex.domain.indicators.basics import blend
from vortex.domain.indicators.ewma import TimeEwma
from vortex.domain.indicators.flow import book_fault, micro_deviation, micro_price
from vortex.domain.indicators.toxicity import FlowToxicity
from vortex.domain.indicators.velocity import FlowVelocity
from vortex.domain.indicators.windows import SlidingSums
from vortex.domain.market import Book, FlowStep, MarketValue, Trades, VolumeHistory
from vortex.domain.signal import EngineId, Signal

BOOK_OLD = "BOOK_OLD"
NO_FLOW = "NO_FLOW"
VPIN_WARMING = "VPIN_WARMING"
"""No opinion lacks it; the decision does without VPIN until then."""

W_IMBALANCE, W_RATIO, W_VELOCITY, W_MICRO = 0.40, 0.30, 0.20, 0.10
REQUIRED = 0.60


class OrderFlowParams(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Settings of E1; depth, decay and levels also shape the FlowSteps that the feed computes."""

    depth: Annotated[int, Meta(ge=1, le=20, description="book levels a side in the imbalance")] = 10
    decay: Annotated[float, Meta(gt=0, le=1, description="weight ratio of neighbouring imbalance levels")] = 1.0
    levels: Annotated[int, Meta(ge=1, le=20, description="book levels whose order-flow events count")] = 5
    level_decay: Annotated[float, Meta(gt=0, le=1, description="weight ratio of neighbouring OFI levels")] = 0.5
    window_ms: Annotated[int, Meta(ge=1_000, le=20_000, description="order-flow window, ms")] = 10_000
    min_events: Annotated[int, Meta(ge=2, le=200, description="book changes needed in the window")] = 10
    half_life_ms: Annotated[int, Meta(ge=50, le=60_000, description="half-life of the imbalance average, ms")] = 1_000
    velocity_half_life_s: Annotated[int, Meta(ge=10, le=86_400, description="half-life of the usual velocity, s")] = 600
    velocity_warm_s: Annotated[int, Meta(ge=10, le=3_600, description="samples, one a second, before it counts")] = 120
    max_age_ms: Annotated[int, Meta(ge=100, le=10_000, description="oldest usable book on arrival, ms")] = 1_000


class OrderFlowEngine:
    """Scores 0.40 imbalance + 0.30 OFI ratio + 0.20 velocity + 0.10 micro deviation; silent below 0.60 of the weight.

    Every step of a book is taken in order, so the state does not depend on which books were conflated away. Trades move
    no score: they fill the buckets of VPIN, which the decision reads beside it.
    """

    id: ClassVar[str] = EngineId.ORDER_FLOW
    inputs: ClassVar[tuple[type, ...]] = (Book, Trades, VolumeHistory)

    def __init__(self, params: OrderFlowParams) -> None:
        self._params = params
        self._weights = tuple(params.level_decay**level for level in range(params.levels))
        self._imbalance = TimeEwma(params.half_life_ms)
        self._weighted = SlidingSums(params.window_ms)  # sum of w e, sum of w |e|
        self._touch = SlidingSums(params.window_ms)  # sum of e at the best level
        self._velocity = FlowVelocity(params.window_ms, params.velocity_half_life_s, params.velocity_warm_s)
        self._toxicity = FlowToxicity()

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every Book with exactly one Signal, and nothing else with any."""
        if isinstance(value, Trades):
            for trade in value.trades:
                self._toxicity.take(trade)
            return None
        if isinstance(value, VolumeHistory):
            self._toxicity.load(value)
            return None
        if not isinstance(value, Book):
            return None
        for step in value.steps:
            self._take(step)
        fault = self._fault(value)
        return self._missing(value, fault) if fault is not None else self._opinion(value)

    def _take(self, step: FlowStep) -> None:
        if step.resync:
            self._imbalance.clear()
            self._weighted.clear()
            self._touch.clear()
        else:
            signed = sum(map(mul, self._weights, step.ofi))
            size = sum(map(mul, self._weights, step.ofi_abs))
            self._weighted.add(step.ts_ms, signed, size)
            self._touch.add(step.ts_ms, step.ofi[0], step.ofi_abs[0])
            if not self._touch.truncated(step.ts_ms):
                self._velocity.sample(step.ts_ms, self._touch.first)
        if step.imbalance is not None:
            self._imbalance.add(step.ts_ms, step.imbalance)

    def _fault(self, book: Book) -> str | None:
        steps = book.steps
        # The feed gives a faulty book no imbalance: one that has it need not be looked through again.
        checked = bool(steps) and steps[-1].ts_ms == book.ts_ms and steps[-1].imbalance is not None
        fault = None if checked else book_fault(book.bids, book.asks)
        if fault is None and book.recv_ms - book.ts_ms > self._params.max_age_ms:
            return BOOK_OLD
        return fault

    def _missing(self, book: Book, reason: str) -> Signal:
        return Signal(engine=self.id, ts_ms=book.ts_ms, score=None, quality=0.0, components=NOTHING, reasons=(reason,))

    def _opinion(self, book: Book) -> Signal:
        warm = self._weighted.count >= self._params.min_events
        ratio, reasons = self._ratio() if warm else (None, (WARMING,))
        micro = micro_deviation(book.bids, book.asks)
        smooth, ofi = self._imbalance.value, self._touch.first
        speed = self._velocity.score(ofi) if warm else None
        score, present = blend(
            ((W_IMBALANCE, smooth), (W_RATIO, ratio), (W_VELOCITY, speed), (W_MICRO, micro)), REQUIRED
        )
        toxicity = self._toxicity
        return Signal(
            engine=self.id, ts_ms=book.ts_ms, score=score, quality=present,
            reasons=reasons if toxicity.rank is not None else (*reasons, VPIN_WARMING),
            components={
                "imbalance": smooth, "ratio": ratio, "micro": micro, "micro_price": micro_price(book.bids, book.asks),
                "ofi": ofi, "velocity": self._velocity.per_minute(ofi), "speed": speed,
                "vpin": toxicity.vpin, "vpin_rank": toxicity.rank,
            },
        )  # fmt: skip

    def _ratio(self) -> tuple[float | None, tuple[str, ...]]:
        size = self._weighted.second
        return (self._weighted.first / size, ()) if size > 0.0 else (None, (NO_FLOW,))


NOTHING: Mapping[str, float | None] = dict.fromkeys(
    ("imbalance", "ratio", "micro", "micro_price", "ofi", "velocity", "speed", "vpin", "vpin_rank")
)
