"""E1 and E2 on recorded sessions, and VPIN on a day of liquidations."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

import numpy as np
import pytest

from tests.domain.builders import SYMBOL, book, stream, trades
from tests.domain.oracle.recordings import Capture, arrays, capture, crash_trades, stamps
from tests.domain.oracle.reference import FlowReading, aggression, rate_z, toxicity
from vortex.domain.engines.order_flow import OrderFlowEngine, OrderFlowParams
from vortex.domain.engines.tick import TickEngine, TickParams
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.indicators.toxicity import FlowToxicity
from vortex.domain.indicators.vpin import VolumeBuckets
from vortex.domain.market import Book, Levels, MinuteVolume, Trade, VolumeHistory
from vortex.domain.signal import Signal

pytestmark = pytest.mark.shared
SESSIONS = [("usdm_btcusdt_20240808.gz", 40_000), ("usdm_ethusdt_20240808_first165s.gz", 12_000)]
DAY_MS, MINUTE_MS = 86_400_000, 60_000


def exact(expected: Any) -> Any:
    """Within 1e-9; NaN stands for nothing to say."""
    return pytest.approx(expected, rel=1e-9, abs=1e-9, nan_ok=True)


def books(session: Capture, flow: BookFlow, first: int = 0, last: int | None = None) -> list[Book]:
    made = []
    for number in range(first, len(session.times) if last is None else last):
        ts_ms, tops = session.times[number], session.ladders[number]
        made.append(book(*tops, ts_ms=ts_ms, steps=(flow.step(ts_ms, *tops),), epoch=number + 1))
    return made


def answers(engine: OrderFlowEngine, seen: Sequence[Book]) -> list[Signal]:
    said = [engine.update(each) for each in seen]
    return [each for each in said if each is not None]


def column(said: Sequence[Signal], name: str) -> list[float]:
    values = [each.score if name == "score" else each.components[name] for each in said]
    return [np.nan if value is None else value for value in values]


@pytest.mark.parametrize(("name", "lines"), SESSIONS)
def test_order_flow_equals_the_whole_window(name: str, lines: int) -> None:
    session = capture(name, lines)
    said = answers(OrderFlowEngine(OrderFlowParams()), books(session, BookFlow()))
    expected = FlowReading(np.array(session.times), *arrays(session.ladders))
    assert len(said) == len(session.times) > 400
    for part in ("imbalance", "micro", "ratio", "velocity", "speed", "score"):
        assert column(said, part) == exact(getattr(expected, part).tolist()), part
    assert name != SESSIONS[0][0] or not np.isnan(expected.speed[-1])


def test_after_a_gap_nothing_spans_it() -> None:
    session = capture(*SESSIONS[1])
    flow, engine, half = BookFlow(), OrderFlowEngine(OrderFlowParams()), len(session.times) // 2
    answers(engine, books(session, flow, last=half))
    flow.reset()
    said = answers(engine, books(session, flow, first=half + 7))
    later = session.ladders[half + 7 :]
    expected = FlowReading(np.array(session.times[half + 7 :]), *arrays(later))
    for part in ("imbalance", "micro", "ratio", "velocity"):
        assert column(said, part) == exact(getattr(expected, part).tolist()), part
    assert [each.score is None for each in said[:11]] == [True] * 10 + [False]


def test_conflated_books_leave_the_same_state() -> None:
    session, random = capture(*SESSIONS[1]), Random(5)
    whole = books(session, BookFlow())
    expected = {each.ts_ms: each for each in answers(OrderFlowEngine(OrderFlowParams()), whole)}
    conflated: list[Book] = []
    waiting: Book | None = None
    for newer in whole:
        waiting = newer if waiting is None else newer.absorb(waiting)
        if random.random() < 0.2:
            conflated.append(waiting)
            waiting = None
    said = answers(OrderFlowEngine(OrderFlowParams()), conflated)
    assert len(said) < len(whole) / 3
    assert said == [expected[each.ts_ms] for each in conflated]


def check_ticks(seen: Sequence[Trade], at: int, said: Signal) -> None:
    past = seen[: at + 1]
    now_ms, times = past[-1].ts_ms, stamps(past)
    sizes, bought = np.array([each.quantity for each in past]), np.array([not each.buyer_is_maker for each in past])
    ratios, lean = aggression(times, sizes, bought, now_ms)
    for actual, ratio in zip(list(said.components.values())[:3], ratios, strict=True):
        assert (actual is None) == (ratio is None)
        assert actual is None or actual == exact(ratio)
    z = rate_z(times, now_ms)
    assert said.components["z"] == exact(z)
    expected = lean * np.clip(0.75 + z / 12.0, 0.5, 1.0)
    assert (np.nan if said.score is None else said.score) == exact(expected)


@pytest.mark.parametrize(("name", "lines"), SESSIONS)
def test_ticks_equal_the_whole_window(name: str, lines: int) -> None:
    seen, engine = capture(name, lines).trades, TickEngine(TickParams())
    assert len(seen) > 1_500
    for at, each in enumerate(seen):
        said = engine.update(trades(each))
        assert said is not None
        if at % 97 == 0 or at == len(seen) - 1:
            check_ticks(seen, at, said)


def test_repeats_and_disorder_within_a_batch_change_nothing_and_a_gap_is_told() -> None:
    seen, engine, random = capture(*SESSIONS[1]).trades, TickEngine(TickParams()), Random(3)
    kept = [each for at, each in enumerate(seen) if not 1_000 <= at < 1_040]
    for start in range(0, len(kept), 25):
        batch = kept[start : start + 25]
        untidy = [*batch, *kept[max(0, start - 5) : start], *batch[:3]]
        random.shuffle(untidy)
        said = engine.update(trades(*untidy))
        assert said is not None
        if start % 500 == 0 and start:
            check_ticks(kept, start + len(batch) - 1, said)
        gapped = kept[min(start + 24, len(kept) - 1)].ts_ms < seen[1_040].ts_ms + 120_000
        assert ("TRADE_GAP" in said.reasons) == (start + 24 >= 1_000 and gapped)


@pytest.mark.parametrize("coin", ["fil", "trx"])
def test_vpin_equals_buckets_cut_out_of_the_day(coin: str) -> None:
    day = crash_trades(coin, 40_000)
    sizes = np.array([each.quantity for each in day])
    bought = np.array([0.0 if each.buyer_is_maker else each.quantity for each in day])
    bucket = float(sizes.sum()) / 390.5
    buckets = VolumeBuckets(bucket)
    for each in day:
        buckets.add(each.quantity, buy=not each.buyer_is_maker)
    expected = toxicity(bought, sizes - bought, bucket)
    assert len(expected) == 341
    # a bucket counts whole units of 1e-8, of which the reference knows nothing
    assert list(buckets.closes) == pytest.approx(expected, rel=1e-7, abs=1e-9)


def test_a_week_of_minutes_and_live_trades_rank_the_flow() -> None:
    """The day of the crash seven times over as history, then its trades once more, live."""
    day = crash_trades("fil", 30_000)
    start_ms = day[0].ts_ms // MINUTE_MS * MINUTE_MS
    bought, sold = np.zeros(1_440), np.zeros(1_440)
    for each in day:
        side = sold if each.buyer_is_maker else bought
        side[(each.ts_ms - start_ms) // MINUTE_MS % 1_440] += each.quantity
    midnight_ms = (day[0].ts_ms // DAY_MS) * DAY_MS
    past = [
        MinuteVolume(midnight_ms - 7 * DAY_MS + number * MINUTE_MS, bought[number % 1_440] + sold[number % 1_440],
                     bought[number % 1_440])
        for number in range(7 * 1_440)
    ]  # fmt: skip
    flow = FlowToxicity()
    flow.load(VolumeHistory(symbol=SYMBOL, minutes=tuple(past)))
    for each in day:
        flow.take(each)
    live = [(0.0 if each.buyer_is_maker else each.quantity, each.quantity) for each in day]
    all_bought = np.concatenate([np.tile(bought, 7), [one for one, _ in live]])
    all_sold = np.concatenate([np.tile(sold, 7), [both - one for one, both in live]])
    expected = toxicity(all_bought, all_sold, float((bought + sold).sum()) / 50.0)[-350:]
    assert flow.vpin == pytest.approx(expected[-1], rel=1e-6)
    assert flow.rank == pytest.approx(np.mean(np.array(expected) <= expected[-1] + 1e-9), abs=2 / 350)


def test_a_book_that_cannot_be_trusted_never_scores() -> None:
    session = capture(*SESSIONS[1])
    good = stream(session.ladders[:30])
    bad: tuple[Levels, Levels] = (session.ladders[30][1], session.ladders[30][0])
    flow = BookFlow()
    engine = OrderFlowEngine(OrderFlowParams())
    answers(engine, stream(session.ladders[:30], flow=flow))
    said = answers(engine, [book(*bad, ts_ms=good[-1].ts_ms + 100, steps=(flow.step(good[-1].ts_ms + 100, *bad),))])
    assert (said[0].score, said[0].reasons) == (None, ("BOOK_CROSSED",))
