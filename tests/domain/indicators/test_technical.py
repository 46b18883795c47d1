"""Wilder's indicators, bands and variation against TA-Lib, on flat markets, and under a change of scale."""

from __future__ import annotations

import numpy as np
import pytest
import talib
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.domain.builders import candles, walks, wave
from vortex.domain.indicators.bands import (
    Band,
    bollinger,
    ema_series,
    keltner_series,
    momentum,
    squeeze_fired,
    squeeze_series,
)
from vortex.domain.indicators.variation import efficiency_ratio, rms_log_return, volatility_ratio
from vortex.domain.indicators.wilder import Direction, atr_series, direction_series, rsi

FLAT = [100.0] * 96


def bars(closes: list[float]) -> tuple[list[float], list[float], list[float]]:
    made = candles("1m", closes)
    return [bar.high for bar in made], [bar.low for bar in made], closes


@settings(max_examples=40)
@given(walks.filter(lambda closes: len(set(closes[-16:])) > 1))
def test_every_indicator_equals_talib(closes: list[float]) -> None:
    highs, lows, _ = prices = bars(closes)
    high, low, close = (np.array(series) for series in prices)
    assert rsi(closes) == pytest.approx(talib.RSI(close, 14)[-1], rel=1e-9, abs=1e-9)
    assert [read.adx for read in direction_series(*prices)] == pytest.approx(talib.ADX(high, low, close, 14)[27:])
    last = direction_series(*prices)[-1]
    assert last.plus_di == pytest.approx(talib.PLUS_DI(high, low, close, 14)[-1], rel=1e-9, abs=1e-9)
    assert last.minus_di == pytest.approx(talib.MINUS_DI(high, low, close, 14)[-1], rel=1e-9, abs=1e-9)
    for period in (10, 14):
        assert atr_series(highs, lows, closes, period) == pytest.approx(talib.ATR(high, low, close, period)[period:])
    assert ema_series(closes) == pytest.approx(talib.EMA(close, 20)[19:])
    upper, middle, lower = talib.BBANDS(close, 20, 2.0, 2.0)
    assert bollinger(closes) == pytest.approx((lower[-1], middle[-1], upper[-1]), rel=1e-9)


def test_too_few_candles_give_nothing() -> None:
    highs, lows, closes = prices = bars(FLAT[:14])
    figures = [rsi(closes), bollinger(closes), momentum(*prices), efficiency_ratio(closes), rms_log_return([1.0])]
    assert figures == [None] * 5
    assert volatility_ratio(FLAT[:15], FLAT) is volatility_ratio(FLAT, FLAT[:1]) is None
    assert not atr_series(highs, lows, closes, 14)
    assert not ema_series(closes)
    assert not keltner_series(*prices)
    assert not direction_series(*prices)
    assert not squeeze_series(*prices, last=4)
    assert squeeze_fired(*prices) == 0


def test_a_flat_market_has_defined_readings() -> None:
    flat = (FLAT, FLAT, FLAT)
    assert rsi(FLAT) == 50.0
    band = bollinger(FLAT)
    assert band is not None
    assert band.position(100.0) == 0.5
    assert atr_series(*flat, 14)[-1] == 0.0
    assert direction_series(*flat)[-1] == Direction(0.0, 0.0, 0.0)
    assert efficiency_ratio(FLAT) == momentum(*flat) == 0.0
    assert squeeze_series(*flat, last=4) == [False] * 4
    assert volatility_ratio(FLAT, FLAT) is None


def test_a_market_that_only_rises_is_at_the_end_of_every_scale() -> None:
    rise = [100.0 + number for number in range(96)]
    assert rsi(rise) == 100.0
    assert rsi(rise[::-1]) == 0.0
    assert efficiency_ratio(rise) == 1.0
    assert direction_series(*bars(rise))[-1].adx > 90.0
    assert (momentum(*bars(rise)) or 0.0) > 0.0


def test_percent_b_is_where_a_price_stands_in_its_band() -> None:
    band = Band(90.0, 100.0, 110.0)
    assert [band.position(price) for price in (85.0, 90.0, 100.0, 110.0)] == [-0.25, 0.0, 0.5, 1.0]


@settings(max_examples=40)
@given(walks.filter(lambda closes: len(set(closes)) > 1), st.sampled_from([1e-5, 0.01, 3.0, 1e4]))
def test_ratios_do_not_depend_on_the_price_scale(closes: list[float], scale: float) -> None:
    scaled = [close * scale for close in closes]
    assert rsi(scaled) == pytest.approx(rsi(closes), rel=1e-7)
    assert efficiency_ratio(scaled) == pytest.approx(efficiency_ratio(closes), rel=1e-7)
    assert direction_series(*bars(scaled))[-1] == pytest.approx(direction_series(*bars(closes))[-1], rel=1e-7)
    assert volatility_ratio(scaled, scaled) == pytest.approx(volatility_ratio(closes, closes), rel=1e-7)
    band, wide = bollinger(closes), bollinger(scaled)
    assert band is not None
    assert wide is not None
    if band.upper > band.lower * (1 + 1e-9):
        assert wide.position(scaled[-1]) == pytest.approx(band.position(closes[-1]), rel=1e-6, abs=1e-6)


@given(walks)
def test_ratios_are_bounded(closes: list[float]) -> None:
    strength, straightness = rsi(closes), efficiency_ratio(closes)
    assert strength is not None
    assert straightness is not None
    assert 0.0 <= strength <= 100.0
    assert 0.0 <= straightness <= 1.0
    assert all(0.0 <= value <= 100.0 for read in direction_series(*bars(closes)) for value in read)


def squeezed(jump: float) -> list[float]:
    """A quiet market whose candles are wide for its closes, then a jump that ends the squeeze."""
    return [*wave(80, step=0.00005), 100.0 + jump]


@pytest.mark.parametrize(("jump", "direction"), [(3.0, 1), (-3.0, -1)])
def test_a_squeeze_that_ends_fires_in_the_direction_of_momentum_for_three_bars(jump: float, direction: int) -> None:
    closes = squeezed(jump)
    assert squeeze_series(*bars(closes), last=2) == [True, False]
    fired = []
    for _ in range(4):
        fired.append(squeeze_fired(*bars(closes)))
        closes = [*closes, closes[-1]]
    assert fired == [direction, direction, direction, 0]


def test_no_squeeze_fires_while_it_lasts() -> None:
    assert squeeze_fired(*bars(squeezed(0.0))) == 0


def test_rho_compares_a_minute_with_what_a_quarter_hour_promises() -> None:
    quarter = [100.0 * (1.01 if number % 2 else 1.0) for number in range(96)]
    minute = [100.0 * (1.01 if number % 2 else 1.0) for number in range(16)]
    assert volatility_ratio(minute, quarter) == pytest.approx(15**0.5)
    assert volatility_ratio([100.0] * 16, quarter) == 0.0
