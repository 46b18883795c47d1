"""One shell for every engine: a market value goes in, an opinion may come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vortex.domain.engines.base import Engine
from vortex.domain.market import Book, MarketValue
from vortex.messages import Recipient, SignalEmitted
from vortex.runtime import Actor


class EngineActor(Actor):
    """Feeds one engine of one symbol and tells the decision what it says.

    Args:
        symbol: The symbol.
        engine: The pure engine.
        decision: Who hears its signals.
    """

    def __init__(self, *, symbol: str, engine: Engine, decision: Recipient) -> None:
        self._symbol = symbol
        self._engine = engine
        self._decision = decision

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return dict.fromkeys(self._engine.inputs, self._on_value)

    def _on_value(self, value: MarketValue) -> None:
        signal = self._engine.update(value)
        if signal is not None:
            epoch = value.epoch if isinstance(value, Book) else 0
            self._decision.tell(SignalEmitted(symbol=self._symbol, epoch=epoch, signal=signal))
