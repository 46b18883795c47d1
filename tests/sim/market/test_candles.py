from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from vortex.sim.core.market import TradeEvent
from vortex.sim.market.candles import MINUTE_MS, QUARTER_MS, Bar, BarUpdate, CandleBuilder, candle_event, flat, quarters
from vortex.sim.market.tape import Tape

START_MS = 28_000_000 * MINUTE_MS
TICK_MS = 250


def trades_of(steps: list[tuple[int, int, int, bool]]) -> list[TradeEvent]:
    trades, now_ms = [], START_MS
    for number, (wait_ms, price, lots, maker) in enumerate(steps):
        now_ms += wait_ms
        trades.append(
            TradeEvent(
                ts_ms=now_ms,
                symbol="X",
                trade_id=number,
                price_ticks=price,
                quantity_lots=lots,
                buyer_is_maker=maker,
            )
        )
    return trades


def run(trades: list[TradeEvent], until_ms: int, first: Bar) -> list[BarUpdate]:
    """Drive a builder as a feed does: a tick every 250 ms, each before the trades of its millisecond."""
    builder, tick_ms = CandleBuilder(first, None), START_MS
    updates: list[BarUpdate] = []
    for trade in trades:
        while trade.ts_ms >= tick_ms:
            updates.extend(builder.tick(tick_ms))
            tick_ms += TICK_MS
        builder.add(trade)
    while tick_ms <= until_ms:
        updates.extend(builder.tick(tick_ms))
        tick_ms += TICK_MS
    return updates


def reference(trades: list[TradeEvent], open_ms: int, last_close: int) -> Bar:
    inside = [trade for trade in trades if open_ms <= trade.ts_ms < open_ms + MINUTE_MS]
    if not inside:
        return flat(open_ms, last_close)
    prices = [trade.price_ticks for trade in inside]
    bought = [trade for trade in inside if not trade.buyer_is_maker]
    return Bar(
        open_ms=open_ms,
        open=prices[0],
        high=max(prices),
        low=min(prices),
        close=prices[-1],
        lots=sum(trade.quantity_lots for trade in inside),
        quote=sum(trade.quantity_lots * trade.price_ticks for trade in inside),
        trades=len(inside),
        buy_lots=sum(trade.quantity_lots for trade in bought),
        buy_quote=sum(trade.quantity_lots * trade.price_ticks for trade in bought),
    )


STEPS = st.lists(
    st.tuples(st.integers(0, 3 * MINUTE_MS), st.integers(90, 110), st.integers(1, 9), st.booleans()), max_size=25
)


@given(STEPS)
def test_minutes_equal_a_plain_reference(steps: list[tuple[int, int, int, bool]]) -> None:
    trades = trades_of(steps)
    end_ms = START_MS + (1 + sum(wait_ms for wait_ms, *_ in steps) // MINUTE_MS) * MINUTE_MS
    updates = run(trades, end_ms, flat(START_MS, 100))
    closed = [update.bar for update in updates if update.interval == "1m" and update.closed]
    expected, last_close = [], 100
    for open_ms in range(START_MS, end_ms, MINUTE_MS):
        expected.append(reference(trades, open_ms, last_close))
        last_close = expected[-1].close
    assert closed == expected


@given(STEPS)
def test_quarters_are_the_fold_of_their_minutes(steps: list[tuple[int, int, int, bool]]) -> None:
    updates = run(trades_of(steps), START_MS + 2 * QUARTER_MS, flat(START_MS, 100))
    minutes = [update.bar for update in updates if update.interval == "1m" and update.closed]
    closed = [update.bar for update in updates if update.interval == "15m" and update.closed]
    folded = quarters(minutes)
    assert closed == folded[: len(closed)]
    assert len(closed) >= 1
    for bar in folded:
        inside = [minute for minute in minutes if bar.open_ms <= minute.open_ms < bar.open_ms + QUARTER_MS]
        assert bar.open == inside[0].open
        assert bar.close == inside[-1].close
        assert bar.high == max(minute.high for minute in inside)
        assert bar.low == min(minute.low for minute in inside)
        assert bar.lots == sum(minute.lots for minute in inside)
        assert bar.buy_quote == sum(minute.buy_quote for minute in inside)


def test_minute_without_trades_closes_flat_and_once() -> None:
    updates = run([], START_MS + 3 * MINUTE_MS, flat(START_MS, 100))
    closed = [update.bar for update in updates if update.interval == "1m" and update.closed]
    assert closed == [flat(START_MS + minute * MINUTE_MS, 100) for minute in range(3)]


def test_forming_candle_is_told_only_when_it_changed() -> None:
    trades = trades_of([(10, 101, 1, True), (10, 103, 2, False), (1_000, 99, 1, True)])
    updates = run(trades, START_MS + 5_000, flat(START_MS, 100))
    assert [(update.interval, update.bar.trades) for update in updates] == [
        ("1m", 2),
        ("15m", 2),
        ("1m", 3),
        ("15m", 3),
    ]
    assert not any(update.closed for update in updates)
    assert updates[0].bar == Bar(
        open_ms=START_MS, open=101, high=103, low=101, close=103, lots=3, quote=307, trades=2, buy_lots=2, buy_quote=206
    )


def test_trade_on_the_boundary_belongs_to_the_new_minute() -> None:
    trades = trades_of([(MINUTE_MS, 105, 1, False)])
    updates = run(trades, START_MS + 2 * MINUTE_MS, flat(START_MS, 100))
    closed = [update.bar for update in updates if update.interval == "1m" and update.closed]
    assert [bar.trades for bar in closed] == [0, 1]


def test_minute_that_had_begun_keeps_its_beginning() -> None:
    begun = Bar(open_ms=START_MS, open=90, high=120, low=80, close=100, lots=5, quote=500, trades=2)
    updates = run(trades_of([(30_000, 101, 1, False)]), START_MS + MINUTE_MS, begun)
    closed = next(update.bar for update in updates if update.closed)
    assert (closed.open, closed.high, closed.low, closed.close, closed.trades) == (90, 120, 80, 101, 3)


def test_candle_event_is_exact_in_decimals(btc: Tape) -> None:
    bar = Bar(
        open_ms=START_MS, open=618_002, high=618_003, low=618_001, close=618_002, lots=7, quote=4_326_014, trades=1
    )
    event = candle_event(bar, btc.spec, "1m", START_MS + 1, closed=False)
    assert event.close == Decimal("61800.2")
    assert event.volume == Decimal("0.007")
    assert event.quote_volume == Decimal("61800.2") * Decimal("0.007")


def test_quarters_begin_on_the_quarter_hour() -> None:
    minutes = [flat(START_MS + index * MINUTE_MS, 100 + index) for index in range(3, 40)]
    assert all(bar.open_ms % QUARTER_MS == 0 for bar in quarters(minutes))
    assert all(b.open_ms - a.open_ms == QUARTER_MS for a, b in pairwise(quarters(minutes)))
