"""The engines there are. A new one is one file and one line here."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from vortex.domain.engines.base import Engine
from vortex.domain.engines.order_flow import OrderFlowEngine, OrderFlowParams
from vortex.domain.engines.regime import RegimeEngine, RegimeParams
from vortex.domain.engines.sentiment import SentimentEngine, SentimentParams
from vortex.domain.engines.technical import TechnicalEngine, TechnicalParams
from vortex.domain.engines.tick import TickEngine, TickParams


class EngineSpec(Struct, frozen=True, kw_only=True):
    """One engine as the configuration and the wiring see it.

    Attributes:
        id: Its name in signals and actor paths.
        section: Its settings are `[engines.<section>]`.
        weight: Its share of the final score where `[decision.weights]` does not name it; they are made to sum to 1.
        max_age_ms: How old its newest opinion may be, where `[decision.max_ages]` does not name it.
        params: The class of its settings.
        engine: Its class: called with the settings it gives an Engine; its `inputs` are what to subscribe to.
        required: Without its opinion nothing is entered; without that of another the rest decides.
    """

    id: str
    section: str
    weight: float
    max_age_ms: int
    params: type[Struct]
    engine: type[Any]
    required: bool

    def build(self, params: Struct) -> Engine:
        """Make the engine of one symbol."""
        engine: Engine = self.engine(params)
        return engine


def _spec(
    section: str,
    weight: float,
    max_age_ms: int,
    params: type[Struct],
    engine: type[Engine],
    *,
    required: bool = True,
) -> EngineSpec:
    return EngineSpec(
        id=str(engine.id), section=section, weight=weight, max_age_ms=max_age_ms, params=params, engine=engine,
        required=required,
    )  # fmt: skip


REGISTRY: tuple[EngineSpec, ...] = (
    _spec("order_flow", 0.35, 1_000, OrderFlowParams, OrderFlowEngine),
    _spec("tick", 0.25, 2_000, TickParams, TickEngine),
    _spec("technical", 0.20, 75_000, TechnicalParams, TechnicalEngine),
    _spec("sentiment", 0.12, 900_000, SentimentParams, SentimentEngine, required=False),
    _spec("regime", 0.08, 75_000, RegimeParams, RegimeEngine),
)
