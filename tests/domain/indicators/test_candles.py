from __future__ import annotations

from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from tests.domain.builders import T0, candle, candles, history, wave
from vortex.domain.indicators.candles import CAPACITY, CandlePair, CandleWindow, is_valid
from vortex.domain.market import Candle

MINUTE = 60_000
BARS = candles("1m", wave(100))
NEXT = candles("1m", wave(10), end_ms=T0 + 10 * MINUTE)


def forming(open_ms: int, price: float = 101.0) -> Candle:
    return candle("1m", open_ms, (price, price, price, price), closed=False)


def loaded(bars: list[Candle] = BARS) -> CandleWindow:
    window = CandleWindow("1m")
    window.load(history("1m", bars))
    return window


@pytest.mark.parametrize(
    "prices",
    [(nan, 2.0, 1.0, 1.5), (1.0, inf, 1.0, 1.5), (0.0, 2.0, 0.0, 1.0), (1.0, 2.0, -1.0, 1.0), (1.0, 1.4, 1.0, 1.5),
     (1.0, 2.0, 1.1, 1.5), (1.0, 2.0, nan, 1.5), (1.0, nan, 1.0, 1.5), (1.0, 2.0, 1.0, nan)],
)  # fmt: skip
def test_a_candle_that_no_market_can_print_is_invalid(prices: tuple[float, float, float, float]) -> None:
    assert not is_valid(candle("1m", T0, prices))


@pytest.mark.parametrize("volume", [-1.0, nan, inf])
def test_a_volume_is_a_finite_number(volume: float) -> None:
    assert not is_valid(replace(BARS[0], volume=volume))
    assert is_valid(replace(BARS[0], volume=0.0))


def test_a_history_gives_its_newest_closed_candles_and_the_forming_one() -> None:
    window = loaded([*BARS, forming(T0)])
    assert list(window.closed) == BARS[-CAPACITY:]
    assert (window.fault, window.end_ms, window.ts_ms, window.last) == (None, T0, T0, 101.0)


def test_an_empty_window_knows_nothing() -> None:
    window = CandleWindow("1m")
    assert (window.fault, window.end_ms, window.ts_ms, window.last) == (None, 0, 0, None)
    window.load(history("1m", []))
    assert not window.closed


def test_only_a_closed_candle_changes_the_window() -> None:
    window = loaded()
    assert not window.update(forming(T0))
    assert window.last == 101.0
    assert window.update(NEXT[0])
    assert window.closed[-1] == NEXT[0]
    assert window.forming is None
    assert window.last == NEXT[0].close


def test_a_repeated_candle_changes_nothing_and_a_corrected_one_does() -> None:
    window = loaded()
    assert not window.update(BARS[-1])
    assert not window.update(BARS[-2])
    assert not window.update(forming(T0 - MINUTE))
    assert window.forming is None
    corrected = replace(BARS[-1], volume=7.0)
    assert window.update(corrected)
    assert window.closed[-1] == corrected
    assert len(window.closed) == CAPACITY


def test_a_missing_candle_is_a_gap_until_a_history_fills_it() -> None:
    window = loaded()
    window.update(NEXT[1])
    assert window.fault == "CANDLE_GAP"
    window.update(NEXT[2])
    assert window.fault == "CANDLE_GAP"
    window.load(history("1m", BARS[:-1]))  # too old to reach what came since
    assert window.fault == "CANDLE_GAP"
    window.load(history("1m", [*BARS, NEXT[0]]))
    assert window.fault is None
    assert list(window.closed) == [*BARS, *NEXT[:3]][-CAPACITY:]


def test_a_forming_candle_that_skips_one_is_a_gap_until_the_skipped_one_comes() -> None:
    window = loaded()
    window.update(forming(T0 + MINUTE))
    assert window.fault == "CANDLE_GAP"
    window.update(NEXT[0])
    assert window.fault is None
    assert window.forming is not None
    window.update(forming(T0))  # late: never back
    assert window.forming.open_ms == T0 + MINUTE


def test_of_a_history_with_a_hole_only_what_follows_is_used() -> None:
    window = loaded([*BARS[:50], *BARS[60:]])
    assert list(window.closed) == BARS[60:]
    assert window.fault is None
    assert list(loaded([*BARS[:50], replace(BARS[50], close=nan), *BARS[51:]]).closed) == BARS[51:]


def test_an_invalid_candle_says_so_and_an_invalid_closed_one_leaves_a_hole() -> None:
    window = loaded()
    window.update(replace(forming(T0), high=nan))
    assert window.fault == "CANDLE_INVALID"
    window.update(forming(T0))
    assert window.fault is None
    window.update(replace(NEXT[0], low=-1.0))
    assert window.fault == "CANDLE_INVALID"
    window.update(NEXT[1])
    assert window.fault == "CANDLE_GAP"
    window.load(history("1m", [*BARS, *NEXT[:2]]))
    assert window.fault is None


@given(st.lists(st.integers(0, len(NEXT) - 1), max_size=30))
def test_whatever_comes_the_closed_candles_have_no_hole(order: list[int]) -> None:
    window = loaded()
    for number in order:
        window.update(NEXT[number])
        opens = [bar.open_ms for bar in window.closed]
        assert opens == list(range(opens[0], opens[-1] + 1, MINUTE))


def test_a_pair_notices_that_the_15m_candles_stay_out() -> None:
    pair = CandlePair()
    pair.update(history("15m", candles("15m", wave(96))))
    pair.update(history("1m", BARS))
    assert (pair.fault, pair.ts_ms, pair.bars, pair.generated) == (None, T0, 96, False)
    for bar in candles("1m", wave(15), end_ms=T0 + 15 * MINUTE):
        assert pair.update(bar) is pair.minute
    assert pair.fault is None
    pair.update(forming(T0 + 16 * MINUTE))
    assert pair.fault == "CANDLE_GAP"
    pair.update(candle("1m", T0 + 15 * MINUTE, (100.0, 100.0, 100.0, 100.0)))
    assert pair.fault == "CANDLE_STALE"
    assert pair.update(candle("15m", T0, (100.0, 100.0, 100.0, 100.0), generated=True)) is pair.quarter
    assert pair.fault is None
    assert pair.generated
