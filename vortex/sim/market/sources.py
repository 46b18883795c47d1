"""From the command line's words to a market source."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from vortex.sim.core.market import MarketSource
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


def open_markets(texts: Sequence[str], *, seed: int, resume: Mapping[str, int] | None = None) -> list[MarketSource]:
    """Open all SOURCEs, the shipped captures when none is given.

    Raises:
        ValueError: As from `parse_market`, and for a symbol that more than one of them lists.
    """
    sources = [parse_market(text, seed=seed, resume=resume) for text in texts or DEFAULT_MARKETS]
    symbols = [spec.symbol for source in sources for spec in source.specs]
    if twice := sorted({symbol for symbol in symbols if symbols.count(symbol) > 1}):
        raise ValueError(f"listed by more than one market: {', '.join(twice)}")
    return sources


def _located(path: str) -> Path:
    shipped = SHIPPED / path
    return shipped if path in DEFAULT_MARKETS and not Path(path).exists() else Path(path)
