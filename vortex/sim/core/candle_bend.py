"""Candles of a market whose prices were moved while they formed."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from msgspec import structs

from vortex.sim.core.market import CandleEvent

KEPT = 1_500
"""Closed candles remembered per interval, as many as one request may ask for."""


class CandleBend:
    """Shows the candles of one symbol as they look when later prices are shifted against earlier ones.

    What a candle was when it was last shown stays in it: its open, its extremes, its volume. Only what the source adds
    since is shifted by what the shift is now. With a shift that does not change this is the source's candle, shifted.
    """

    def __init__(self) -> None:
        self._last: dict[str, tuple[CandleEvent, CandleEvent]] = {}
        self._closed: dict[str, dict[int, CandleEvent]] = {}

    def begin(self, candles: Iterable[CandleEvent]) -> None:
        """Take what was shown so far without any shift."""
        for candle in candles:
            self._last[candle.interval] = (candle, candle)

    def show(self, raw: CandleEvent, shift: Decimal) -> CandleEvent:
        """The candle as it is shown, prices shifted by `shift` from now on."""
        before, shown_before = self._last.get(raw.interval, (None, None))
        if before is None or shown_before is None or before.open_ms != raw.open_ms:
            shown = _shifted(raw, shift)
        else:
            shown = _grown(before, shown_before, raw, shift)
        self._last[raw.interval] = (raw, shown)
        if raw.closed:
            closed = self._closed.setdefault(raw.interval, {})
            closed[raw.open_ms] = shown
            if len(closed) > KEPT:
                del closed[next(iter(closed))]
        return shown

    def over(self, candles: Iterable[CandleEvent], interval: str) -> list[CandleEvent]:
        """A source's closed candles with those that were shown otherwise in their places."""
        closed = self._closed.get(interval, {})
        return [closed.get(candle.open_ms, candle) for candle in candles]


def _shifted(raw: CandleEvent, shift: Decimal) -> CandleEvent:
    return structs.replace(
        raw,
        open=raw.open + shift,
        high=raw.high + shift,
        low=raw.low + shift,
        close=raw.close + shift,
        quote_volume=raw.quote_volume + raw.volume * shift,
        taker_buy_quote_volume=raw.taker_buy_quote_volume + raw.taker_buy_volume * shift,
    )


def _grown(before: CandleEvent, shown: CandleEvent, raw: CandleEvent, shift: Decimal) -> CandleEvent:
    """The candle shown before, and what the source added to it since, shifted."""
    close = raw.close + shift
    highs = [shown.high, close, *([raw.high + shift] if raw.high > before.high else [])]
    lows = [shown.low, close, *([raw.low + shift] if raw.low < before.low else [])]
    quote = raw.quote_volume - before.quote_volume + (raw.volume - before.volume) * shift
    taker_volume = raw.taker_buy_volume - before.taker_buy_volume
    taker_quote = raw.taker_buy_quote_volume - before.taker_buy_quote_volume + taker_volume * shift
    return structs.replace(
        raw,
        open=shown.open,
        high=max(highs),
        low=min(lows),
        close=close,
        quote_volume=shown.quote_volume + quote,
        taker_buy_quote_volume=shown.taker_buy_quote_volume + taker_quote,
    )
