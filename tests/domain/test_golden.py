"""Every case of the golden file, one test each; VORTEX_GOLDEN names another file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.domain.golden import market, money
from tests.domain.golden.compare import Case, Checker, Printed, expect, load

CHECKERS: dict[str, Checker] = {**market.CHECKERS, **money.CHECKERS}
FILE = Path(os.environ.get("VORTEX_GOLDEN") or Path(__file__).parent / "golden_domain.json")
CASES = list(load(FILE))


def test_the_file_has_cases() -> None:
    assert CASES


@pytest.mark.parametrize(("formula", "case", "group"), [c[1:] for c in CASES], ids=[c[0] for c in CASES])
def test_golden(formula: str, case: Case, group: Case) -> None:
    assert formula in CHECKERS, f"no checker for {formula}"
    CHECKERS[formula](case, group)


@pytest.mark.parametrize(("actual", "printed"), [(1.0, "1.02"), (0.05, "0.0"), (None, "0.5"), (-2.0, "2.0")])
def test_a_wrong_value_is_seen(actual: float | None, printed: str) -> None:
    with pytest.raises(AssertionError):
        expect({}, actual, Printed(printed))


@pytest.mark.parametrize(("actual", "printed"), [(0.1234561, "0.123456"), (3.0, "3.0"), (84923.635527, "84923.6355")])
def test_a_printed_value_is_matched(actual: float, printed: str) -> None:
    expect({}, actual, Printed(printed))
    expect({}, actual, printed)


def test_a_zero_at_the_end_is_no_looser_than_its_neighbours(tmp_path: Path) -> None:
    file = tmp_path / "golden.json"
    file.write_text('{"cases": {"f": {"cases": [{"x": 0.0}, {"x": 0.125}]}}}')
    first, second = (case for _, _, case, _ in load(file))
    expect(first, 0.001, first["x"])
    expect(second, 0.1259, second["x"])
    with pytest.raises(AssertionError):
        expect(first, 0.002, first["x"])


def test_an_explicit_tolerance_wins() -> None:
    expect({"tolerance": 0.1}, 1.05, Printed("1.0"))
    with pytest.raises(AssertionError):
        expect({"tolerance": 1e-12}, 1.0000001, Printed("1.0000002"))
