from __future__ import annotations

from vortex.app.candles import Candles
from vortex.domain.market import Candle, CandleHistory, Interval, MarkPrice

MINUTE_MS = 60_000


def candle(number: int, close: float = 1.0, *, closed: bool = True, interval: Interval = "1m") -> Candle:
    return Candle(
        symbol="BTCUSDT", interval=interval, open_ms=number * MINUTE_MS, open=1.0, high=2.0, low=0.5, close=close,
        volume=1.0, taker_buy_volume=0.5, closed=closed,
    )  # fmt: skip


def test_a_forming_candle_is_replaced_and_a_closed_one_stays() -> None:
    candles = Candles()
    candles.observe(CandleHistory(symbol="BTCUSDT", interval="1m", candles=(candle(1), candle(2, closed=False))))
    candles.observe(candle(2, 1.5, closed=False))
    candles.observe(candle(2, 1.7))
    candles.observe(candle(2, 1.1, closed=False))
    candles.observe(candle(3, closed=False))
    candles.observe(candle(4, interval="15m"))
    assert [(each.open_ms // MINUTE_MS, each.close) for each in candles.of("BTCUSDT")] == [(1, 1.0), (2, 1.7), (3, 1.0)]
    assert [each.open_ms // MINUTE_MS for each in candles.of("BTCUSDT", 2)] == [2, 3]
    assert candles.of("ETHUSDT") == ()


def test_only_the_newest_are_kept_whatever_order_they_come_in() -> None:
    candles = Candles(kept=2)
    for number in (3, 1, 2):
        candles.observe(candle(number))
    assert [each.open_ms // MINUTE_MS for each in candles.of("BTCUSDT")] == [2, 3]


def test_other_values_are_none_of_its_business() -> None:
    candles = Candles()
    candles.observe(
        MarkPrice(
            symbol="BTCUSDT", ts_ms=1, recv_ms=1, mark_price=1.0, index_price=1.0, funding_rate=0.0, next_funding_ms=0
        )
    )
    assert candles.of("BTCUSDT") == ()
