from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.kit.sim_market import candle
from vortex.sim.core.candle_bend import KEPT, CandleBend
from vortex.sim.core.market import CandleEvent

MINUTE_MS = 60_000
ZERO = Decimal(0)


def forming(ts_ms: int, high: int, low: int, close: int, volume: int = 10) -> CandleEvent:
    """The candle of the first minute, open at 100."""
    return structs.replace(
        candle("BTCUSDT", "1m", 0, ts_ms, closed=False),
        open=Decimal(100), high=Decimal(high), low=Decimal(low), close=Decimal(close),
        volume=Decimal(volume), quote_volume=Decimal(volume * 100), taker_buy_volume=ZERO,
        taker_buy_quote_volume=ZERO,
    )  # fmt: skip


def ohlc(event: CandleEvent) -> tuple[int, int, int, int]:
    return int(event.open), int(event.high), int(event.low), int(event.close)


def test_what_was_shown_before_the_jump_stays_in_the_candle() -> None:
    bend = CandleBend()
    bend.begin([forming(10, 105, 95, 101)])
    assert ohlc(bend.show(forming(20, 105, 95, 102), Decimal(-50))) == (100, 105, 52, 52)
    assert ohlc(bend.show(forming(30, 110, 95, 110), Decimal(-50))) == (100, 105, 52, 60)
    assert ohlc(bend.show(forming(40, 110, 90, 96), Decimal(-50))) == (100, 105, 40, 46)


def test_volume_is_valued_where_it_traded() -> None:
    bend = CandleBend()
    bend.begin([forming(10, 105, 95, 100, volume=10)])
    shown = bend.show(forming(20, 105, 95, 100, volume=14), Decimal(-50))
    assert (shown.volume, shown.quote_volume) == (Decimal(14), Decimal(1_000 + 4 * 50))


def test_with_one_shift_from_the_beginning_it_is_the_shifted_candle() -> None:
    bend = CandleBend()
    for ts_ms, (high, low, close) in enumerate([(101, 99, 100), (104, 99, 103), (104, 92, 95)]):
        shown = bend.show(forming(ts_ms, high, low, close), Decimal(7))
        assert ohlc(shown) == (107, high + 7, low + 7, close + 7)
        assert shown.quote_volume == Decimal(1_070)


@given(st.lists(st.tuples(st.integers(50, 150), st.integers(-40, 40)), min_size=1, max_size=30))
def test_a_shown_candle_holds_its_prices(steps: list[tuple[int, int]]) -> None:
    bend, shown, closes = CandleBend(), list[CandleEvent](), [100]
    for ts_ms, (close, shift) in enumerate(steps):
        closes.append(close)
        shown.append(bend.show(forming(ts_ms, max(closes), min(closes), close), Decimal(shift)))
    for event in shown:
        assert event.low <= min(event.open, event.close) <= max(event.open, event.close) <= event.high
    assert shown[-1].high >= max(event.close for event in shown)
    assert shown[-1].low <= min(event.close for event in shown)


def test_the_newest_closed_candles_are_remembered() -> None:
    bend = CandleBend()
    source = [candle("BTCUSDT", "1m", minute * MINUTE_MS, minute * MINUTE_MS) for minute in range(KEPT + 2)]
    shown = [bend.show(event, Decimal(1)) for event in source]
    assert bend.over(source, "1m") == [*source[:2], *shown[2:]]
    assert bend.over(source, "15m") == source
