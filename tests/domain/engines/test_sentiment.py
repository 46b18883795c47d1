from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.builders import SYMBOL, T0, book, mark
from vortex.domain.engines.sentiment import SentimentEngine, SentimentParams
from vortex.domain.market import Sentiment
from vortex.domain.signal import Signal

HOURLY = (0.5,) * 720
POLL = Sentiment(
    symbol=SYMBOL, recv_ms=T0, global_long=0.5, top_position_long=0.6, ratios_ms=T0 - 60_000, global_hourly=HOURLY,
    top_position_hourly=(0.6,) * 720, funding_rate=0.0001, funding_ms=T0 - 1_000,
)  # fmt: skip


def answer_to(poll: Sentiment) -> Signal:
    answer = SentimentEngine(SentimentParams()).update(poll)
    assert answer is not None
    return answer


def test_a_neutral_poll_scores_zero_without_open_interest() -> None:
    answer = answer_to(POLL)
    assert (answer.score, answer.reasons, answer.ts_ms) == (0.0, (), T0 - 1_000)
    assert answer.quality == pytest.approx(0.85)
    assert set(answer.components) == {
        "long_share", "crowd", "funding", "smart", "funding_8h", "crowd_extreme", "funding_extreme",
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
    assert answer.reasons == (reason,)
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
    assert no_funding.reasons == ("STALE_FUNDING",)
    assert engine.update(mark(T0 + 300_000)) is None
    nothing = engine.update(mark(T0 + 840_001))
    assert nothing is not None
    assert (nothing.score, nothing.reasons) == (None, ("STALE_RATIOS", "STALE_FUNDING"))


def test_it_answers_no_books() -> None:
    assert SentimentEngine(SentimentParams()).update(book(((1.0, 1.0),), ((2.0, 1.0),))) is None
