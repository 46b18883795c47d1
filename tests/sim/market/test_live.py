from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest

from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarketSource, MarkEvent, TradeEvent
from vortex.sim.market import live
from vortex.sim.market.listing import spec_for
from vortex.sim.market.live import LiveSource, candles_of, points_of
from vortex.sim.market.wire import Frames

MINUTE_MS = 60_000
NOW_MS = 1_760_000_000_000
SPEC = spec_for("ABCUSDT", price_unit=Decimal("0.1"), quantity_unit=Decimal("0.01"), price=Decimal(50))


def source() -> LiveSource:
    return LiveSource([SPEC])


def heard(one: LiveSource, kind: str, **data: Any) -> MarketEvent | None:
    frame = json.dumps({"stream": f"abcusdt@{kind}", "data": data}).encode()
    symbol, _, message = Frames().decode(frame)
    return one.take(symbol, message, NOW_MS)


def kline(open_ms: int, *, closed: bool, close: str = "5.2") -> dict[str, Any]:
    bar = {
        "t": open_ms, "i": "1m", "o": "5.1", "h": "5.3", "l": "5.0", "c": close, "v": "7.00", "q": "36.1", "n": 4,
        "V": "3.00", "Q": "15.5", "x": closed,
    }  # fmt: skip
    return {"E": 5, "s": "ABCUSDT", "k": bar}


def row(open_ms: int, close: str = "5.2") -> list[Any]:
    return [open_ms, "5.1", "5.3", "5.0", close, "7.00", open_ms + MINUTE_MS - 1, "36.1", 4, "3.00", "15.5", "0"]


def test_source_fulfils_the_port_and_plays_nothing() -> None:
    one: MarketSource = source()
    assert (one.live, one.label, one.position()) == (True, "live market, paper fills", {})
    assert list(one.events(NOW_MS)) == []
    assert one.generated_before_ms("ABCUSDT") == 0


def test_messages_become_events_of_the_moment_in_which_they_arrive() -> None:
    one = source()
    book = heard(one, "depth20@100ms", T=3, b=[["5.1", "2.00"], ["5.0", "0.05"]], a=[["5.2", "1"]])
    assert book == BookEvent(ts_ms=NOW_MS, symbol="ABCUSDT", bids=((51, 200), (50, 5)), asks=((52, 100),))
    trade = heard(one, "aggTrade", a=17, p="5.2", q="0.25", T=3, m=True)
    assert trade == TradeEvent(
        ts_ms=NOW_MS, symbol="ABCUSDT", trade_id=17, price_ticks=52, quantity_lots=25, buyer_is_maker=True
    )
    mark = heard(one, "markPrice@1s", E=3, p="5.15", i="5.16", r="-0.0001", T=99)
    assert mark == MarkEvent(
        ts_ms=NOW_MS, symbol="ABCUSDT", mark_price=Decimal("5.15"), index_price=Decimal("5.16"),
        funding_rate=Decimal("-0.0001"), next_funding_ms=99,
    )  # fmt: skip
    candle = heard(one, "kline_1m", **kline(NOW_MS, closed=False))
    assert isinstance(candle, CandleEvent)
    assert (candle.close, candle.trades, candle.taker_buy_volume, candle.closed) == (
        Decimal("5.2"), 4, Decimal("3.00"), False,
    )  # fmt: skip


def test_what_is_none_of_ours_is_left_alone() -> None:
    one = source()
    assert heard(one, "bookTicker", b="1") is None
    assert heard(one, "trade", T=1, p="5.1", q="1", m=True) is None
    _, _, trade = Frames().decode(b'{"stream":"xyzusdt@aggTrade","data":{"T":1,"p":"1","q":"1","m":true}}')
    assert one.take("XYZUSDT", trade, 1) is None


@pytest.mark.parametrize("price", ["5.15", "-5.1", "NaN", ""])
def test_a_number_beside_the_grid_is_refused_rather_than_rounded(price: str) -> None:
    with pytest.raises(ValueError, match=r"beside the grid|not a price"):
        heard(source(), "aggTrade", a=1, p=price, q="1", T=1, m=False)


def test_closed_candles_are_remembered_with_those_that_were_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    one = source()
    body = json.dumps([row(0), row(MINUTE_MS), row(2 * MINUTE_MS, "5.0")]).encode()
    one.add_candles(candles_of(body, "ABCUSDT", "1m", 3 * MINUTE_MS - 1))  # the last one is forming
    heard(one, "kline_1m", **kline(2 * MINUTE_MS, closed=True))
    heard(one, "kline_1m", **kline(3 * MINUTE_MS, closed=False))
    assert [(c.open_ms, c.close) for c in one.history("ABCUSDT", "1m", NOW_MS, 9)] == [
        (0, Decimal("5.2")), (MINUTE_MS, Decimal("5.2")), (2 * MINUTE_MS, Decimal("5.2")),
    ]  # fmt: skip
    assert [c.open_ms for c in one.history("ABCUSDT", "1m", 2 * MINUTE_MS, 1)] == [MINUTE_MS]
    assert one.history("ABCUSDT", "15m", NOW_MS, 9) == []
    monkeypatch.setattr(live, "KEPT_CANDLES", 2)
    heard(one, "kline_1m", **kline(3 * MINUTE_MS, closed=True))
    assert [c.open_ms for c in one.history("ABCUSDT", "1m", NOW_MS, 9)] == [2 * MINUTE_MS, 3 * MINUTE_MS]
    with pytest.raises(KeyError):
        one.history("XYZUSDT", "1m", NOW_MS, 9)


def test_positioning_has_the_times_that_all_four_answers_have() -> None:
    ratios = [
        json.dumps([{"timestamp": t, "longAccount": f"0.{t}"} for t in times]).encode()
        for times in ([1, 2, 3], [2, 3], [3, 2, 4])
    ]
    interest = json.dumps([{"timestamp": t, "sumOpenInterest": "12.5"} for t in (2, 3, 9)]).encode()
    points = points_of(ratios[0], ratios[1], ratios[2], interest)
    assert [(p.ts_ms, p.global_long, p.open_interest) for p in points] == [
        (2, Decimal("0.2"), Decimal("12.5")), (3, Decimal("0.3"), Decimal("12.5")),
    ]  # fmt: skip
    one = source()
    one.set_sentiment("ABCUSDT", 300_000, points[::-1])
    assert one.sentiment("ABCUSDT", 2, 300_000, 9) == points[:1]
    assert one.sentiment("ABCUSDT", 9, 300_000, 1) == points[1:]
    assert one.sentiment("ABCUSDT", 9, 3_600_000, 9) == []
