from __future__ import annotations

from math import inf, nan
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.builders import SYMBOL, T0, book, ladder, mark, mirror, stream, trade, trades
from vortex.domain.engines.order_flow import OrderFlowEngine, OrderFlowParams
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Book, Levels, MinuteVolume, VolumeHistory
from vortex.domain.signal import EngineId, Signal

CENTRE = 75_000.0
shallow = st.lists(st.integers(1, 10_000).map(lambda lots: lots / 1000), min_size=1, max_size=6)
sequences = st.lists(st.builds(ladder, st.integers(150_000, 150_010), shallow, shallow), min_size=12, max_size=30)


def signals(books: list[Book], params: OrderFlowParams | None = None) -> list[Signal]:
    engine = OrderFlowEngine(params or OrderFlowParams())
    answers = [engine.update(each) for each in books]
    return [answer for answer in answers if answer is not None]


def rising(count: int = 30) -> list[tuple[Levels, Levels]]:
    """Every book has more to buy than the one before it."""
    return [ladder(1_000 + number // 3, [5.0 + number] * 5, [5.0] * 5) for number in range(count)]


@settings(max_examples=40)
@given(sequences)
def test_every_book_gets_exactly_one_bounded_answer(sequence: list[tuple[Levels, Levels]]) -> None:
    books = stream(sequence)
    answers = signals(books)
    assert [answer.ts_ms for answer in answers] == [each.ts_ms for each in books]
    for answer in answers:
        assert answer.engine == EngineId.ORDER_FLOW
        assert (answer.score is None) == bool({*answer.reasons} - {"VPIN_WARMING"})
        assert answer.score is None or -1.0 <= answer.score <= 1.0
        assert 0.0 <= answer.quality <= 1.0


@settings(max_examples=40)
@given(sequences)
def test_a_mirrored_market_negates_the_score(sequence: list[tuple[Levels, Levels]]) -> None:
    straight = signals(stream(sequence))[-1].score
    mirrored = signals(stream([mirror(*each, centre=CENTRE) for each in sequence]))[-1].score
    if straight is None or mirrored is None:
        assert straight is mirrored is None
    else:
        assert mirrored == pytest.approx(-straight, abs=1e-9)


@settings(max_examples=40)
@given(sequences, st.lists(st.booleans(), min_size=30, max_size=30), st.lists(st.booleans(), min_size=30, max_size=30))
def test_the_state_does_not_depend_on_which_books_were_conflated(
    sequence: list[tuple[Levels, Levels]], delivered: list[bool], breaks: list[bool]
) -> None:
    flow = BookFlow()
    books = []
    for number, ladder_ in enumerate(sequence):
        if breaks[number] and number % 13 == 0:
            flow.reset()
        books += stream([ladder_], start_ms=T0 + number * 700, flow=flow)
    expected = {answer.ts_ms: answer for answer in signals(books)}
    waiting: Book | None = None
    conflated = []
    for number, newer in enumerate(books):
        waiting = newer if waiting is None else newer.absorb(waiting)
        if delivered[number] or number == len(books) - 1:
            conflated.append(waiting)
            waiting = None
    assert signals(conflated) == [expected[each.ts_ms] for each in conflated]


def test_buying_pressure_is_positive_and_its_parts_are_told() -> None:
    answer = signals(stream(rising()))[-1]
    assert answer.score is not None
    assert answer.score > 0.5
    assert answer.quality == pytest.approx(0.8)  # velocity is missing
    parts = answer.components
    assert parts["ratio"] == 1.0
    assert parts["micro"] == pytest.approx((34.0 - 5.0) / 39.0)
    expected = (0.4 * (parts["imbalance"] or 0.0) + 0.3 * 1.0 + 0.1 * (parts["micro"] or 0.0)) / 0.8
    assert answer.score == pytest.approx(expected)


def test_it_is_silent_until_ten_changes_were_seen_and_again_after_a_gap() -> None:
    flow = BookFlow()
    before = stream(rising(12), flow=flow)
    flow.reset()
    after = stream(rising(12), start_ms=T0 + 1_200, flow=flow)
    answers = signals(before + after)
    assert [answer.score is None for answer in answers] == ([True] * 10 + [False] * 2) * 2
    assert answers[9].reasons == answers[12].reasons == ("WARMING", "VPIN_WARMING")
    assert answers[9].quality == pytest.approx(0.5)
    assert answers[12].components["imbalance"] == stream(rising(1))[0].steps[0].imbalance


def test_what_left_the_window_does_not_count() -> None:
    flow = BookFlow()
    early = stream(rising(12), flow=flow)
    late = stream([rising(12)[-1]] * 12, start_ms=T0 + 20_000, flow=flow)
    answer = signals(early + late)[-1]
    assert (answer.score, answer.reasons) == (None, ("NO_FLOW", "VPIN_WARMING"))


def test_the_imbalance_is_averaged_with_a_half_life_of_a_second() -> None:
    books = stream([ladder(10, [1.0], [3.0]), ladder(10, [3.0], [1.0])], every_ms=1_000)
    assert signals(books)[-1].components["imbalance"] == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("bids", "asks", "reason"),
    [
        ((), ((1.0, 1.0),), "BOOK_EMPTY"),
        (((1.0, 1.0),), (), "BOOK_EMPTY"),
        (((2.0, 1.0),), ((2.0, 1.0),), "BOOK_CROSSED"),
        (((1.0, nan),), ((2.0, 1.0),), "BOOK_INVALID"),
        (((1.0, 1.0),), ((2.0, inf),), "BOOK_INVALID"),
        (((1.0, 0.0),), ((2.0, 1.0),), "BOOK_INVALID"),
        (((-1.0, 1.0),), ((2.0, 1.0),), "BOOK_INVALID"),
    ],
)
def test_a_bad_book_never_has_a_score(bids: Levels, asks: Levels, reason: str) -> None:
    good = stream(rising())
    for steps in ((), good[-1].steps, (BookFlow().step(T0 + 3_000, bids, asks),)):
        answer = signals([*good, book(bids, asks, ts_ms=T0 + 3_000, steps=steps)])[-1]
        assert (answer.score, answer.quality, answer.reasons) == (None, 0.0, (reason,))
        assert set(answer.components.values()) == {None}


def test_an_old_book_has_no_score_but_its_flow_counts() -> None:
    good = stream(rising())
    bids, asks = good[20].bids, good[20].asks
    late = book(bids, asks, ts_ms=good[20].ts_ms, steps=good[20].steps, lag_ms=1_001)
    answers = signals([*good[:20], late, *good[21:]])
    assert (answers[20].score, answers[20].reasons) == (None, ("BOOK_OLD",))
    assert answers[21:] == signals(good)[21:]


def test_it_answers_nothing_but_books() -> None:
    assert OrderFlowEngine(OrderFlowParams()).update(mark(T0)) is None


def test_velocity_is_read_against_its_own_past() -> None:
    """Two minutes of steady buying, then none: the window's flow is its usual one, then a third of three times that."""
    books = stream([ladder(1_000, [5.0 + number], [5.0]) for number in range(1_500)])
    answers = signals(books)
    assert [answer.components["speed"] is None for answer in answers] == [True] * 1_290 + [False] * 210
    last = answers[-1].components
    assert last["velocity"] == 600.0  # one unit per book, 100 of them, six times a minute
    assert last["speed"] == pytest.approx(1 / 3)
    assert answers[-1].quality == pytest.approx(1.0)
    assert answers[-1].score == pytest.approx(
        0.4 * (last["imbalance"] or 0.0) + 0.3 + 0.2 / 3 + 0.1 * (last["micro"] or 0.0)
    )


def minutes(count: int, start_ms: int = T0 - T0 % 86_400_000 - 7 * 86_400_000) -> VolumeHistory:
    """A balanced minute follows a one-sided one; 2 units each."""
    made = [MinuteVolume(start_ms + number * 60_000, 2.0, 1.0 + number % 2) for number in range(count)]
    return VolumeHistory(symbol=SYMBOL, minutes=tuple(made))


def test_a_history_warms_vpin_and_trades_move_it() -> None:
    engine, flow = OrderFlowEngine(OrderFlowParams()), BookFlow()
    answers = [engine.update(each) for each in stream(rising(), flow=flow)]
    assert answers[-1] is not None
    assert answers[-1].reasons == ("VPIN_WARMING",)
    past = minutes(7 * 1_440 + 60)
    assert engine.update(past) is None
    begin_ms = past.minutes[-1].open_ms + 60_000
    bucket = 2.0 * 1_440 / 50
    assert engine.update(trades(trade(1, begin_ms, buy=True, quantity=bucket * 40))) is None
    after = engine.update(stream(rising(1), start_ms=T0 + 3_000, flow=flow)[0])
    assert after is not None
    assert after.reasons == ()
    assert after.components["vpin"] == pytest.approx((40 + 10 * 0.5) / 50, abs=0.02)
    assert after.components["vpin_rank"] == 1.0
    assert after.score is not None


def test_a_year_of_extremes_leaves_no_trace_in_the_window() -> None:
    random = Random(7)  # reproducible, not secret
    wild = [
        ladder(1_000 + random.randint(-3, 3), [random.choice([1e-8, 1e12])] * 5, [random.choice([1e-8, 1e12])] * 5)
        for _ in range(300)
    ]
    flow = BookFlow()
    calm = [ladder(1_000, [1.0 + number % 3], [1.0]) for number in range(120)]
    after = signals(stream(wild, flow=flow) + stream(calm, start_ms=T0 + 60_000, flow=flow))[-1]
    fresh = signals(stream(calm, start_ms=T0 + 60_000))[-1]
    assert after.components["ratio"] == fresh.components["ratio"]
