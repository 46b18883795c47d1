"""Ledger rows in plain columns and back, for every store: Decimal is text, time is ISO-8601 UTC with milliseconds."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Protocol, TypeAlias, TypeVar

import msgspec

from vortex.domain.trade import RejectionRow, TradeRow

Row: TypeAlias = TradeRow | RejectionRow
R = TypeVar("R", TradeRow, RejectionRow)


class Columns(Protocol):
    """What a database driver gives of one row: values by the names of columns."""

    def __getitem__(self, name: str, /) -> Any: ...


EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)
MAX_MS = 253_402_300_799_999
"""The last millisecond of year 9999, which ISO-8601 text still holds."""
MAX_DIGITS = 100
"""Digits of a decimal, and places of its first one from the point; a real figure needs far fewer."""
INT64 = 2**63
TIMES = frozenset({"opened_at", "closed_at", "created_at"})
TABLES: Mapping[type, str] = {TradeRow: "trade_logs", RejectionRow: "rejected_signals"}


class UnwritableRowError(ValueError):
    """A row holds a value that no store could keep; `str(error)` names row, column and value."""


def validate(row: Row) -> None:
    """Refuse what would fail, or change, on its way to a store. Raises UnwritableRowError."""
    for name, value in _items(row):
        if (problem := _problem(name, value)) is not None:
            raise UnwritableRowError(f"{TABLES[type(row)]} {row.id!r}: {name} = {value!r}: {problem}")


def to_columns(row: Row) -> tuple[object, ...]:
    """The values of a row in the order of its fields."""
    return tuple(_to_column(name, value) for name, value in _items(row))


def from_columns(row: Columns, kind: type[R]) -> R:
    """The row that `to_columns` wrote; numbers may have become text on the way."""
    columns = {name: _from_column(name, row[name]) for name in kind.__struct_fields__}
    return msgspec.convert(columns, kind, strict=False)


def newest(rows: Iterable[TradeRow]) -> list[TradeRow]:
    """Of each trade the row with the highest revision."""
    found: dict[str, TradeRow] = {}
    for row in rows:
        if row.id not in found or row.revision > found[row.id].revision:
            found[row.id] = row
    return list(found.values())


def iso(time_ms: int) -> str:
    """Epoch milliseconds as `2024-08-08T12:00:00.123Z`."""
    return (EPOCH + time_ms * MILLISECOND).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def epoch_ms(text: str) -> int:
    """The inverse of `iso`."""
    return (datetime.fromisoformat(text) - EPOCH) // MILLISECOND


def _items(row: Row) -> list[tuple[str, Any]]:
    return [(name, getattr(row, name)) for name in row.__struct_fields__]


def _problem(name: str, value: object) -> str | None:
    if isinstance(value, str):
        return None if _encodable(value) else "not Unicode text"
    if isinstance(value, Decimal):
        return None if value.is_finite() and _short(value) else f"not a finite number of at most {MAX_DIGITS} digits"
    if isinstance(value, float):
        return None if math.isfinite(value) else "not a finite number"
    if isinstance(value, int):
        low, high = (0, MAX_MS) if name in TIMES else (-INT64, INT64 - 1)
        return None if low <= value <= high else f"not from {low} to {high}"
    return None


def _short(value: Decimal) -> bool:
    return abs(value.adjusted()) <= MAX_DIGITS and len(value.as_tuple().digits) <= MAX_DIGITS


def _encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _to_column(name: str, value: object) -> object:
    if isinstance(value, Decimal):
        return format(value, "f")
    if name in TIMES and isinstance(value, int):
        return iso(value)
    return str(value) if isinstance(value, str) else value


def _from_column(name: str, value: object) -> object:
    return epoch_ms(value) if name in TIMES and isinstance(value, str) else value
