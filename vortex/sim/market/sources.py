"""From the command line's words to a market source."""

from __future__ import annotations

import heapq
import re
from collections.abc import Iterator, Mapping, Sequence
from operator import attrgetter
from pathlib import Path

from vortex.sim.core.market import CandleEvent, MarketEvent, MarketSource, SentimentPoint
from vortex.sim.market.capture import CaptureSource
from vortex.sim.market.tape import CaptureError

SHIPPED = Path(__file__).with_name("captures")
DEFAULT_MARKETS = ("btcusdt_20240808.gz", "ethusdt_20240808.gz")
"""The shipped captures, which may be named without their folder."""

FORM = "[SYMBOL[,SYMBOL...]=]PATH, PATH a capture (gzip, lines `<receive time in ns> <JSON>`)"

_NAMED = re.compile(r"(?P<symbols>[A-Z0-9_]+(?:,[A-Z0-9_]+)*)=(?P<path>.+)")


def parse_market(text: str, *, seed: int, resume: Mapping[str, int] | None = None) -> MarketSource:
    """Open one SOURCE.

    Args:
        text: `[SYMBOL[,SYMBOL...]=]PATH`; several symbols replicate the capture under those names.
        seed: Seed of all that is generated.
        resume: Positions from an earlier run, by symbol.

    Raises:
        ValueError: The text names no playable source; says which and why.
    """
    named = _NAMED.fullmatch(text)
    symbols = tuple(named["symbols"].split(",")) if named else None
    if symbols and len(set(symbols)) < len(symbols):
        raise ValueError(f"market {text!r}: a symbol occurs twice")
    path = _located(named["path"] if named else text)
    if not path.is_file():
        raise ValueError(f"market {text!r}: no such file; expected {FORM}")
    try:
        return CaptureSource(path, symbols, seed=seed, resume=resume)
    except CaptureError as problem:
        raise ValueError(f"market {text!r}: {problem}; expected {FORM}") from problem


def open_markets(texts: Sequence[str], *, seed: int, resume: Mapping[str, int] | None = None) -> MarketSource:
    """Open all SOURCEs as one, the shipped captures when none is given; ValueError as from `parse_market`."""
    sources = [parse_market(text, seed=seed, resume=resume) for text in texts or DEFAULT_MARKETS]
    return sources[0] if len(sources) == 1 else JoinedSource(sources)


class JoinedSource:
    """Several sources as one market; each symbol comes from the source that lists it."""

    def __init__(self, sources: Sequence[MarketSource]) -> None:
        self._sources = sources
        self._of = {spec.symbol: source for source in sources for spec in source.specs}
        self.specs = tuple(spec for source in sources for spec in source.specs)
        if len(self._of) < len(self.specs):
            names = [spec.symbol for spec in self.specs]
            twice = sorted({name for name in names if names.count(name) > 1})
            raise ValueError(f"listed by more than one market: {', '.join(twice)}")
        self.label = " + ".join(dict.fromkeys(source.label for source in sources))

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        return heapq.merge(*(source.events(start_ms) for source in self._sources), key=attrgetter("ts_ms"))

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        return self._of[symbol].history(symbol, interval, before_ms, limit)

    def generated_before_ms(self, symbol: str) -> int:
        return self._of[symbol].generated_before_ms(symbol)

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        return self._of[symbol].sentiment(symbol, now_ms, period_ms, limit)

    def position(self) -> dict[str, int]:
        return {symbol: at_ms for source in self._sources for symbol, at_ms in source.position().items()}


def _located(path: str) -> Path:
    shipped = SHIPPED / path
    return shipped if path in DEFAULT_MARKETS and not Path(path).exists() else Path(path)
