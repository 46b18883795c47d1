from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import T0, trade
from vortex.domain.market import Trade
from vortex.domain.recall import AHEAD_MS, HOLE_MS, leading_up

any_trades = st.lists(st.builds(trade, st.integers(0, 20), st.integers(T0 - 80_000, T0 + 5_000), buy=st.booleans()))


def steady(count: int, *, end_ms: int = T0, first: int = 1) -> list[Trade]:
    return [trade(first + number, end_ms - 100 * (count - 1 - number), buy=True) for number in range(count)]


def test_what_leads_up_to_now_is_taken_whole() -> None:
    made = steady(50)
    assert leading_up(made, T0) == tuple(made)
    assert leading_up(made, T0 + HOLE_MS) == tuple(made)


def test_what_is_old_or_from_another_clock_is_not_taken() -> None:
    made = steady(50)
    assert leading_up(made, T0 + HOLE_MS + 1) == ()
    assert leading_up(made, T0 - AHEAD_MS - 1) == ()
    assert leading_up([], T0) == ()


def test_it_begins_behind_a_hole_a_step_back_and_ids_that_fall() -> None:
    late = steady(10, first=100)
    for end_ms, first in ((T0 - 1_000 - HOLE_MS, 1), (T0, 1), (T0 - 1_000, 100)):
        assert leading_up([*steady(10, end_ms=end_ms, first=first), *late], T0) == tuple(late)


def test_a_short_hole_and_a_market_that_was_silent_are_none() -> None:
    late = steady(10, first=100)
    short = steady(10, end_ms=T0 - 1_000 - HOLE_MS, first=50)
    assert leading_up([*steady(10, end_ms=T0 - 2_000, first=50), *late], T0)[0].id == 50
    silent = [trade(number + 90, each.ts_ms, buy=True) for number, each in enumerate(short)]
    assert leading_up([*silent, *late], T0)[0].id == 90


@given(any_trades)
def test_whatever_is_kept_it_takes_an_end_of_it_in_order(kept: list[Trade]) -> None:
    taken = leading_up(kept, T0)
    assert list(taken) == kept[len(kept) - len(taken) :]
    assert [each.ts_ms for each in taken] == sorted(each.ts_ms for each in taken)
    assert [each.id for each in taken] == sorted({each.id for each in taken})
