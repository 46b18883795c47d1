from __future__ import annotations

from itertools import islice, pairwise, takewhile

import pytest

from tests.sim.market import wire
from tests.sim.market.conftest import Write
from vortex.domain.market import INTERVAL_MS
from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarketSource, MarkEvent, TradeEvent
from vortex.sim.market.candles import MINUTE_MS
from vortex.sim.market.capture import CaptureSource
from vortex.sim.market.history import HISTORY_MINUTES
from vortex.sim.market.sources import SHIPPED

ETH = SHIPPED / "ethusdt_20240808.gz"
START_MS = 1_760_000_012_345
FOR_MS = 33 * MINUTE_MS


class Run:
    """A source, and what it played from START_MS until FOR_MS later."""

    def __init__(self, source: CaptureSource, for_ms: int) -> None:
        self.source = source
        end_ms = START_MS + for_ms
        self.events: list[MarketEvent] = list(takewhile(lambda event: event.ts_ms < end_ms, source.events(START_MS)))

    def candles(self, symbol: str, interval: str) -> list[CandleEvent]:
        return [e for e in self.events if isinstance(e, CandleEvent) and (e.symbol, e.interval) == (symbol, interval)]


@pytest.fixture(scope="module")
def run() -> Run:
    return Run(CaptureSource(ETH, ("ETHUSDT", "AAAUSDT"), seed=7), FOR_MS)


def test_source_fulfils_the_port(run: Run) -> None:
    source: MarketSource = run.source
    assert [spec.symbol for spec in source.specs] == ["ETHUSDT", "AAAUSDT"]
    assert [spec.base for spec in source.specs] == ["ETH", "AAA"]
    assert source.label == "recording of 2024-08-08, replicated"


def test_capture_under_its_own_name_is_not_called_replicated(write: Write) -> None:
    path = write(wire.calm())
    source = CaptureSource(path)
    assert source.label == "recording of 1970-01-01"
    assert source.position() == {"ABCUSDT": 0}
    assert CaptureSource(path, ("ABCUSDT",)).label == source.label
    assert CaptureSource(path, ("XUSDT",)).label == "recording of 1970-01-01, replicated"


def test_merged_events_rise_in_time_from_the_start(run: Run) -> None:
    assert run.events[0].ts_ms == START_MS
    assert all(a.ts_ms <= b.ts_ms for a, b in pairwise(run.events))


def test_every_symbol_begins_with_a_book_and_a_mark_price(run: Run) -> None:
    for symbol in ("ETHUSDT", "AAAUSDT"):
        own = [event for event in run.events if event.symbol == symbol]
        assert [type(event) for event in own[:2]] == [BookEvent, MarkEvent]
        assert {event.ts_ms for event in own[:2]} == {START_MS}


def test_replicas_differ_in_their_offset(run: Run, write: Write) -> None:
    first = [next(e for e in run.events if isinstance(e, BookEvent) and e.symbol == n) for n in ("ETHUSDT", "AAAUSDT")]
    assert first[0].bids != first[1].bids
    names = tuple(f"A{number:02}USDT" for number in range(20))
    offsets = CaptureSource(write(wire.calm(60)), names).position().values()
    assert len(set(offsets)) == 20
    assert sum(offset // 59_100 for offset in offsets) == 10  # half of them begin in the mirror


def test_marks_come_each_second_and_are_the_mean_of_30_mids(run: Run) -> None:
    marks = [event for event in run.events if isinstance(event, MarkEvent) and event.symbol == "ETHUSDT"]
    assert [mark.ts_ms for mark in marks[1:]] == list(range(1_760_000_013_000, START_MS + FOR_MS, 1_000))
    books = [event for event in run.events if isinstance(event, BookEvent) and event.symbol == "ETHUSDT"]
    mark = marks[100]
    standing = [
        next(book for book in reversed(books) if book.ts_ms <= mark.ts_ms - second * 1_000) for second in range(30)
    ]
    tick = float(run.source.specs[0].tick_size)
    mids = [(book.bids[0][0] + book.asks[0][0]) / 2 * tick for book in standing]
    assert float(mark.mark_price) == pytest.approx(sum(mids) / 30, abs=1e-6)
    assert mark.index_price == mark.mark_price
    assert mark.next_funding_ms % (8 * 3_600_000) == 0


@pytest.mark.parametrize("interval", ["1m", "15m"])
def test_candles_close_exactly_once_and_form_at_most_every_250_ms(run: Run, interval: str) -> None:
    length_ms = INTERVAL_MS[interval]
    candles = run.candles("AAAUSDT", interval)
    closed = [candle for candle in candles if candle.closed]
    assert [candle.open_ms for candle in closed] == list(
        range(START_MS // length_ms * length_ms, START_MS + FOR_MS - length_ms, length_ms)
    )
    assert all(candle.ts_ms == candle.open_ms + length_ms for candle in closed)
    assert all(b.ts_ms - a.ts_ms >= 250 for a, b in pairwise(candles))
    assert all(candle.open_ms <= candle.ts_ms <= candle.open_ms + length_ms for candle in candles)


@pytest.mark.parametrize("symbol", ["ETHUSDT", "AAAUSDT"])
def test_history_runs_through_the_start_without_a_gap(run: Run, symbol: str) -> None:
    now_ms = run.events[-1].ts_ms
    minutes = run.source.history(symbol, "1m", now_ms, 10_000)
    quarters = run.source.history(symbol, "15m", now_ms, 10_000)
    assert all(b.open_ms - a.open_ms == MINUTE_MS for a, b in pairwise(minutes))
    assert all(b.open_ms - a.open_ms == 15 * MINUTE_MS for a, b in pairwise(quarters))
    assert len(minutes) >= HISTORY_MINUTES + 33
    assert minutes[-1].open_ms == now_ms // MINUTE_MS * MINUTE_MS - MINUTE_MS
    assert [c for c in run.candles(symbol, "1m") if c.closed] == minutes[-33:]
    assert [c for c in run.candles(symbol, "15m") if c.closed] == quarters[-2:]
    assert sum(candle.open_ms < run.source.generated_before_ms(symbol) for candle in minutes[-33:]) == 1


def test_every_quarter_of_the_history_is_the_fold_of_its_minutes(run: Run) -> None:
    now_ms = run.events[-1].ts_ms
    minutes = {c.open_ms: c for c in run.source.history("ETHUSDT", "1m", now_ms, 10_000)}
    for quarter in run.source.history("ETHUSDT", "15m", now_ms, 10_000):
        inside = [minutes[quarter.open_ms + minute * MINUTE_MS] for minute in range(15)]
        assert (quarter.open, quarter.close) == (inside[0].open, inside[-1].close)
        assert quarter.high == max(minute.high for minute in inside)
        assert quarter.low == min(minute.low for minute in inside)
        assert quarter.volume == sum(minute.volume for minute in inside)
        assert quarter.quote_volume == sum(minute.quote_volume for minute in inside)
        assert quarter.trades == sum(minute.trades for minute in inside)


def test_first_minute_is_completed_by_what_traded_after_the_start(run: Run) -> None:
    first = next(candle for candle in run.candles("ETHUSDT", "1m") if candle.closed)
    traded = [e for e in run.events if isinstance(e, TradeEvent) and e.symbol == "ETHUSDT"]
    inside = [trade for trade in traded if trade.ts_ms < first.open_ms + MINUTE_MS]
    assert first.close == inside[-1].price_ticks * run.source.specs[0].tick_size
    assert first.trades > len(inside)
    second = run.candles("ETHUSDT", "1m")
    after = [t for t in traded if first.open_ms + MINUTE_MS <= t.ts_ms < first.open_ms + 2 * MINUTE_MS]
    assert next(c for c in second if c.closed and c.open_ms > first.open_ms).trades == len(after)


def test_history_is_limited_from_the_newest_side(run: Run) -> None:
    before_ms = START_MS // MINUTE_MS * MINUTE_MS - 10 * MINUTE_MS
    candles = run.source.history("ETHUSDT", "1m", before_ms, 5)
    assert [candle.open_ms for candle in candles] == [before_ms - back * MINUTE_MS for back in (5, 4, 3, 2, 1)]
    assert all(candle.closed for candle in candles)


def test_unknown_interval_is_refused(run: Run) -> None:
    with pytest.raises(ValueError, match="no candles of 5m: 1m, 15m"):
        run.source.history("ETHUSDT", "5m", START_MS, 5)


@pytest.mark.parametrize("symbol", ["ABCUSDT", "X1USDT"])
def test_resumed_market_goes_on_where_it_stood(write: Write, symbol: str) -> None:
    path = write(wire.calm(60))
    before = Run(CaptureSource(path, ("ABCUSDT", "X1USDT")), 150_345)
    stood = before.source.position()
    assert stood["X1USDT"] - stood["ABCUSDT"] == 59_100  # one round: the second name begins in the mirror
    again = CaptureSource(path, ("ABCUSDT", "X1USDT"), resume=stood)
    assert again.position() == stood
    last = [event for event in before.events if isinstance(event, TradeEvent) and event.symbol == symbol][-1]
    first = next(e for e in again.events(START_MS) if isinstance(e, TradeEvent) and e.symbol == symbol)
    assert 0 < first.trade_id - last.trade_id <= 2  # the event that was fetched last may have been a trade


def test_same_seed_plays_the_same_market(write: Write) -> None:
    path = write(wire.calm(60))

    def sample(seed: int) -> tuple[list[MarketEvent], list[CandleEvent]]:
        source = CaptureSource(path, seed=seed)
        events = list(islice(source.events(START_MS), 2_000))
        return events, source.history("ABCUSDT", "1m", START_MS, 100)

    assert sample(1) == sample(1)
    assert sample(1)[1] != sample(2)[1]


def test_sentiment_is_served_for_each_symbol(run: Run) -> None:
    points = run.source.sentiment("AAAUSDT", START_MS, 300_000, 30)
    assert len(points) == 30
    assert points != run.source.sentiment("ETHUSDT", START_MS, 300_000, 30)


def test_recorded_marks_replace_the_derived_ones(write: Write) -> None:
    lines = [wire.partial(1_000 + 500 * n, [("10.0", "1")], [("10.2", "1")]) for n in range(8)]
    lines += [wire.mark(1_700 + 1_000 * n, f"10.{n + 1}", "0.0003") for n in range(3)]
    run = Run(CaptureSource(write(lines)), 3_500)
    marks = [event for event in run.events if isinstance(event, MarkEvent)]
    assert [mark.ts_ms - START_MS for mark in marks] == [0, 700, 1_700, 2_700]
    assert {f"{mark.funding_rate:f}" for mark in marks} == {"0.00030000"}
    assert "mean" not in " ".join(run.source.notes)
