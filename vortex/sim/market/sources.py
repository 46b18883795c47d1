"""From the command line's words to a market source."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from vortex.sim.core.market import MarketSource
from vortex.sim.market.capture import CaptureSource
from vortex.sim.market.klines import KlinesError, KlineSource, is_klines
from vortex.sim.market.synthetic import MOST as MOST_SYNTHETIC
from vortex.sim.market.synthetic import SyntheticSource
from vortex.sim.market.tape import CaptureError

SHIPPED = Path(__file__).with_name("captures")
DEFAULT_MARKETS = ("btcusdt_20240808.gz", "ethusdt_20240808.gz")
"""The shipped captures, which may be named without their folder."""
LIVE = "live"
DEFAULT_LIVE = ("BTCUSDT", "ETHUSDT")

FORM = (
    "[SYMBOL[,SYMBOL...]=]PATH, PATH a capture (gzip, lines `<receive time in ns> <JSON>`) or one-minute candles"
    " (CSV, `time_ms,open,high,low,close,volume`); synthetic:N; or [SYMBOL[,SYMBOL...]=]live"
)

_NAMED = re.compile(r"(?P<symbols>[A-Z0-9_]+(?:,[A-Z0-9_]+)*)=(?P<path>.+)")
_SYNTHETIC = re.compile(r"synthetic:(?P<count>[0-9]{1,9})")


def parse_market(text: str, *, seed: int, resume: Mapping[str, int] | None = None) -> MarketSource:
    """Open one SOURCE that is played; a live one is opened where it is connected.

    Args:
        text: `[SYMBOL[,SYMBOL...]=]PATH`; several symbols replicate the file under those names. Or `synthetic:N`.
        seed: Seed of all that is generated.
        resume: Positions from an earlier run, by symbol.

    Raises:
        ValueError: The text names no playable source; says which and why.
    """
    if text.startswith("synthetic:"):
        return SyntheticSource(_count(text), seed=seed, resume=resume)
    symbols, place = split(text)
    path = _located(place)
    if not path.is_file():
        raise ValueError(f"market {text!r}: no such file; expected {FORM}")
    try:
        if is_klines(path):
            return KlineSource(path, symbols, seed=seed, resume=resume)
        return CaptureSource(path, symbols, seed=seed, resume=resume)
    except (CaptureError, KlinesError) as problem:
        raise ValueError(f"market {text!r}: {problem}; expected {FORM}") from problem


def split(text: str) -> tuple[tuple[str, ...] | None, str]:
    """The symbols before the equals sign, None without, and what follows it. Raises ValueError for one named twice."""
    named = _NAMED.fullmatch(text)
    if named is None:
        return None, text
    symbols = tuple(named["symbols"].split(","))
    if len(set(symbols)) < len(symbols):
        raise ValueError(f"market {text!r}: a symbol occurs twice")
    return symbols, named["path"]


def live_symbols(text: str) -> tuple[str, ...] | None:
    """The symbols of a SOURCE that relays the present market; None for a source that is played."""
    symbols, place = split(text)
    return (symbols or DEFAULT_LIVE) if place == LIVE else None


def open_markets(
    texts: Sequence[str],
    *,
    seed: int,
    resume: Mapping[str, int] | None = None,
    open_live: Callable[[tuple[str, ...]], MarketSource] | None = None,
) -> list[MarketSource]:
    """Open all SOURCEs, the shipped captures when none is given.

    Args:
        texts: What `parse_market` reads; with `open_live` also `[SYMBOL[,SYMBOL...]=]live`.
        seed: Seed of all that is generated.
        resume: Positions from an earlier run, by symbol.
        open_live: Opens the present market of these symbols; None where nothing can be relayed.

    Raises:
        ValueError: As from `parse_market`, and for a symbol that more than one of them lists.
    """
    sources = []
    for text in texts or DEFAULT_MARKETS:
        symbols = live_symbols(text)
        if symbols is None or open_live is None:
            sources.append(parse_market(text, seed=seed, resume=resume))
        else:
            sources.append(open_live(symbols))
    listed = [spec.symbol for source in sources for spec in source.specs]
    if twice := sorted({symbol for symbol in listed if listed.count(symbol) > 1}):
        raise ValueError(f"listed by more than one market: {', '.join(twice)}")
    return sources


def _count(text: str) -> int:
    match = _SYNTHETIC.fullmatch(text)
    count = int(match["count"]) if match else 0
    if not 1 <= count <= MOST_SYNTHETIC:
        raise ValueError(f"market {text!r}: 1 to {MOST_SYNTHETIC} symbols are expected, like synthetic:20")
    return count


def _located(path: str) -> Path:
    shipped = SHIPPED / path
    return shipped if path in DEFAULT_MARKETS and not Path(path).exists() else Path(path)
