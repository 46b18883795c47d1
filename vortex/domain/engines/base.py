"""What every engine is."""

from __future__ import annotations

from typing import ClassVar, Protocol

from vortex.domain.market import MarketValue
from vortex.domain.signal import EngineId, Signal

WARMING = "WARMING"
GENERATED_HISTORY = "GENERATED_HISTORY"


class Engine(Protocol):
    """Keeps what it needs of one symbol's market and says what it thinks of it.

    Attributes:
        id: Which of the five it is.
        inputs: The market values it wants; any other is ignored.
    """

    id: ClassVar[EngineId]
    inputs: ClassVar[tuple[type, ...]]

    def update(self, value: MarketValue) -> Signal | None:
        """Take one value in; return an opinion when there is one to emit. Never raises on bad market data."""
        ...
