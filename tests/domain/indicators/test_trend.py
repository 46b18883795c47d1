from __future__ import annotations

import pytest

from tests.domain.builders import T0, candles, history, wave
from vortex.domain.indicators.candles import CandleWindow
from vortex.domain.indicators.trend import TrendLimits, TrendTracker
from vortex.domain.indicators.wilder import Direction
from vortex.domain.market import Candle
from vortex.domain.signal import Regime

RISE = [100.0 + number for number in range(96)]
SPAN = 900_000


def tracked(closes: list[float]) -> tuple[TrendTracker, CandleWindow]:
    window = CandleWindow("15m")
    window.load(history("15m", candles("15m", closes)))
    tracker = TrendTracker(TrendLimits())
    tracker.follow(window, replay=True)
    return tracker, window


def test_a_straight_rise_trends_up_and_a_fall_down() -> None:
    up, _ = tracked(RISE)
    down, _ = tracked(RISE[::-1])
    assert (up.regime, up.score) == (Regime.TRENDING_UP, 1.0)
    assert (down.regime, down.score) == (Regime.TRENDING_DOWN, -1.0)


def test_a_swinging_market_ranges_and_scores_nothing() -> None:
    tracker, _ = tracked(wave(96))
    assert (tracker.regime, tracker.score) == (Regime.RANGING, 0.0)


def test_too_few_candles_are_no_regime() -> None:
    tracker, _ = tracked(RISE[:27])
    assert (tracker.regime, tracker.read, tracker.score) == (Regime.UNKNOWN, None, 0.0)


def test_the_regime_after_a_history_is_that_of_following_its_candles() -> None:
    closes = [*RISE, *(195.0 + value - 100.0 for value in wave(40, step=0.01))]
    made = candles("15m", closes)
    window = CandleWindow("15m")
    window.load(history("15m", made[:60]))
    live = TrendTracker(TrendLimits())
    live.follow(window, replay=True)
    regimes = []
    for bar in made[60:96]:
        window.update(bar)
        live.follow(window, replay=False)
        regimes.append(live.regime)
    replayed = TrendTracker(TrendLimits())
    replayed.follow(window, replay=True)
    assert (live.regime, live.read, live.efficiency) == (replayed.regime, replayed.read, replayed.efficiency)
    assert regimes[-1] == Regime.TRENDING_UP


@pytest.mark.parametrize(
    ("reads", "regimes"),
    [
        ([(25.0, 0.30)], [Regime.TRENDING_UP]),
        ([(24.9, 0.90)], [Regime.RANGING]),
        ([(90.0, 0.29)], [Regime.RANGING]),
        ([(25.0, 0.30), (20.0, 0.20), (19.9, 0.90)], [Regime.TRENDING_UP, Regime.TRENDING_UP, Regime.RANGING]),
        ([(25.0, 0.30), (30.0, 0.19), (24.0, 0.90)], [Regime.TRENDING_UP, Regime.RANGING, Regime.RANGING]),
    ],
)
def test_a_trend_is_entered_high_and_left_low(reads: list[tuple[float, float]], regimes: list[Regime]) -> None:
    tracker = TrendTracker(TrendLimits())
    seen = []
    for adx, efficiency in reads:
        tracker._step(Direction(adx, 30.0, 10.0), efficiency)
        seen.append(tracker.regime)
    assert seen == regimes


def test_a_tie_keeps_the_side() -> None:
    tracker = TrendTracker(TrendLimits())
    tracker._step(Direction(30.0, 10.0, 30.0), 0.5)
    tracker._step(Direction(30.0, 20.0, 20.0), 0.5)
    assert (tracker.regime, tracker.score) == (Regime.TRENDING_DOWN, -0.5)
    tracker._step(Direction(30.0, 21.0, 20.0), 0.5)
    assert (tracker.regime, tracker.score) == (Regime.TRENDING_UP, 0.5)


def test_a_new_candle_after_a_hole_forgets_the_trend() -> None:
    tracker, window = tracked(RISE)
    late: Candle = candles("15m", [300.0], end_ms=T0 + 5 * SPAN)[0]
    window.update(late)
    tracker.follow(window, replay=False)
    assert (tracker.regime, tracker.read) == (Regime.UNKNOWN, None)
