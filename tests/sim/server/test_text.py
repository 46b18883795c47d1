from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.server.text import ROWS_AT_ONCE, Scale, json_pieces, plain, to_json


@given(st.sampled_from(["0.10", "0.01", "0.001", "0.00001", "1", "5", "0.5"]), st.integers(0, 10**10))
def test_scale_prints_the_exact_multiple(step: str, steps: int) -> None:
    assert Decimal(Scale(Decimal(step)).text(steps)) == steps * Decimal(step)


def test_scale_keeps_the_places_of_its_step() -> None:
    assert Scale(Decimal("0.10")).text(123) == "12.30"
    assert Scale(Decimal("0.001")).text(0) == "0.000"
    assert Scale(Decimal(1)).text(7) == "7"


def test_decimals_are_printed_without_an_exponent() -> None:
    assert plain(Decimal("1E-8")) == "0.00000001"
    assert to_json({"a": Decimal("1E+2"), "b": [Decimal("-0.5")]}) == b'{"a":"100","b":["-0.5"]}'


def test_what_has_no_wire_form_is_an_error() -> None:
    with pytest.raises(TypeError):
        to_json({"a": object()})


@pytest.mark.parametrize("rows", [0, 1, ROWS_AT_ONCE, 2 * ROWS_AT_ONCE + 1])
def test_pieces_make_the_same_object(rows: int) -> None:
    pieces = list(json_pieces({"a": 1, "many": iter([{"n": n} for n in range(rows)]), "few": [Decimal(2)], "b": None}))
    whole = {"a": 1, "many": [{"n": n} for n in range(rows)], "few": ["2"], "b": None}
    assert json.loads(b"".join(pieces)) == whole
    assert max(map(len, pieces)) < 20 * ROWS_AT_ONCE
