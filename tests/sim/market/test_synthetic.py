from __future__ import annotations

from collections import Counter
from itertools import pairwise, takewhile
from statistics import pstdev

import pytest

from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, TradeEvent
from vortex.sim.market.candles import MINUTE_MS
from vortex.sim.market.synthetic import SyntheticSeries, SyntheticSource

START_MS = 1_760_000_012_345
DAY = 1_440


def played(source: SyntheticSource, seconds: float) -> list[MarketEvent]:
    return list(takewhile(lambda event: event.ts_ms < START_MS + seconds * 1_000, source.events(START_MS)))


def test_twenty_symbols_play_at_once() -> None:
    source = SyntheticSource(20, seed=3)
    events = played(source, 3)
    assert source.label == "synthetic"
    assert {event.symbol for event in events} == {f"SYN{number:03}USDT" for number in range(1, 21)}
    assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(events))
    books = Counter(event.symbol for event in events if isinstance(event, BookEvent))
    assert all(5 <= count <= 31 for count in books.values())


def test_symbols_and_seeds_differ_and_repeat() -> None:
    assert played(SyntheticSource(1, seed=1), 5) == played(SyntheticSource(1, seed=1), 5)
    one, same, other = (SyntheticSeries("SYN001USDT", seed) for seed in (1, 1, 2))
    assert [one.at(number) for number in range(50)] == [same.at(number) for number in range(50)]
    assert [one.at(number) for number in range(50)] != [other.at(number) for number in range(50)]
    assert one.spec != SyntheticSeries("SYN002USDT", 1).spec


@pytest.mark.parametrize("symbol", ["SYN001USDT", "SYN017USDT"])
def test_minutes_join_and_can_be_printed(symbol: str) -> None:
    series = SyntheticSeries(symbol, 7)
    minutes = [series.at(number) for number in range(-DAY, DAY)]
    assert all(a.close == b.open for a, b in pairwise(minutes))
    assert all(1 <= m.low <= min(m.open, m.close) <= max(m.open, m.close) <= m.high for m in minutes)
    assert all(minute.lots >= minute.touches for minute in minutes)


def test_volatility_has_regimes_and_the_price_a_mean() -> None:
    series = SyntheticSeries("SYN001USDT", 7)
    closes = [series.at(number).close for number in range(10 * DAY)]
    moves = [abs(b / a - 1.0) for a, b in pairwise(closes)]
    hours = sorted(sum(moves[begin : begin + 60]) / 60 for begin in range(0, len(moves) - 60, 60))
    assert hours[-len(hours) // 10] > 2.0 * hours[len(hours) // 10]  # lively and calm hours
    assert max(moves) > 4.0 * (sum(moves) / len(moves))  # jumps
    assert 0.002 < pstdev(closes) / (sum(closes) / len(closes)) < 0.05


def test_depth_and_takers_lean_with_the_last_seconds() -> None:
    source = SyntheticSource(1, seed=5)
    agree, books, flow = Counter[bool](), list[BookEvent](), 0
    for event in played(source, 900):
        if isinstance(event, TradeEvent):
            flow += -event.quantity_lots if event.buyer_is_maker else event.quantity_lots
        elif isinstance(event, BookEvent):
            books.append(event)
            if len(books) % 10 == 0:
                move = books[-1].bids[0][0] - books[-10].bids[0][0]
                if move and flow:
                    agree[(move > 0) == (flow > 0)] += 1
                flow = 0
    assert agree[True] / agree.total() > 0.55


def test_it_goes_on_where_it_stood_and_all_candles_count_as_generated() -> None:
    source = SyntheticSource(1, seed=5)
    before = [e for e in played(source, 300) if isinstance(e, CandleEvent) and e.closed and e.interval == "1m"]
    again = SyntheticSource(1, seed=5, resume=source.position())
    later_ms = START_MS + source.position()["SYN001USDT"] - START_MS % MINUTE_MS  # where the first run stood
    next(again.events(later_ms))
    history = again.history("SYN001USDT", "1m", later_ms, 5)
    prices = [(candle.open_ms, candle.open, candle.high, candle.low, candle.close, candle.volume) for candle in before]
    assert [(c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in history] == prices[:5]
    assert again.generated_before_ms("SYN001USDT") > later_ms
