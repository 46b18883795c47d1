from __future__ import annotations

from collections.abc import Sequence
from math import nan

import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from tests.domain.builders import T0, book, candle, candles, history, mark, trades, walks, wave
from vortex.domain.engines.regime import RegimeEngine, RegimeParams
from vortex.domain.market import Book, MarketValue
from vortex.domain.signal import Regime, Signal, VolatilityPhase

MINUTE = 60_000
RISE = [100.0 + number for number in range(96)]
TIGHT = wave(96, step=0.0005)


def feed(engine: RegimeEngine, *values: MarketValue) -> Signal:
    answer = None
    for value in values:
        answer = engine.update(value)
    assert answer is not None
    return answer


def warm(quarter: Sequence[float], minute: Sequence[float] = TIGHT) -> tuple[RegimeEngine, Signal]:
    engine = RegimeEngine(RegimeParams())
    return engine, feed(engine, history("1m", candles("1m", minute)), history("15m", candles("15m", quarter)))


def spread(bps: float, ts_ms: int) -> Book:
    half = bps / 2e4
    return book(((100.0 * (1 - half), 1.0),), ((100.0 * (1 + half), 1.0),), ts_ms=ts_ms)


@pytest.mark.parametrize(
    ("quarter", "regime", "score"),
    [(RISE, Regime.TRENDING_UP, 1.0), (RISE[::-1], Regime.TRENDING_DOWN, -1.0), (wave(96), Regime.RANGING, 0.0)],
)
def test_it_names_the_regime_and_scores_the_trend(quarter: list[float], regime: Regime, score: float) -> None:
    _, answer = warm(quarter)
    assert (answer.regime, answer.score) == (regime, score)
    assert set(answer.components) == {"adx", "er", "plus_di", "minus_di", "rho", "spread_bps"}
    assert (answer.quality, answer.reasons, answer.ts_ms) == (1.0, (), T0)


@settings(max_examples=40)
@given(walks.filter(lambda closes: len(set(closes)) > 1), walks)
def test_it_is_bounded_and_a_market_upside_down_negates_the_trend(quarter: list[float], minute: list[float]) -> None:
    def turned(closes: list[float]) -> list[float]:
        return [200.0 - close for close in closes]

    straight, other = (
        feed(
            RegimeEngine(RegimeParams()),
            history("1m", candles("1m", turn(minute), wick=0.0)),
            history("15m", candles("15m", turn(quarter), wick=0.0)),
        )
        for turn in (list, turned)
    )
    assert straight.score is not None
    assert other.score is not None
    assert -1.0 <= straight.score <= 1.0
    assert other.score == pytest.approx(-straight.score, abs=1e-6)


@pytest.mark.parametrize(("bars", "quality"), [(59, 0.0), (60, 0.5), (90, 1.0)])
def test_it_warms_up_on_15m_candles(bars: int, quality: float) -> None:
    _, answer = warm(RISE[:bars])
    assert answer.quality == quality
    assert (answer.regime == Regime.UNKNOWN) == (answer.phase is None) == (answer.score is None) == (bars == 59)


def test_it_warms_up_on_1m_candles_too() -> None:
    assert warm(RISE, TIGHT[:15])[1].reasons == ("WARMING",)
    assert warm(RISE, TIGHT[:16])[1].phase is not None


def test_a_market_that_never_moved_has_no_phase() -> None:
    _, answer = warm([100.0] * 96)
    assert (answer.score, answer.phase, answer.reasons) == (None, None, ("NO_VOLATILITY",))


@pytest.mark.parametrize(
    ("step", "phase"),
    [(0.0001, VolatilityPhase.LOW), (0.0005, VolatilityPhase.NORMAL), (0.001, VolatilityPhase.HIGH),
     (0.01, VolatilityPhase.EXTREME)],
)  # fmt: skip
def test_the_phase_is_that_of_rho(step: float, phase: VolatilityPhase) -> None:
    _, answer = warm(wave(96, step=0.002), wave(96, step=step))
    assert answer.phase == phase


def test_a_wide_forming_candle_is_extreme_at_once() -> None:
    engine, calm = warm(RISE)
    assert calm.phase != VolatilityPhase.EXTREME
    wide = candle("1m", T0, (100.0, 103.0, 100.0, 103.0), closed=False)
    shock = feed(engine, wide)
    assert (shock.phase, shock.reasons) == (VolatilityPhase.EXTREME, ("RANGE_SHOCK",))
    assert shock.score == calm.score  # open positions are still managed by it
    calmed = feed(engine, replace(wide, close=100.0, high=100.01, closed=True))
    assert (calmed.phase, calmed.reasons) == (VolatilityPhase.EXTREME, ())


def test_a_torn_spread_is_extreme_and_judged_by_its_own_median() -> None:
    engine, _ = warm(RISE)
    first = feed(engine, spread(9.0, T0 + 1_000))
    assert first.phase != VolatilityPhase.EXTREME
    assert first.components["spread_bps"] == pytest.approx(9.0)
    assert feed(engine, spread(179.0, T0 + 2_000)).reasons == ()
    engine, _ = warm(RISE)
    feed(engine, spread(9.0, T0 + 1_000))
    shock = feed(engine, spread(181.0, T0 + 1_200))
    assert (shock.phase, shock.reasons) == (VolatilityPhase.EXTREME, ("SPREAD_SHOCK",))
    assert feed(engine, spread(9.0, T0 + 1_300)).reasons == ()


def test_a_spread_nobody_knows_the_median_of_is_judged_by_the_absolute_limit() -> None:
    engine, _ = warm(RISE)
    assert feed(engine, spread(10.1, T0)).reasons == ("SPREAD_SHOCK",)


@pytest.mark.parametrize(("price", "shocked"), [(100.9, False), (101.1, True), (98.9, True), (nan, True)])
def test_a_mark_price_that_strays_from_the_last_one_is_extreme(price: float, shocked: bool) -> None:  # noqa: FBT001  # a case
    engine, _ = warm(RISE)
    last = candle("1m", T0, (100.0, 100.0, 100.0, 100.0), closed=False)
    feed(engine, last)
    assert feed(engine, mark(T0 + 2_000, price)).reasons == (("MARK_SHOCK",) if shocked else ())


def test_books_speak_once_a_second_or_when_something_changed() -> None:
    engine, _ = warm(RISE)
    spoken = [engine.update(spread(1.0, T0 + number * 100)) is not None for number in range(31)]
    assert [number for number, said in enumerate(spoken) if said] == [10, 20, 30]
    assert engine.update(spread(500.0, T0 + 3_050)) is not None
    assert engine.update(spread(500.0, T0 + 3_150)) is None


def test_live_books_do_not_hide_a_dead_candle_stream() -> None:
    engine, _ = warm(RISE)
    assert feed(engine, spread(1.0, T0 + 600_000)).ts_ms == T0


def test_a_bad_book_has_no_spread() -> None:
    engine, _ = warm(RISE)
    crossed = book(((100.0, 1.0),), ((99.0, 1.0),), ts_ms=T0 + 2_000)
    assert feed(engine, crossed).components["spread_bps"] is None


def test_a_gap_is_unknown_until_a_history_comes() -> None:
    engine, before = warm(RISE)
    made = candles("15m", [*RISE, 196.0, 197.0], end_ms=T0 + 30 * MINUTE)
    gap = feed(engine, made[-1])
    assert (gap.score, gap.regime, gap.phase, gap.quality) == (None, Regime.UNKNOWN, None, 0.0)
    assert gap.reasons == ("CANDLE_GAP",)
    assert set(gap.components.values()) == {None}
    assert feed(engine, history("15m", made)).regime == before.regime


def test_a_shock_shows_even_while_warming() -> None:
    engine = RegimeEngine(RegimeParams())
    answer = feed(engine, spread(50.0, T0))
    assert (answer.phase, answer.reasons) == (VolatilityPhase.EXTREME, ("WARMING", "SPREAD_SHOCK"))


def test_generated_history_is_said() -> None:
    engine = RegimeEngine(RegimeParams())
    made = [replace(bar, generated=True) for bar in candles("1m", TIGHT)]
    answer = feed(engine, history("1m", made), history("15m", candles("15m", RISE)))
    assert answer.score == 1.0
    assert answer.reasons == ("GENERATED_HISTORY",)


def test_it_answers_no_trades() -> None:
    assert RegimeEngine(RegimeParams()).update(trades()) is None
