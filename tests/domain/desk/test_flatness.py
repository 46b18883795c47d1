"""When a symbol may be called flat."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.desk.flatness import APART_MS, FlatCheck
from vortex.domain.order import ZERO
from vortex.domain.trade import CloseReason

HELD = Decimal("0.5")


def ordered() -> FlatCheck:
    check = FlatCheck()
    check.order(CloseReason.MANUAL)
    return check


def test_nothing_is_looked_for_unless_ordered() -> None:
    check = FlatCheck()
    check.see(ZERO, 0)
    assert not check.wanted
    assert not check.due(10_000)


def test_one_answer_is_not_enough_and_two_at_once_are_one() -> None:
    check = ordered()
    assert check.due(0)
    check.see(ZERO, 0)
    check.see(ZERO, APART_MS - 1)
    assert check.wanted
    assert not check.due(APART_MS - 1)
    assert check.due(APART_MS)
    check.see(ZERO, APART_MS)
    assert not check.wanted
    assert not check.due(10 * APART_MS)


def test_answers_that_disagree_prove_nothing() -> None:
    check = ordered()
    for number, amount in enumerate((ZERO, HELD, ZERO, -HELD)):
        check.see(amount, number * APART_MS)
        assert check.wanted


def test_a_position_that_is_not_ours_is_none_of_ours_when_it_is_seen_twice() -> None:
    check = ordered()
    check.see(HELD, 0)
    check.see(HELD, APART_MS)
    assert not check.wanted


def test_evidence_begins_anew_with_another_order() -> None:
    check = ordered()
    check.see(ZERO, 0)
    check.order(CloseReason.HALT)
    check.see(ZERO, APART_MS)
    assert check.wanted


answers = st.lists(st.tuples(st.sampled_from((ZERO, HELD)), st.integers(0, 1_500)), max_size=12)


@given(answers)
def test_it_ends_exactly_when_two_agreeing_answers_lie_apart(given_answers: list[tuple[Decimal, int]]) -> None:
    check, now_ms, run = ordered(), 0, list[tuple[Decimal, int]]()
    for amount, pause_ms in given_answers:
        now_ms += pause_ms
        check.see(amount, now_ms)
        run = [*run, (amount, now_ms)] if run and run[-1][0] == amount else [(amount, now_ms)]
        if now_ms - run[0][1] >= APART_MS:
            assert not check.wanted
            return
        assert check.wanted
