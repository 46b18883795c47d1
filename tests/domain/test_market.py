"""What market values keep when a newer one takes their place in an inbox."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.builders import SYMBOL, T0, book, candle, history, mark, trade, trades
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import MAX_STEPS, FlowStep, MarketValue, MinuteVolume, Sentiment, VolumeHistory

LEVELS = ((99.0, 1.0),), ((101.0, 2.0),)


def test_a_book_hands_on_its_steps_but_not_for_ever() -> None:
    step = BookFlow().step(T0, *LEVELS)
    older, newer = book(*LEVELS, steps=(step,) * MAX_STEPS), book(*LEVELS, ts_ms=T0 + 100, steps=(step,), epoch=2)
    merged = newer.absorb(older)
    assert (merged.epoch, merged.ts_ms, len(merged.steps)) == (2, T0 + 100, MAX_STEPS)
    assert newer.mid == 100.0


def flow_after_gap(steps: Iterable[FlowStep]) -> tuple[bool, int, float, float]:
    """Whether a reader begins anew, and what he has then: the time of the last step, order flow and its size."""
    gap, last_ms, signed, size = False, 0, 0.0, 0.0
    for step in steps:
        if step.resync:
            gap, signed, size = True, 0.0, 0.0
        last_ms, signed, size = step.ts_ms, signed + step.ofi[0], size + step.ofi_abs[0]
    return gap, last_ms, signed, size


STEPS = st.lists(st.one_of(st.integers(-1_000, 1_000), st.just("gap")), min_size=1, max_size=3 * MAX_STEPS)


@settings(max_examples=50)
@given(STEPS)
@example(["gap", *range(MAX_STEPS)])
@example([*range(MAX_STEPS), "gap", 1])
@example(["gap", 5, "gap", *range(MAX_STEPS)])
def test_however_many_books_are_superseded_no_order_flow_is_lost(events: list[int | str]) -> None:
    steps = [
        FlowStep(ts_ms=T0 + at, imbalance=0.5, ofi=(0.0,), ofi_abs=(0.0,), resync=True)
        if isinstance(event, str)
        else FlowStep(ts_ms=T0 + at, imbalance=None, ofi=(float(event),), ofi_abs=(float(abs(event)),))
        for at, event in enumerate(events)
    ]
    waiting = book(*LEVELS, steps=(steps[0],))
    for step in steps[1:]:
        waiting = book(*LEVELS, ts_ms=step.ts_ms, steps=(step,)).absorb(waiting)
    assert flow_after_gap(waiting.steps) == flow_after_gap(steps)
    assert len(waiting.steps) <= MAX_STEPS
    assert waiting.steps[-min(3, len(steps)) :] == tuple(steps[-3:])


def test_trades_are_all_kept_in_order() -> None:
    first, second = trade(1, T0, buy=True), trade(2, T0, buy=False)
    assert trades(second).absorb(trades(first)).trades == (first, second)


def test_a_closed_candle_is_not_replaced_by_one_that_forms() -> None:
    closed = candle("1m", T0, (1.0, 1.0, 1.0, 1.0))
    forming = replace(closed, closed=False)
    assert forming.absorb(closed) is closed
    assert closed.absorb(forming) is closed
    assert forming.absorb(forming) is forming
    assert closed.close_ms == T0 + 60_000


@pytest.mark.parametrize(
    "value",
    [
        mark(T0), history("1m", [candle("1m", T0, (1.0, 1.0, 1.0, 1.0))]), Sentiment(symbol=SYMBOL, recv_ms=T0),
        VolumeHistory(symbol=SYMBOL, minutes=(MinuteVolume(T0, 1.0, 0.5),)),
    ],
)  # fmt: skip
def test_a_snapshot_replaces_its_predecessor(value: MarketValue) -> None:
    assert value.absorb(value) is value  # type: ignore[union-attr,arg-type]  # all of these can be superseded


def test_only_values_of_one_kind_replace_each_other() -> None:
    kinds = [
        book(*LEVELS), trades(trade(1, T0, buy=True)), mark(T0), Sentiment(symbol=SYMBOL, recv_ms=T0),
        candle("1m", T0, (1.0, 1.0, 1.0, 1.0)), candle("15m", T0, (1.0, 1.0, 1.0, 1.0)),
        history("1m", []), history("15m", []), VolumeHistory(symbol=SYMBOL, minutes=()),
    ]  # fmt: skip
    assert len({value.conflation_key() for value in kinds}) == len(kinds)  # type: ignore[attr-defined]  # as above
