"""What an engine says about a symbol."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from msgspec import Struct


class EngineId(StrEnum):
    """The engines that the decision knows by name; any other only has a weight."""

    ORDER_FLOW = "E1"
    TICK = "E2"
    TECHNICAL = "E3"
    SENTIMENT = "E4"
    REGIME = "E5"


class Regime(StrEnum):
    """Market regime on closed 15m candles."""

    TRENDING_UP = "TRENDING_UP"
    TRENDING_DOWN = "TRENDING_DOWN"
    RANGING = "RANGING"
    UNKNOWN = "UNKNOWN"


class VolatilityPhase(StrEnum):
    """Short-term volatility against its own recent level."""

    LOW = "LOW"
    NORMAL = "NORMAL"
    HIGH = "HIGH"
    EXTREME = "EXTREME"


class Toxicity(StrEnum):
    """Where VPIN stands in its own history: how likely the other side of a trade knows more."""

    WARMING = "WARMING"
    CALM = "CALM"
    ELEVATED = "ELEVATED"
    TOXIC = "TOXIC"


class Signal(Struct, frozen=True, kw_only=True, gc=False):
    """One engine's opinion at one event time.

    Attributes:
        engine: Who says it, an EngineId or the id of another engine.
        ts_ms: Event time of the newest input (E2: when its trade stream was last alive).
        score: Direction in [-1, 1]; None is "no opinion", which is not 0.
        quality: Share of the engine's inputs that is present and warm, in [0, 1].
        components: The named numbers behind the score, for the decision and for people; None where missing.
        reasons: Why the score is missing or weak, upper-case codes.
        regime, phase: Only E5 sets them.
    """

    engine: str
    ts_ms: int
    score: float | None
    quality: float
    components: Mapping[str, float | None] = {}
    reasons: tuple[str, ...] = ()
    regime: Regime | None = None
    phase: VolatilityPhase | None = None
