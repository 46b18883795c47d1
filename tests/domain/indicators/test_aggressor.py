from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.indicators.aggressor import TradeRate, aggressor_ratio, aggressor_score


def test_no_volume_has_no_ratio() -> None:
    assert aggressor_ratio(0.0, 0.0) is None
    assert aggressor_ratio(3.0, 1.0) == 0.75


@given(st.floats(0, 1))
def test_the_score_is_bounded_and_odd(ratio: float) -> None:
    assert -1.0 <= aggressor_score(ratio) <= 1.0
    assert aggressor_score(ratio) == pytest.approx(-aggressor_score(1.0 - ratio), abs=1e-12)


def steady(rate: TradeRate, seconds: int, trades: int) -> int:
    for second in range(seconds):
        rate.tick(second * 1_000, trades)
    return seconds * 1_000


def test_the_rate_counts_complete_seconds_only_and_is_silent_until_warm() -> None:
    rate = TradeRate(half_life_s=300, warm_s=10)
    end = steady(rate, 11, trades=4)
    assert rate.z(100.0) == 0.0  # the first second was seen in part, the last one is not over
    rate.tick(end)
    assert rate.z(5.0) == pytest.approx((5.0 - 4.0) / 0.5)


def test_a_quiet_second_counts_as_zero() -> None:
    quiet, busy = TradeRate(300, 3), TradeRate(300, 3)
    for rate, pause in ((quiet, 6_000), (busy, 0)):
        end = steady(rate, 20, trades=4)
        rate.tick(end + pause)
    assert quiet.z(4.0) > busy.z(4.0) == pytest.approx(0.0)


def test_what_happened_in_a_long_silence_is_unknown() -> None:
    rate = TradeRate(300, 3)
    end = steady(rate, 20, trades=4)
    rate.tick(end + 60_000, trades=1)
    rate.tick(end + 61_000)  # the second that ended the silence was seen in part
    assert rate.z(4.0) == pytest.approx(0.0)


def test_a_late_trade_counts_in_the_present_second() -> None:
    rate = TradeRate(300, 1)
    rate.tick(0)
    rate.tick(1_000)
    rate.tick(900, trades=3)
    rate.tick(2_000)
    assert rate.z(3.0) == pytest.approx(0.0)
    assert rate.z(3.5) == pytest.approx(1.0)
