"""Numbers as the exchange prints them: decimal strings with a symbol's own precision."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from typing import Any

import orjson

from vortex.domain.money import stored
from vortex.sim.core.market import SymbolSpec, TickLevels

ROWS_AT_ONCE = 200
"""Encoding so many takes about two milliseconds."""


def plain(number: Decimal) -> str:
    """A decimal without an exponent."""
    return f"{number:f}"


def rounded(number: Decimal) -> str:
    """A decimal to eight places, as the exchange prints what it has divided."""
    return plain(stored(number))


def to_json(value: object) -> bytes:
    """Encode a reply or frame; decimals become strings without an exponent."""
    return orjson.dumps(value, default=_encode, option=orjson.OPT_NON_STR_KEYS)


def json_pieces(parts: Mapping[str, object]) -> Iterator[bytes]:
    """Encode an object bit by bit, so that other work can be done in between: an iterator in it becomes a list."""
    opening = b"{"
    for name, part in parts.items():
        yield opening + to_json(name) + b":"
        if isinstance(part, Iterator):
            yield from _list_pieces(part)
        else:
            yield to_json(part)
        opening = b","
    yield b"}"


def _list_pieces(rows: Iterator[object]) -> Iterator[bytes]:
    opening = b"["
    while some := list(islice(rows, ROWS_AT_ONCE)):
        yield opening + to_json(some)[1:-1]
        opening = b","
    yield b"]" if opening == b"," else b"[]"


def _encode(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no place in a reply")


class Scale:
    """Prints integer multiples of one step: `Scale(Decimal("0.10")).text(123)` is `12.30`."""

    def __init__(self, step: Decimal) -> None:
        self.places = len(plain(step).partition(".")[2])
        self._unit = int(step.scaleb(self.places))
        self._divisor = 10**self.places

    def text(self, steps: int) -> str:
        # Correctly rounded division, then as many places as the step has: exact below 2**53 units.
        return f"{steps * self._unit / self._divisor:.{self.places}f}"


class Grid:
    """One symbol's price and quantity scales."""

    def __init__(self, spec: SymbolSpec) -> None:
        self.price = Scale(spec.tick_size)
        self.quantity = Scale(spec.step_size)

    def levels(self, levels: TickLevels, depth: int) -> list[tuple[str, str]]:
        """The best `depth` levels as (price, quantity)."""
        price, quantity = self.price.text, self.quantity.text
        return [(price(ticks), quantity(lots)) for ticks, lots in levels[:depth]]


def grids(specs: Iterable[SymbolSpec]) -> dict[str, Grid]:
    """The scales of every symbol."""
    return {spec.symbol: Grid(spec) for spec in specs}
