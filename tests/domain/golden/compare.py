"""Golden numbers as printed, and what counts as equal to one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TypeAlias

Case: TypeAlias = dict[str, Any]
Checker: TypeAlias = Callable[[Case, Case], None]
Number: TypeAlias = float | Decimal

RELATIVE = 1e-9
BY_LISTS = "engine_scores"
NOTES = {"tier", "oracle"}


class Printed(float):
    """A float of the file; `unit` is one of its last printed digit."""

    unit: float

    def __new__(cls, text: str) -> Self:
        value = super().__new__(cls, text)
        value.unit = _unit(text)
        return value


def _unit(text: str) -> float:
    exponent = Decimal(text).normalize().as_tuple().exponent  # a trailing zero is how a float prints, not a digit
    return 10.0**exponent if isinstance(exponent, int) and exponent < 0 else 0.0


def load(path: Path) -> Iterator[tuple[str, str, Case, Case]]:
    """Yield (test name, formula, case, group) of every case of the file."""
    groups = json.loads(path.read_text(), parse_float=Printed)["cases"]
    for name, group in groups.items():
        if name == BY_LISTS:
            formulas = {f"{name}.{key}": cases for key, cases in group.items() if key not in NOTES}
        else:
            formulas = {name: group.get("cases", [group])}
        for formula, cases in formulas.items():
            _share_units(cases)
            for index, case in enumerate(cases):
                yield f"{formula}-{index}", formula, case, group


def _share_units(cases: list[Case]) -> None:
    """A field is printed with the same digits in every case: where a zero at the end fell away, others show them."""
    fields: dict[tuple[str, ...], list[Printed]] = {}
    for case in cases:
        for place, value in _walk(case, ()):
            fields.setdefault(place, []).append(value)
    for values in fields.values():
        unit = min((value.unit for value in values if value.unit), default=0.0)
        for value in values:
            value.unit = value.unit or unit


def _walk(node: object, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Printed]]:
    if isinstance(node, Printed):
        yield place, node
    elif isinstance(node, dict):
        for key, value in node.items():
            yield from _walk(value, (*place, key))
    elif isinstance(node, list):
        for value in node:
            yield from _walk(value, place)


def expect(case: Case, actual: Number | None, expected: float | str, relative: float = RELATIVE) -> None:
    """Assert equality within the larger of `relative` and one unit of the last printed digit.

    A `tolerance` in the case replaces both. A string is a printed decimal.
    """
    assert actual is not None, f"nothing computed where {expected} is expected"
    value = Printed(expected) if isinstance(expected, str) else expected
    unit = value.unit if isinstance(value, Printed) else 0.0
    explicit = case.get("tolerance")
    scale = abs(value) or 1.0  # of a zero nothing is relative
    allowed = max(relative * scale, unit) if explicit is None else float(explicit) * scale
    assert abs(float(actual) - value) <= allowed * (1 + 1e-6), f"{actual} is not {expected} within {allowed}"


def expect_all(case: Case, actual: list[float], expected: list[float], relative: float = RELATIVE) -> None:
    """Assert that two lists are equal, number by number."""
    assert len(actual) == len(expected)
    for one, other in zip(actual, expected, strict=True):
        expect(case, one, other, relative)
