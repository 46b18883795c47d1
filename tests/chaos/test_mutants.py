"""The matrix finds what was planted; the defects that take it longer are planted by `make chaos-matrix`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.chaos import mutants
from tests.chaos.mutants import Mutation, found_by
from tests.chaos.profile import hushed

SOON = range(100)
FOUND_SOON = (
    mutants.replaced_listener_is_told_nothing,
    mutants.trade_under_way_is_not_journaled,
    mutants.client_ids_begin_anew,
    mutants.exit_may_open_a_position,
    mutants.symbol_does_not_register_with_a_new_storage,
    mutants.nobody_hears_of_a_new_peer,
)


@pytest.fixture(scope="module", autouse=True)
def quick() -> Iterator[None]:
    with hushed():
        yield


@pytest.mark.parametrize("mutation", FOUND_SOON, ids=lambda mutation: mutation.__name__)
def test_a_planted_defect_is_found(mutation: Mutation) -> None:
    assert found_by(mutation, SOON) is not None
