"""When the whole truth is asked for."""

from __future__ import annotations

import pytest

from tests.kit.builders import fill
from vortex.domain.desk.questions import Paces, Questions

NOW = 1_000_000
PACES = Paces()


@pytest.fixture
def questions() -> Questions:
    """All is well: it was asked and answered just now."""
    made = Questions(PACES)
    assert made.in_doubt
    made.asked(NOW)
    made.answered(NOW)
    assert not made.in_doubt
    return made


def test_the_first_question_waits_for_nothing() -> None:
    made = Questions(PACES)
    assert made.in_doubt
    assert made.may_ask(0, guarding=False)
    assert made.due(NOW, PACES.flat_ms)
    assert made.answered_ms == 0


@pytest.mark.parametrize("waited_ms", [999, 1_000])
def test_an_execution_that_was_told_early_and_is_not_known_a_second_later_was_lost(
    questions: Questions, waited_ms: int
) -> None:
    questions.announced(7, NOW)
    questions.hear([], NOW + waited_ms)
    assert questions.in_doubt is (waited_ms >= 1_000)


def test_one_that_is_known_in_time_raises_no_doubt_and_no_other_is_forgotten_for_it(questions: Questions) -> None:
    questions.announced(7, NOW)
    questions.announced(8, NOW + 500)
    questions.hear([fill(7)], NOW + 900)
    questions.hear([], NOW + 1_499)
    assert not questions.in_doubt
    questions.hear([], NOW + 1_500)
    assert questions.in_doubt
    questions.asked(NOW + 1_500)
    questions.hear([], NOW + 9_000)
    assert not questions.in_doubt, "doubted once"


def test_what_gets_no_answer_is_asked_again_at_the_same_pace_and_what_is_refused_ever_slower(
    questions: Questions,
) -> None:
    questions.unanswered(refused=False)
    assert questions.in_doubt
    assert not questions.may_ask(NOW + 299, guarding=False)
    assert questions.may_ask(NOW + 300, guarding=False)
    pauses_ms = []
    for _ in range(7):
        questions.unanswered(refused=True)
        pauses_ms.append(next(ms for ms in range(0, 20_000, 100) if questions.may_ask(NOW + ms, guarding=False)))
    assert pauses_ms == [600, 1_200, 2_400, 4_800, 9_600, 10_000, 10_000]
    assert not questions.may_ask(NOW + 999, guarding=True)
    assert questions.may_ask(NOW + 1_000, guarding=True)


@pytest.mark.parametrize("how", ["answered", "encouraged"])
def test_an_answer_makes_it_ask_quickly_again(questions: Questions, how: str) -> None:
    for _ in range(4):
        questions.unanswered(refused=True)
    questions.answered(NOW) if how == "answered" else questions.encouraged()
    assert questions.may_ask(NOW + 300, guarding=False)


def test_an_attempt_of_another_kind_takes_the_pace_but_no_doubt(questions: Questions) -> None:
    questions.in_doubt = True
    questions.attempted(NOW + 5_000)
    assert questions.in_doubt
    assert not questions.may_ask(NOW + 5_299, guarding=False)


def test_it_is_due_when_question_and_answer_are_old(questions: Questions) -> None:
    assert not questions.due(NOW + 9_999, 10_000)
    assert questions.due(NOW + 10_000, 10_000)
    questions.attempted(NOW + 4_000)
    assert not questions.due(NOW + 10_000, 10_000)
    questions.answered(NOW + 6_000)
    assert not questions.due(NOW + 15_999, 10_000)
