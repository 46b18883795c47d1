from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from vortex.sim.core.types import RequestRefused
from vortex.sim.server.params import Params


def test_typed_values() -> None:
    params = Params({"a": "7", "b": "1.50", "c": "TRUE", "limit": "9999", "empty": ""})
    assert params.integer("a") == 7
    assert params.decimal("b") == Decimal("1.50")
    assert params.flag("c")
    assert not params.flag("absent")
    assert params.limit(default=500, most=1_000) == 1_000
    assert params.optional("empty") is None
    assert params.optional_integer("absent") is None
    assert params.optional_decimal("absent") is None
    assert Params({"zero": "0"}).integer("zero") == 0


def test_absent_limit_is_the_default() -> None:
    assert Params({}).limit(default=500, most=1_000) == 500
    assert Params({"limit": "-3"}).limit(default=500, most=1_000) == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda params: params.text("absent"),
        lambda params: params.integer("absent"),
        lambda params: params.decimal("absent"),
        lambda params: params.integer("word"),
        lambda params: params.decimal("word"),
        lambda params: params.decimal("nan"),
        lambda params: params.decimal("vast"),
        lambda params: params.decimal("tiny"),
        lambda params: params.flag("word"),
    ],
)
def test_missing_and_malformed_values_are_refused(read: Callable[[Params], object]) -> None:
    with pytest.raises(RequestRefused) as refusal:
        read(Params({"word": "seven", "nan": "NaN", "vast": "1e999999", "tiny": "1e-999999"}))
    assert refusal.value.code == -1102
