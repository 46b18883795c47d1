"""A sample of the defects that are planted in the code of order safety is found; `make chaos-mutants` plants all."""

from __future__ import annotations

import pytest

from tests.chaos import planted
from tests.chaos.mutants import Mutation, exit_may_open_a_position
from tests.chaos.planted import PLANTED, found

SOON = (
    planted.unknown_order_is_given_up_at_the_first_miss,
    planted.exits_share_one_id,
    planted.two_requests_are_in_flight,
    planted.stop_is_of_the_wrong_side,
    planted.stop_is_cancelled_before_the_exit,
    planted.naked_position_is_left_open,
    planted.triggering_stop_counts_as_working,
    planted.empty_list_means_cancelled,
    planted.no_position_means_closed,
    planted.replaced_exit_is_forgotten,
    planted.executed_quantity_goes_back,
    planted.old_book_enters,
    planted.leverage_is_not_set,
    planted.what_is_left_is_not_cancelled,
    exit_may_open_a_position,
)


@pytest.mark.parametrize("mutation", SOON, ids=lambda mutation: mutation.__name__)
def test_a_planted_defect_is_found(mutation: Mutation) -> None:
    assert found(mutation) is not None


def test_there_are_at_least_twenty_planted_defects() -> None:
    assert len(PLANTED) >= 20
