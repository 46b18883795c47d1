"""E1: who leans on the book, and which way it moves."""

from __future__ import annotations

from operator import mul
from typing import Annotated, ClassVar

from msgspec import Meta, Struct

from vortex.domain.engines.base import WARMING
from vortex.domain.indicators.basics import blend
from vortex.domain.indicators.ewma import TimeEwma
from vortex.domain.indicators.flow import book_fault, micro_deviation, micro_price
from vortex.domain.indicators.windows import SlidingSums
from vortex.domain.market import Book, FlowStep, MarketValue
from vortex.domain.signal import EngineId, Signal

BOOK_OLD = "BOOK_OLD"
NO_FLOW = "NO_FLOW"

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
    max_age_ms: Annotated[int, Meta(ge=100, le=10_000, description="oldest usable book on arrival, ms")] = 1_000


class OrderFlowEngine:
    """Scores 0.40 imbalance + 0.30 OFI ratio + 0.10 micro deviation, renormalised; silent below 0.60 of the weight.

    Every step of a book is taken in order, so the state does not depend on which books were conflated away.
    """

    id: ClassVar[EngineId] = EngineId.ORDER_FLOW
    inputs: ClassVar[tuple[type, ...]] = (Book,)

    def __init__(self, params: OrderFlowParams) -> None:
        self._params = params
        self._weights = tuple(params.level_decay**level for level in range(params.levels))
        self._imbalance = TimeEwma(params.half_life_ms)
        self._weighted = SlidingSums(params.window_ms)  # sum of w e, sum of w |e|
        self._touch = SlidingSums(params.window_ms)  # sum of e at the best level

    def update(self, value: MarketValue) -> Signal | None:
        """Answer every Book with exactly one Signal."""
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
        return Signal(
            engine=self.id, ts_ms=book.ts_ms, score=None, quality=0.0, components=_components(), reasons=(reason,)
        )

    def _opinion(self, book: Book) -> Signal:
        ratio, reasons = self._ratio()
        micro = micro_deviation(book.bids, book.asks)
        smooth = self._imbalance.value
        score, present = blend(
            ((W_IMBALANCE, smooth), (W_RATIO, ratio), (W_VELOCITY, None), (W_MICRO, micro)), REQUIRED
        )
        return Signal(
            engine=self.id, ts_ms=book.ts_ms, score=score, quality=present, reasons=reasons,
            components=_components(smooth, ratio, micro, micro_price(book.bids, book.asks), self._touch.first),
        )  # fmt: skip

    def _ratio(self) -> tuple[float | None, tuple[str, ...]]:
        if self._weighted.count < self._params.min_events:
            return None, (WARMING,)
        size = self._weighted.second
        return (self._weighted.first / size, ()) if size > 0.0 else (None, (NO_FLOW,))


def _components(
    imbalance: float | None = None,
    ratio: float | None = None,
    micro: float | None = None,
    price: float | None = None,
    ofi: float | None = None,
) -> dict[str, float | None]:
    return {"imbalance": imbalance, "ratio": ratio, "micro": micro, "micro_price": price, "ofi": ofi}
