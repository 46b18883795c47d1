"""How figures are written: plain text, the same everywhere; what is not known is a dash, never a zero."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal

from msgspec import Struct

from vortex.domain.money import rounded

DASH = "-"
SECOND_MS, MINUTE_S, HOUR_S, DAY_S = 1_000, 60, 3_600, 86_400
MOST_DIGITS = 8
STALE_MS = 1_500
"""From here on an age is written in seconds."""


class Cell(Struct, frozen=True):
    """One field of a table: text, what its colour means (`good`, `bad`, `warn`, `dim`), and more on hovering."""

    text: str
    tone: str = ""
    title: str = ""


class Column(Struct, frozen=True):
    """A heading; figures stand to the right."""

    name: str
    right: bool = False


class Row(Struct, frozen=True):
    """Fields in the order of the columns; `key` names what can be opened, `below` is shown under it when it is."""

    cells: tuple[Cell, ...]
    key: str = ""
    below: tuple[str, ...] | None = None


class Table(Struct, frozen=True, kw_only=True):
    """What one panel shows; `empty` is said when there is no row."""

    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    empty: str = "nothing"


def columns(*names: str) -> tuple[Column, ...]:
    """Headings; those that begin with `>` are of figures."""
    return tuple([Column(name.removeprefix(">"), right=name.startswith(">")) for name in names])


def row(*cells: Cell | str, key: str = "", below: Sequence[str] | None = None) -> Row:
    """A row; plain text needs no cell."""
    made = tuple([each if isinstance(each, Cell) else Cell(each) for each in cells])
    return Row(made, key, None if below is None else tuple(below))


def text(value: object) -> Cell:
    """Whatever it is, without control characters."""
    if value is None or value == "":
        return Cell(DASH, "dim")
    return Cell(clean(str(value)))


def clean(value: str) -> str:
    """Without characters that are none."""
    return "".join(character if character.isprintable() else "?" for character in value)


def price(value: object) -> Cell:
    """The digits that count, at most eight in all but at least two after the point; the title has every one."""
    amount = _decimal(value)
    if amount is None:
        return Cell(DASH, "dim")
    trimmed = amount.normalize()
    exponent = trimmed.as_tuple().exponent
    most = MOST_DIGITS - max(1, amount.adjusted() + 1)
    places = max(2, min(most, -exponent if isinstance(exponent, int) else 0))
    return Cell(f"{rounded(amount, places):,f}", "", str(value))


def quantity(value: object) -> Cell:
    """Every digit that counts."""
    amount = _decimal(value)
    return Cell(DASH, "dim") if amount is None else Cell(f"{amount.normalize():,f}")


def usdt(value: object, places: int = 2) -> Cell:
    """An amount."""
    amount = _decimal(value)
    return Cell(DASH, "dim") if amount is None else Cell(f"{rounded(amount, places):,f}", "", f"{value} USDT")


def gain(value: object, places: int = 4) -> Cell:
    """A profit or loss: signed, and coloured as its sign."""
    amount = _decimal(value)
    if amount is None:
        return Cell(DASH, "dim")
    shown = f"{rounded(amount, places):+,f}"
    if not any(digit in shown for digit in "123456789"):
        return Cell(shown[1:], "", f"{value} USDT")
    return Cell(shown, "good" if amount > 0 else "bad", f"{value} USDT")


def score(value: object) -> Cell:
    """A signed figure of at most 1, without a colour: it is an opinion, no result."""
    return Cell(f"{value:+.3f}") if isinstance(value, float | int) else Cell(DASH, "dim")


def ratio(value: object, places: int = 2) -> Cell:
    """A plain number."""
    amount = _decimal(value)
    return Cell(DASH, "dim") if amount is None else Cell(f"{rounded(amount, places):,f}")


def share(value: object, interval: Sequence[float] | None = None) -> Cell:
    """A share in per cent, with its interval."""
    amount = _decimal(value)
    if amount is None:
        return Cell(DASH, "dim")
    shown = f"{rounded(100 * amount, 0):f} %"
    return Cell(shown if interval is None else f"{shown} [{100 * interval[0]:.0f}, {100 * interval[1]:.0f}]")


def count(value: object) -> Cell:
    """A number of things."""
    return Cell(DASH, "dim") if value is None else Cell(f"{value:,}" if isinstance(value, int) else str(value))


def age(age_ms: object, limit_ms: int | None = None) -> Cell:
    """How old something is; older than the limit is a warning."""
    if not isinstance(age_ms, int):
        return Cell(DASH, "dim")
    tone = "warn" if limit_ms is not None and age_ms > limit_ms else ""
    return Cell(f"{age_ms} ms" if age_ms < STALE_MS else duration(age_ms // SECOND_MS), tone)


def duration(seconds: int) -> str:
    """In the two greatest units."""
    if seconds < MINUTE_S:
        return f"{seconds} s"
    if seconds < HOUR_S:
        return f"{seconds // MINUTE_S} min {seconds % MINUTE_S:02d} s"
    if seconds < DAY_S:
        return f"{seconds // HOUR_S} h {seconds % HOUR_S // MINUTE_S:02d} min"
    return f"{seconds // DAY_S} d {seconds % DAY_S // HOUR_S:02d} h"


def moment(ts_ms: object) -> Cell:
    """A time of day with its date, UTC."""
    return Cell(stamp(ts_ms)) if isinstance(ts_ms, int) else Cell(DASH, "dim")


def stamp(ts_ms: int) -> str:
    """`08-08 12:00:00`, UTC."""
    return datetime.fromtimestamp(ts_ms / SECOND_MS, UTC).strftime("%m-%d %H:%M:%S")


def clock(ts_ms: int) -> str:
    """`2024-08-08 12:00:00`, UTC."""
    return datetime.fromtimestamp(ts_ms / SECOND_MS, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _decimal(value: object) -> Decimal | None:
    if value is None or isinstance(value, bool):
        return None
    amount = Decimal(str(value))
    return amount if amount.is_finite() else None
