"""What every engine is."""

from __future__ import annotations

from typing import ClassVar, Protocol

from vortex.domain.market import MarketValue
from vortex.domain.signal import Signal

WARMING = "WARMING"
GENERATED_HISTORY = "GENERATED_HISTORY"


class Engine(Protocol):
    """Keeps what it needs of one symbol's market and says what it thinks of it.

    Attributes:
        id: Its name in signals and actor paths, an EngineId or another.
        inputs: The market values it wants; any other is ignored.
    """

    id: ClassVar[str]
    inputs: ClassVar[tuple[type, ...]]

    def update(self, value: MarketValue) -> Signal | None:
        """Take one value in; return an opinion when there is one to emit. Never raises on bad market data."""
        ...
