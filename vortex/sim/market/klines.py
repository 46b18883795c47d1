"""A file of one-minute candles as a market: the candles are real, book and trades inside each minute are modelled."""

from __future__ import annotations

import gzip
import re
import zlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TextIO

from vortex.sim.core.market import SymbolSpec
from vortex.sim.market.candles import MINUTE_MS
from vortex.sim.market.course import Minute
from vortex.sim.market.feed import SymbolFeed
from vortex.sim.market.ladder import Scale
from vortex.sim.market.listing import renamed, spec_for
from vortex.sim.market.minutes import MinutePlayer
from vortex.sim.market.played import PlayedSource, spread_out
from vortex.sim.market.wire import SCALE_DIGITS

HEADER = "time_ms,open,high,low,close,volume"
FUNDING_HEADER = "time_ms,funding_rate"
NOTES = (
    "one-minute candles: recorded; every second round of the file is its price mirror",
    "order book, spread, trades and takers' sides inside each minute: modelled, nothing in them looks ahead",
    "mark and index price: 30 s mean of the modelled mid",
    "candles before the file's beginning: its price mirror, counted as generated; positioning: generated",
)
"""What a person must know of every such market besides the source's label."""

_NAME = re.compile(r"(?P<symbol>[A-Z0-9]{2,20})_1m(?P<rest>_.+)?\.csv(\.gz)?")


class KlinesError(ValueError):
    """A file of candles that cannot be played; the text names file, line and reason."""


def symbol_of(path: Path) -> str | None:
    """The symbol that a file name like `BTCUSDT_1m_202505-06.csv.gz` tells."""
    named = _NAME.fullmatch(path.name)
    return named["symbol"] if named else None


def is_klines(path: Path) -> bool:
    """True for a file, packed or plain, that begins with our header."""
    try:
        with _opened(path) as lines:
            return next(lines, "").startswith("time_ms,")
    except (OSError, EOFError, UnicodeDecodeError, zlib.error):
        return False


class KlineSeries:
    """The candles of one file without end: every odd round is the price mirror.

    The pivot of the mirror maps the last close to the first open, so that the price is continuous; where that would
    mirror a price below zero, it is the sum of the highest and the lowest price instead, and the price jumps.

    Raises:
        KlinesError: The file is malformed, has gaps, or holds a candle that no trades can print.
    """

    def __init__(self, path: Path, symbol: str) -> None:
        table = _Table(path)
        self.first_ms = table.first_ms
        self.spec: SymbolSpec = table.spec(symbol)
        tick, step = _units(self.spec)
        self._columns = tuple(array("q", [price // tick for price in column]) for column in table.prices)
        self._lots = array("q", [quantity // step for quantity in table.quantities])
        opens, highs, lows, closes = self._columns
        self.minutes = len(self._lots)
        self.lots_per_minute = max(1.0, sum(self._lots) / self.minutes)
        self.ticks_per_minute = max(1.0, (sum(highs) - sum(lows)) / self.minutes)
        pivot = opens[0] + closes[-1]
        self._pivot = pivot if pivot > max(highs) else max(highs) + min(lows)
        self._funding_times, self._funding_rates = _funding(path, symbol_of(path))
        self._check(path)

    def at(self, number: int) -> Minute:
        round_, row = divmod(number, self.minutes)
        opened, high, low, close = (column[row] for column in self._columns)
        if round_ % 2:
            pivot = self._pivot
            opened, high, low, close = pivot - opened, pivot - low, pivot - high, pivot - close
        return Minute(open=opened, high=high, low=low, close=close, lots=self._lots[row])

    def funding_rate(self, number: int) -> Decimal | None:
        """The rate that the file's own market settled next, with the other sign in the mirror."""
        if not self._funding_times:
            return None
        round_, row = divmod(number, self.minutes)
        index = bisect_right(self._funding_times, self.first_ms + row * MINUTE_MS)
        rate = self._funding_rates[min(index, len(self._funding_rates) - 1)]
        return -rate if round_ % 2 else rate

    def generated_before(self) -> int:
        return 0

    def _check(self, path: Path) -> None:
        for row in range(self.minutes):
            minute = self.at(row)
            if minute.lots and minute.lots < minute.touches:
                raise KlinesError(f"{path}:{row + 2}: a volume of {minute.lots} steps cannot have printed this candle")


class KlineSource(PlayedSource):
    """Plays one file of candles under its own symbol, or replicated under several names.

    Args:
        symbols: Names to play it under; None for the one in the file's name.
        resume: What `position()` gave before: those symbols go on from there.

    Raises:
        KlinesError: The file cannot be played, or nobody says which symbol it holds.
    """

    def __init__(
        self, path: Path, symbols: tuple[str, ...] | None = None, *, seed: int = 0,
        resume: Mapping[str, int] | None = None,
    ) -> None:  # fmt: skip
        own = symbol_of(path)
        names = symbols or ((own,) if own else ())
        if not names:
            raise KlinesError(f"{path}: the file's name tells no symbol (like BTCUSDT_1m.csv); write SYMBOL=PATH")
        series = KlineSeries(path, own or names[0])
        day = datetime.fromtimestamp(series.first_ms / 1000, UTC).date()
        duration_ms = series.minutes * MINUTE_MS
        super().__init__(
            {
                name: SymbolFeed(
                    MinutePlayer(series, name, seed), renamed(series.spec, name), seed=seed, position_ms=position_ms
                )
                for name, position_ms in spread_out(names, duration_ms, resume).items()
            },
            label=f"klines of {day}, book modelled" + (", replicated" if names != (own or names[0],) else ""),
            notes=NOTES,
        )


class _Table:
    """The rows of a file as integers of 1e-8."""

    def __init__(self, path: Path) -> None:
        self._price, self._quantity = Scale(), Scale()
        self.prices: tuple[list[int], ...] = ([], [], [], [])
        self.quantities: list[int] = []
        self.first_ms = 0
        for line, row in _rows(path, HEADER):
            try:
                self._take(row)
            except ValueError as problem:
                raise KlinesError(f"{path}:{line}: {problem}") from problem
        if not self.quantities:
            raise KlinesError(f"{path}: no candle in it")

    def spec(self, symbol: str) -> SymbolSpec:
        """Listed with the file's own finest price and quantity."""
        one = Decimal(1).scaleb(-SCALE_DIGITS)
        return spec_for(
            symbol,
            price_unit=(self._price.unit() * one).normalize(),
            quantity_unit=(self._quantity.unit() * one).normalize(),
            price=self.prices[0][0] * one,
        )

    def _take(self, row: list[str]) -> None:
        time, *texts, volume = row
        time_ms = int(time)
        self.first_ms = self.first_ms or time_ms
        if time_ms != self.first_ms + len(self.quantities) * MINUTE_MS or time_ms % MINUTE_MS:
            raise ValueError(f"a candle of each minute is expected, not one of {time_ms}")
        opened, high, low, close = (self._price[text] for text in texts)
        if not 0 < low <= min(opened, close) <= max(opened, close) <= high:
            raise ValueError("low <= open, close <= high is expected")
        for column, price in zip(self.prices, (opened, high, low, close), strict=True):
            column.append(price)
        self.quantities.append(self._quantity[volume])


def _rows(path: Path, header: str) -> Iterator[tuple[int, list[str]]]:
    """Line number and fields of every row below the header."""
    columns = header.count(",") + 1
    try:
        with _opened(path) as lines:
            if next(lines, "").strip() != header:
                raise KlinesError(f"{path}:1: the first line must be {header}")
            for line, text in enumerate(lines, start=2):
                fields = text.strip().split(",")
                if len(fields) != columns:
                    raise KlinesError(f"{path}:{line}: {columns} columns are expected, not {len(fields)}")
                yield line, fields
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as problem:
        raise KlinesError(f"{path}: {problem}") from problem


def _opened(path: Path) -> TextIO:
    with path.open("rb") as file:
        packed = file.read(2) == b"\x1f\x8b"
    return gzip.open(path, "rt", encoding="utf-8") if packed else path.open(encoding="utf-8")


def _funding(path: Path, symbol: str | None) -> tuple[list[int], list[Decimal]]:
    """Rates of a file beside the candles': ../funding/SYMBOL_funding_rate_REST, none where there is none."""
    named = _NAME.fullmatch(path.name)
    if named is None or symbol is None:
        return [], []
    beside = path.parent.parent / "funding"
    stem = beside / f"{symbol}_funding_rate{named['rest'] or ''}.csv"
    found = next((file for file in (stem.with_name(stem.name + ".gz"), stem) if file.is_file()), None)
    if found is None:
        return [], []
    rows = [(int(time), Decimal(rate)) for _, (time, rate) in _rows(found, FUNDING_HEADER)]
    return [time_ms for time_ms, _ in rows], [rate for _, rate in rows]


def _units(spec: SymbolSpec) -> tuple[int, int]:
    return int(spec.tick_size.scaleb(SCALE_DIGITS)), int(spec.step_size.scaleb(SCALE_DIGITS))
