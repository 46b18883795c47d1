from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.builders import SYMBOL, T0, book, candles, history, mark
from vortex.domain.engines.sentiment import SentimentEngine, SentimentParams
from vortex.domain.market import Liquidation, Sentiment
from vortex.domain.signal import Signal

HOURLY = (0.5,) * 720
POLL = Sentiment(
    symbol=SYMBOL, recv_ms=T0, global_long=0.5, top_position_long=0.6, ratios_ms=T0 - 60_000, global_hourly=HOURLY,
    top_position_hourly=(0.6,) * 720, funding_rate=0.0001, funding_ms=T0 - 1_000,
)  # fmt: skip


LATER = {"STALE_INTEREST", "INTEREST_WARMING", "CLUSTERS_WARMING"}
"""What needs more than one poll."""


def reasons(answer: Signal) -> tuple[str, ...]:
    return tuple(reason for reason in answer.reasons if reason not in LATER)


def answer_to(poll: Sentiment) -> Signal:
    answer = SentimentEngine(SentimentParams()).update(poll)
    assert answer is not None
    return answer


def test_a_neutral_poll_scores_zero_without_open_interest() -> None:
    answer = answer_to(POLL)
    assert (answer.score, reasons(answer), answer.ts_ms) == (0.0, (), T0 - 1_000)
    assert answer.quality == pytest.approx(0.85)
    assert set(answer.components) == {
        "long_share", "crowd", "funding", "smart", "funding_8h", "crowd_extreme", "funding_extreme", "interest",
        "cluster_above", "cluster_above_share", "cluster_below", "cluster_below_share",
        "long_liquidated_ms", "short_liquidated_ms", "long_flush_usdt", "short_flush_usdt",
    }  # fmt: skip


def test_its_parts_are_weighted_over_those_present() -> None:
    answer = answer_to(replace(POLL, global_long=0.70, top_position_long=0.60, funding_rate=0.0003))
    assert answer.components["crowd"] == pytest.approx(-2 / 3)
    assert answer.components["funding"] == pytest.approx(-0.5)
    assert answer.components["smart"] == pytest.approx(-1.0)
    assert answer.score == pytest.approx((0.40 * -2 / 3 + 0.25 * -0.5 + 0.20 * -1.0) / 0.85)


def test_an_extreme_names_the_contrarian_direction() -> None:
    crowded = answer_to(replace(POLL, global_long=0.75, funding_rate=0.0006)).components
    assert (crowded["crowd_extreme"], crowded["funding_extreme"]) == (-1, -1)
    shunned = answer_to(replace(POLL, global_long=0.25, funding_rate=-0.0006)).components
    assert (shunned["crowd_extreme"], shunned["funding_extreme"]) == (1, 1)


def test_funding_is_read_per_eight_hours() -> None:
    answer = answer_to(replace(POLL, funding_rate=0.00015, funding_interval_h=4))
    assert answer.components["funding_8h"] == pytest.approx(0.0003)


@given(st.floats(0, 1), st.floats(0, 1), st.floats(-0.01, 0.01))
def test_it_is_bounded_and_turning_everything_negates_it(crowd: float, top: float, rate: float) -> None:
    straight = answer_to(replace(POLL, global_long=crowd, top_position_long=top, funding_rate=rate))
    turned = answer_to(
        replace(
            POLL, global_long=1 - crowd, top_position_long=1 - top, funding_rate=-rate,
            top_position_hourly=(0.4,) * 720,
        )
    )  # fmt: skip
    assert straight.score is not None
    assert turned.score is not None
    assert -1.0 <= straight.score <= 1.0
    assert turned.score == pytest.approx(-straight.score, abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "scored", "reason"),
    [
        ({"ratios_ms": None}, False, "STALE_RATIOS"),
        ({"ratios_ms": T0 - 900_001}, False, "STALE_RATIOS"),
        ({"funding_ms": None}, True, "STALE_FUNDING"),
        ({"funding_ms": T0 - 300_001}, True, "STALE_FUNDING"),
        ({"global_long": nan}, False, "RATIOS_INVALID"),
        ({"global_long": 1.5}, False, "RATIOS_INVALID"),
        ({"global_long": None}, False, "RATIOS_INVALID"),
        ({"funding_rate": inf}, True, "FUNDING_INVALID"),
        ({"funding_rate": nan}, True, "FUNDING_INVALID"),
        ({"funding_interval_h": 0}, True, "FUNDING_INVALID"),
        ({"top_position_long": nan}, True, "WARMING"),
        ({"global_hourly": HOURLY[:47]}, True, "WARMING"),
        ({"global_hourly": (nan,) * 720}, True, "WARMING"),
        ({"generated": True}, True, "GENERATED"),
    ],
)
def test_what_is_missing_is_named(changes: dict[str, object], scored: bool, reason: str) -> None:  # noqa: FBT001  # a case
    answer = answer_to(replace(POLL, **changes))
    assert reasons(answer) == (reason,)
    assert (answer.score is not None) == scored


def test_less_than_sixty_percent_of_the_weight_is_silent() -> None:
    answer = answer_to(replace(POLL, funding_ms=None, global_hourly=()))
    assert (answer.score, answer.quality) == (None, 0.40)


def test_a_poll_that_stays_out_goes_stale_by_the_mark_price_s_time() -> None:
    engine = SentimentEngine(SentimentParams())
    assert engine.update(mark(T0)) is None
    assert engine.update(POLL) is not None
    assert engine.update(mark(T0 + 299_000)) is None
    no_funding = engine.update(mark(T0 + 299_001))
    assert no_funding is not None
    assert reasons(no_funding) == ("STALE_FUNDING",)
    assert engine.update(mark(T0 + 300_000)) is None
    nothing = engine.update(mark(T0 + 840_001))
    assert nothing is not None
    assert (nothing.score, reasons(nothing)) == (None, ("STALE_RATIOS", "STALE_FUNDING"))


def test_it_answers_no_books() -> None:
    assert SentimentEngine(SentimentParams()).update(book(((1.0, 1.0),), ((2.0, 1.0),))) is None


def warm() -> SentimentEngine:
    """Fifteen minutes in which the price rose by one ATR and open interest by a full percent."""
    engine = SentimentEngine(SentimentParams())
    engine.update(history("15m", candles("15m", [100.0] * 60, wick=0.005)))
    for number in range(31):
        ts_ms = T0 + number * 30_000
        engine.update(mark(ts_ms, 100.0 + number / 30))
        engine.update(replace(POLL, recv_ms=ts_ms, ratios_ms=ts_ms, funding_ms=ts_ms, open_interest_ms=ts_ms,
                              open_interest=1_000.0 + number / 3))  # fmt: skip
    return engine


def test_open_interest_that_confirms_the_price_is_followed_until_it_is_stale() -> None:
    engine = warm()
    late_ms = T0 + 900_000 + 120_000
    answer = engine.update(replace(POLL, recv_ms=late_ms, ratios_ms=late_ms, funding_ms=late_ms,
                                   open_interest=1_010.0, open_interest_ms=T0 + 900_000))  # fmt: skip
    assert answer is not None
    assert answer.components["interest"] == pytest.approx(1.0, abs=0.02)
    assert answer.quality == pytest.approx(1.0)
    assert answer.score == pytest.approx(0.15 * (answer.components["interest"] or 0.0))
    stale = engine.update(mark(late_ms + 1, 101.0))
    assert stale is not None
    assert (stale.components["interest"], stale.reasons) == (None, ("STALE_INTEREST", "CLUSTERS_WARMING"))


def liquidated(ts_ms: int, *, long: bool, price: float = 100.0) -> Liquidation:
    return Liquidation(symbol=SYMBOL, ts_ms=ts_ms, recv_ms=ts_ms, long=long, price=price, quantity=2.0)


def test_a_liquidation_is_told_at_once_and_fades() -> None:
    engine = warm()
    answer = engine.update(liquidated(T0 + 900_500, long=True))
    assert answer is not None
    parts = answer.components
    assert (parts["long_liquidated_ms"], parts["short_liquidated_ms"]) == (T0 + 900_500, None)
    assert (parts["long_flush_usdt"], parts["short_flush_usdt"]) == (200.0, 0.0)
    half = engine.update(liquidated(T0 + 900_500 + 1_800_000, long=False))
    assert half is not None
    assert (half.components["long_flush_usdt"], half.components["short_flush_usdt"]) == (100.0, 200.0)


@pytest.mark.parametrize("price", [nan, inf, 0.0, -1.0])
def test_what_is_no_liquidation_says_nothing(price: float) -> None:
    assert warm().update(liquidated(T0, long=True, price=price)) is None
    assert SentimentEngine(SentimentParams()).update(liquidated(T0, long=True)) is None


def test_candles_alone_say_nothing() -> None:
    engine = warm()
    forming = replace(candles("15m", [100.0])[0], closed=False)
    for each in (*candles("1m", [100.0, 101.0]), *candles("15m", [100.0]), forming):
        assert engine.update(each) is None


def test_without_candles_open_interest_has_no_measure() -> None:
    engine = SentimentEngine(SentimentParams())
    engine.update(mark(T0))
    answer = engine.update(replace(POLL, open_interest=1_000.0, open_interest_ms=T0))
    assert answer is not None
    assert (answer.components["interest"], answer.reasons) == (None, ("INTEREST_WARMING", "CLUSTERS_WARMING"))
