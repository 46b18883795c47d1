"""One shell for every engine: a market value goes in, an opinion may come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from vortex.actors.shelf import Loan, Shelf
from vortex.domain.market import Book, MarketValue
from vortex.messages import Recipient, SignalEmitted
from vortex.runtime import Actor


class EngineActor(Actor):
    """Feeds one engine of one symbol and tells the decision what it says.

    Args:
        symbol: The symbol.
        inputs: The market values that the engine wants.
        shelf: Lends the engine, warm after a crash.
        decision: Who hears its signals.
    """

    def __init__(self, *, symbol: str, inputs: tuple[type, ...], shelf: Shelf, decision: Recipient) -> None:
        self._symbol = symbol
        self._inputs = inputs
        self._shelf = shelf
        self._decision = decision
        self._loan: Loan

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return dict.fromkeys(self._inputs, self._on_value)

    def started(self) -> None:
        self._monotonic_ms = self.context.clock.monotonic_ms
        self._loan = self._shelf.take(self._monotonic_ms())

    def _on_value(self, value: MarketValue) -> None:
        signal = self._loan.update(value, self._monotonic_ms())
        if signal is not None:
            epoch = value.epoch if isinstance(value, Book) else 0
            self._decision.tell(SignalEmitted(symbol=self._symbol, epoch=epoch, signal=signal))
