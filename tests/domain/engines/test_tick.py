from __future__ import annotations

from math import inf, nan
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.domain.builders import T0, book, mark, trade, trades
from vortex.domain.engines.tick import TickEngine, TickParams
from vortex.domain.market import MarketValue, Trade, TradeHistory
from vortex.domain.signal import Signal

flows = st.lists(st.tuples(st.integers(0, 900), st.booleans(), st.integers(1, 5_000)), min_size=1, max_size=120)


def make(moves: list[tuple[int, bool, int]], *, turned: bool = False) -> list[Trade]:
    made, now = [], T0
    for number, (elapsed, buy, lots) in enumerate(moves):
        now += elapsed
        made.append(trade(number, now, buy=buy != turned, quantity=lots / 1000))
    return made


def feed(engine: TickEngine, *values: MarketValue) -> Signal:
    answer = None
    for value in values:
        answer = engine.update(value)
        assert answer is not None
    assert answer is not None
    return answer


def steady(count: int, every_ms: int = 100, *, buy: bool = True, start: int = 0) -> list[Trade]:
    return [trade(start + number, T0 + (start + number) * every_ms, buy=buy) for number in range(count)]


def engine(**settings: int) -> TickEngine:
    return TickEngine(TickParams(**settings))


@given(flows)
def test_scores_are_bounded_and_turning_every_trade_negates_them(moves: list[tuple[int, bool, int]]) -> None:
    straight = feed(engine(), trades(*make(moves)))
    turned = feed(engine(), trades(*make(moves, turned=True)))
    assert (straight.score is None) == ("FEW_TRADES" in straight.reasons)
    assert 0.0 <= straight.quality <= 1.0
    if straight.score is None:
        assert turned.score is None
    else:
        assert -1.0 <= straight.score <= 1.0
        assert turned.score == pytest.approx(-straight.score, abs=1e-9)


@given(flows, st.randoms(use_true_random=False), st.integers(1, 9))
def test_batching_repeats_and_order_within_a_batch_change_nothing(
    moves: list[tuple[int, bool, int]], random: Random, size: int
) -> None:
    made = make(moves)
    whole = feed(engine(), trades(*made))
    batches = [made[start : start + size] for start in range(0, len(made), size)]
    shuffled = [random.sample(batch, len(batch)) for batch in batches]
    parts = feed(engine(), *[trades(*batch, *batch[:2]) for batch in shuffled])
    assert parts == whole


@given(flows)
def test_ratios_are_those_of_the_trades_in_each_window(moves: list[tuple[int, bool, int]]) -> None:
    made = make(moves)
    answer = feed(engine(min_trades=1), trades(*made))
    for length_ms, name in ((5_000, "aggressor_5s"), (30_000, "aggressor_30s"), (120_000, "aggressor_120s")):
        inside = [each for each in made if each.ts_ms > made[-1].ts_ms - length_ms]
        bought = sum(each.quantity for each in inside if not each.buyer_is_maker)
        assert answer.components[name] == pytest.approx(bought / sum(each.quantity for each in inside))
    assert answer.components["velocity"] == len([t for t in made if t.ts_ms > made[-1].ts_ms - 5_000]) / 5


def test_one_sided_buying_at_an_unknown_pace_scores_three_quarters() -> None:
    answer = feed(engine(), trades(*steady(1_300)))
    assert answer.score == pytest.approx(0.75)
    assert (answer.quality, answer.reasons) == (1.0, ())
    assert answer.components["expanding"] == 0.0


def test_a_burst_confirms_and_is_expanding() -> None:
    tick = engine()
    feed(tick, trades(*steady(1_300)))
    burst = [trade(1_300 + number, T0 + 130_000 + number * 10, buy=True) for number in range(200)]
    answer = feed(tick, trades(*burst))
    assert answer.score == 1.0
    assert (answer.components["z"] or 0.0) >= 2.0
    assert answer.components["expanding"] == 1.0


def test_too_few_trades_have_no_score_and_some_windows_suffice() -> None:
    few = feed(engine(), trades(*steady(19)))
    assert (few.score, few.quality, few.reasons) == (None, 0.0, ("FEW_TRADES", "TRUNCATED"))
    slow = feed(engine(), trades(*steady(30, every_ms=1_000)))
    assert slow.components["aggressor_5s"] is None
    assert slow.score == pytest.approx(0.75)
    assert slow.quality == pytest.approx(0.5)


def test_a_mark_price_lets_time_pass_and_proves_life() -> None:
    tick = engine()
    feed(tick, trades(*steady(1_300)))
    end = T0 + 1_299 * 100
    answer = feed(tick, *[mark(end + number * 1_000) for number in range(1, 100)])
    assert answer.ts_ms == end + 99_000
    assert answer.components["aggressor_5s"] is answer.components["aggressor_30s"] is None
    assert answer.score is None
    assert answer.components["velocity"] == 0.0
    assert (answer.components["z"] or 0.0) < 0.0
    earlier = feed(tick, mark(end))
    assert earlier.ts_ms == end + 99_000


def test_no_trade_at_all_is_no_opinion() -> None:
    assert feed(engine(), mark(T0)).reasons == ("FEW_TRADES", "TRUNCATED")
    assert feed(engine(), trades()).score is None


def test_a_gap_in_the_ids_halves_the_quality_for_one_window() -> None:
    tick = engine()
    made = steady(2_700)
    feed(tick, trades(*made[:1_300]))
    assert feed(tick, trades(*made[1_301:1_310])).reasons == ("TRADE_GAP",)
    assert feed(tick, trades(*made[1_310:2_500])).quality == 0.5
    assert feed(tick, trades(*made[2_500:])).quality == 1.0


def test_ids_that_start_again_are_a_gap_and_no_duplicates() -> None:
    tick = engine()
    feed(tick, trades(*steady(1_300)))
    again = [trade(number, T0 + 130_000 + number * 100, buy=False) for number in range(100)]
    answer = feed(tick, trades(*again))
    assert answer.ts_ms == again[-1].ts_ms
    assert answer.components["aggressor_5s"] == 0.0
    assert "TRADE_GAP" in answer.reasons


def test_a_full_ring_is_truncated_but_valid() -> None:
    answer = feed(engine(ring=600), trades(*steady(1_300)))
    assert answer.reasons == ("TRUNCATED",)
    assert answer.score == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("price", "quantity"), [(nan, 1.0), (100.0, nan), (0.0, 1.0), (1.0, -1.0), (inf, 1.0), (1.0, inf)]
)
def test_an_impossible_trade_is_left_out_and_said(price: float, quantity: float) -> None:
    tick = engine()
    made = steady(1_300)
    feed(tick, trades(*made))
    bad = trade(1_300, T0 + 130_000, buy=False, price=price, quantity=quantity)
    answer = feed(tick, trades(bad))
    assert answer.components["aggressor_5s"] == 1.0
    assert answer.reasons == ("TRADE_INVALID",)


def test_it_answers_no_books() -> None:
    assert engine().update(book(((1.0, 1.0),), ((2.0, 1.0),))) is None


def history(*items: Trade) -> TradeHistory:
    return TradeHistory(symbol="BTCUSDT", trades=items)


def test_with_its_past_it_says_what_it_would_have_said_had_it_seen_it() -> None:
    made = steady(1_500)
    whole, recalled = engine(), engine()
    seen = feed(whole, trades(*made[:1_460]))
    feed(recalled, trades(*made[1_450:1_460]))
    assert feed(recalled, history(*made[:1_455])) == seen
    assert feed(recalled, trades(*made[1_460:])) == feed(whole, trades(*made[1_460:]))


def test_a_past_that_ends_before_the_present_begins_leaves_a_gap_that_is_said() -> None:
    made = steady(1_500)
    tick = engine()
    feed(tick, trades(*made[1_480:]))
    answer = feed(tick, history(*made[:1_450]))
    assert (answer.quality, answer.reasons) == (0.5, ("TRADE_GAP",))
    assert answer.components["aggressor_120s"] == 1.0


def test_a_past_counts_once_not_late_and_not_when_it_is_none() -> None:
    made = steady(1_500)
    tick = engine()
    feed(tick, trades(*made[1_400:1_450]))
    before = feed(tick, mark(T0 + 145_000))
    assert tick.update(history(*made[1_420:])) is None, "none of it is older"
    assert tick.update(history(*made[:1_400])) is None, "it had its turn"
    assert feed(tick, mark(T0 + 145_000)) == before
    late = engine()
    feed(late, trades(*made[1_000:1_200]))
    assert late.update(history(*made[:1_000])) is None


def test_a_mark_price_before_its_past_lets_time_pass() -> None:
    made = steady(1_400)
    tick = engine()
    feed(tick, mark(T0 + 140_100))
    assert feed(tick, history(*made)).ts_ms == T0 + 140_100
