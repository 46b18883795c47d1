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
from vortex.domain.signal import EngineId


class EngineSpec(Struct, frozen=True, kw_only=True):
    """One engine as the configuration and the wiring see it.

    Attributes:
        id: Its name in signals and actor paths.
        section: Its settings are `[engines.<section>]`.
        weight: Its default share of the final score; all of them sum to 1.
        params: The class of its settings.
        engine: Its class: called with the settings it gives an Engine; its `inputs` are what to subscribe to.
    """

    id: EngineId
    section: str
    weight: float
    params: type[Struct]
    engine: type[Any]

    def build(self, params: Struct) -> Engine:
        """Make the engine of one symbol."""
        engine: Engine = self.engine(params)
        return engine


def _spec(section: str, weight: float, params: type[Struct], engine: type[Engine]) -> EngineSpec:
    return EngineSpec(id=engine.id, section=section, weight=weight, params=params, engine=engine)


REGISTRY: tuple[EngineSpec, ...] = (
    _spec("order_flow", 0.35, OrderFlowParams, OrderFlowEngine),
    _spec("tick", 0.25, TickParams, TickEngine),
    _spec("technical", 0.20, TechnicalParams, TechnicalEngine),
    _spec("sentiment", 0.12, SentimentParams, SentimentEngine),
    _spec("regime", 0.08, RegimeParams, RegimeEngine),
)
