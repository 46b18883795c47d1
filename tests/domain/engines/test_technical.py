from __future__ import annotations

from collections.abc import Mapping
from math import nan

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.domain.builders import T0, candle, candles, history, mark, walks, wave
from vortex.domain.engines.technical import TechnicalEngine, TechnicalParams, read
from vortex.domain.indicators.bands import bollinger
from vortex.domain.indicators.candles import CandleWindow
from vortex.domain.indicators.wilder import rsi
from vortex.domain.market import Interval, MarketValue
from vortex.domain.signal import Signal

MINUTE = 60_000
KEYS = {"mr", "tr", "last"} | {
    f"{name}_{interval}" for name in ("rsi", "lower", "upper", "atr14", "squeeze_fired") for interval in ("1m", "15m")
}


def feed(engine: TechnicalEngine, *values: MarketValue) -> Signal:
    answers = [engine.update(value) for value in values]
    assert None not in answers
    answer = answers[-1]
    assert answer is not None
    return answer


def warm(minute: list[float], quarter: list[float]) -> tuple[TechnicalEngine, Signal]:
    engine = TechnicalEngine(TechnicalParams())
    return engine, feed(engine, history("1m", candles("1m", minute)), history("15m", candles("15m", quarter)))


@settings(max_examples=40)
@given(walks, walks)
def test_the_score_is_bounded_and_the_mean_of_its_two_readings(minute: list[float], quarter: list[float]) -> None:
    _, answer = warm(minute, quarter)
    mr, tr = answer.components["mr"], answer.components["tr"]
    assert answer.score is not None
    assert mr is not None
    assert tr is not None
    assert -1.0 <= mr <= 1.0
    assert -1.0 <= tr <= 1.0
    assert answer.score == 0.5 * (mr + tr)


@settings(max_examples=40)
@given(walks, walks)
def test_a_market_upside_down_negates_both_readings(minute: list[float], quarter: list[float]) -> None:
    def flip(closes: list[float]) -> list[float]:
        return [200.0 - close for close in closes]

    def parts(minute: list[float], quarter: list[float]) -> Mapping[str, float | None]:
        bars = candles("1m", minute, wick=0.0), candles("15m", quarter, wick=0.0)
        engine = TechnicalEngine(TechnicalParams())
        return feed(engine, history("1m", bars[0]), history("15m", bars[1])).components

    straight, turned = parts(minute, quarter), parts(flip(minute), flip(quarter))
    for name in ("mr", "tr"):
        assert turned[name] == pytest.approx(-(straight[name] or 0.0), abs=1e-6)


def test_every_component_is_told_and_agrees_with_its_definition() -> None:
    closes = wave(96)
    _, answer = warm(closes, closes)
    assert set(answer.components) == KEYS
    band = bollinger(closes)
    assert band is not None
    assert answer.components["rsi_1m"] == answer.components["rsi_15m"] == rsi(closes)
    assert (answer.components["lower_1m"], answer.components["upper_15m"]) == (band.lower, band.upper)
    assert answer.components["last"] == closes[-1]
    assert (answer.quality, answer.reasons, answer.ts_ms) == (1.0, (), T0)


@pytest.mark.parametrize(
    ("bars", "quality", "reasons"), [(59, 0.0, ("WARMING",)), (60, 0.5, ()), (89, 0.5, ()), (90, 1.0, ())]
)
def test_it_warms_up(bars: int, quality: float, reasons: tuple[str, ...]) -> None:
    _, answer = warm(wave(96), wave(bars))
    assert (answer.quality, answer.reasons) == (quality, reasons)
    assert (answer.score is None) == bool(reasons)
    assert (answer.components["atr14_1m"] is None) == bool(reasons)


def test_a_forming_candle_moves_only_the_last_price_and_a_closed_one_everything() -> None:
    engine, before = warm(wave(96), wave(96))
    forming = candle("1m", T0, (100.0, 130.0, 70.0, 120.0), closed=False)
    during = feed(engine, forming)
    assert during.components == {**before.components, "last": 120.0}
    after = feed(engine, replace(forming, closed=True))
    assert after.ts_ms == T0 + MINUTE
    assert after.components["rsi_1m"] != before.components["rsi_1m"]
    assert after.components["rsi_15m"] == before.components["rsi_15m"]


@pytest.mark.parametrize("interval", ["1m", "15m"])
def test_a_gap_silences_it_until_a_history_comes(interval: Interval) -> None:
    engine, _ = warm(wave(96), wave(96))
    span = {"1m": MINUTE, "15m": 15 * MINUTE}[interval]
    made = candles(interval, wave(98), end_ms=T0 + 2 * span)
    answer = feed(engine, made[-1])
    assert (answer.score, answer.reasons[0]) == (None, "CANDLE_GAP")
    refilled = feed(engine, history(interval, made))
    assert refilled.score is not None or refilled.reasons == ("CANDLE_STALE",)


def test_an_invalid_candle_has_no_score() -> None:
    engine, _ = warm(wave(96), wave(96))
    answer = feed(engine, candle("1m", T0, (100.0, nan, 100.0, 100.0), closed=False))
    assert (answer.score, answer.reasons) == (None, ("CANDLE_INVALID",))


def test_generated_history_is_said() -> None:
    engine, _ = warm(wave(96), wave(96))
    made = [replace(bar, generated=True) for bar in candles("15m", wave(96))]
    answer = feed(engine, history("15m", made))
    assert answer.score is not None
    assert answer.reasons == ("GENERATED_HISTORY",)


def test_a_market_that_never_moved_is_neither_stretched_nor_running() -> None:
    window = CandleWindow("1m")
    window.load(history("1m", candles("1m", [100.0] * 96, wick=0.0)))
    reading = read(window)
    assert reading is not None
    assert (reading.mr, reading.tr, reading.rsi) == (0.0, 0.0, 50.0)


def test_a_rise_reverts_down_and_trends_up() -> None:
    rise = [100.0 + number for number in range(96)]
    _, answer = warm(rise, rise)
    assert (answer.components["mr"] or 0.0) < -0.8
    assert answer.components["tr"] == 1.0


def test_it_answers_no_mark_price() -> None:
    assert TechnicalEngine(TechnicalParams()).update(mark(T0)) is None
