"""One shell for every engine: a market value goes in, an opinion may come out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from loguru import logger

from vortex.actors.shelf import Loan, Shelf
from vortex.domain.indicators.candles import CANDLE_GAP, CANDLE_INVALID
from vortex.domain.market import TURNED_BACK_MS, Book, MarketValue, TradeHistory, event_ms
from vortex.domain.signal import Signal
from vortex.messages import RecallTrades, Recipient, RequestHistory, SignalEmitted, Subscribe
from vortex.runtime import Actor

HOLES = frozenset({CANDLE_GAP, CANDLE_INVALID})
ASK_EVERY_MS = 10_000
"""A history that closes a hole is asked for this often, until it does."""


class EngineActor(Actor):
    """Feeds one engine of one symbol and tells the decision what it says.

    Args:
        symbol: The symbol.
        inputs: The market values that the engine wants.
        shelf: Lends the engine, warm after a crash.
        decision: Who hears its signals.
        feed: Who gives a history again when candles were missed, and all of the past when the clock was set back.
        hot_store: Who may know the last trades, for an engine that begins with nothing.
    """

    def __init__(
        self,
        *,
        symbol: str,
        inputs: tuple[type, ...],
        shelf: Shelf,
        decision: Recipient,
        feed: Recipient,
        hot_store: Recipient,
    ) -> None:
        self._symbol = symbol
        self._inputs = inputs
        self._shelf = shelf
        self._decision = decision
        self._feed = feed
        self._hot_store = hot_store
        self._asked_ms: float | None = None
        self._newest_ms: dict[type, int] = {}
        self._loan: Loan

    def handlers(self) -> Mapping[type, Callable[[Any], object]]:
        return dict.fromkeys(self._inputs, self._on_value)

    def started(self) -> None:
        self._monotonic_ms = self.context.clock.monotonic_ms
        self._loan = self._shelf.take(self._monotonic_ms())
        if self._loan.blank and TradeHistory in self._inputs:
            self._hot_store.tell(RecallTrades(symbol=self._symbol, reply_to=self.context.address))

    def _on_value(self, value: MarketValue) -> None:
        if self._turned_back(value):
            self._begin_anew()
        signal = self._loan.update(value, self._monotonic_ms())
        if signal is not None:
            epoch, recv_ms = (value.epoch, value.recv_ms) if isinstance(value, Book) else (0, 0)
            self._decision.tell(SignalEmitted(symbol=self._symbol, epoch=epoch, signal=signal, recv_ms=recv_ms))
            self._close_hole(signal)

    def _turned_back(self, value: MarketValue) -> bool:
        """Tell whether the exchange's clock was set back: windows that reach into the future would never move on."""
        ts_ms = event_ms(value)
        if ts_ms is None:
            return False
        kind = type(value)
        newest_ms, self._newest_ms[kind] = self._newest_ms.get(kind, ts_ms), ts_ms
        return ts_ms < newest_ms - TURNED_BACK_MS

    def _begin_anew(self) -> None:
        logger.warning("{}: the exchange's clock was set back: it begins anew", self.context.address.path)
        self._loan = self._shelf.renew()
        self._newest_ms.clear()
        self._feed.tell(Subscribe(symbol=self._symbol, subscriber=self.context.address, values=self._inputs))

    def _close_hole(self, signal: Signal) -> None:
        """Ask for the history anew: frames were lost, and no later candle fills a hole."""
        if HOLES.isdisjoint(signal.reasons):
            return
        now_ms = self._monotonic_ms()
        if self._asked_ms is None or now_ms - self._asked_ms >= ASK_EVERY_MS:
            self._asked_ms = now_ms
            self._feed.tell(RequestHistory(symbol=self._symbol))
