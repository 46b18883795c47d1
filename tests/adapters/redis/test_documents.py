from __future__ import annotations

import json
from typing import Any

import pytest

from tests.domain.builders import SYMBOL, T0, candle, ladder, stream, trade
from tests.domain.money_builders import trade as open_trade
from tests.kit.builders import LABELS
from vortex.actors.monitor import position_view
from vortex.adapters.redis.documents import Candles, UnwritableError, document, tick, ticks, ttl_s
from vortex.domain.decision import ENGINES, SignalBoard
from vortex.domain.market import Sentiment
from vortex.domain.pnl import open_row
from vortex.domain.scoring import DecisionParams
from vortex.domain.trade import TradeRow


def read(value: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(document(value, T0))
    assert found["v"] == 1
    return found


@pytest.mark.parametrize(
    ("key", "seconds"),
    [
        ("position:BTCUSDT", None), ("orderbook:BTCUSDT", 60), ("engine_signals:BTCUSDT", 60),
        ("sentiment:BTCUSDT", 120), ("klines:BTCUSDT:1m", 120), ("klines:BTCUSDT:15m", 1_800), ("ticks:BTCUSDT", 3_600),
    ],
)  # fmt: skip
def test_what_is_of_the_market_expires_and_a_position_does_not(key: str, seconds: int | None) -> None:
    assert ttl_s(key) == seconds


def test_a_book_has_its_levels_and_its_times() -> None:
    (book,) = stream([ladder(1_000, [1.5, 2.0], [2.5])])
    assert read(book) == {
        "v": 1, "ts_ms": T0, "recv_ms": T0 + 20, "symbol": SYMBOL, "epoch": 1,
        "bids": [[500.0, 1.5], [499.5, 2.0]], "asks": [[500.5, 2.5]],
    }  # fmt: skip


def test_candles_are_rows_oldest_first() -> None:
    rows = (candle("1m", T0, (1.0, 2.0, 0.5, 1.5)), candle("1m", T0 + 60_000, (1.5, 2.0, 1.0, 1.5), closed=False))
    assert read(Candles(SYMBOL, "1m", T0 + 61_000, rows)) == {
        "v": 1, "ts_ms": T0 + 61_000, "symbol": SYMBOL, "interval": "1m",
        "candles": [
            [T0, 1.0, 2.0, 0.5, 1.5, 1.0, 0.5, True],
            [T0 + 60_000, 1.5, 2.0, 1.0, 1.5, 1.0, 0.5, False],
        ],
    }  # fmt: skip


def test_sentiment_has_every_part() -> None:
    found = read(Sentiment(symbol=SYMBOL, recv_ms=T0, global_long=0.6, funding_rate=1e-4))
    assert (found["ts_ms"], found["global_long"], found["funding_rate"], found["open_interest"]) == (
        T0,
        0.6,
        1e-4,
        None,
    )
    assert "recv_ms" not in found


def test_signals_have_the_time_of_the_decision() -> None:
    decision = SignalBoard(DecisionParams()).evaluate(now_ms=T0 - 7, epoch=3, symbol=SYMBOL, decision_id="d")
    found = read({"decision": decision, "signals": dict.fromkeys(ENGINES)})
    assert found["ts_ms"] == T0 - 7
    assert found["decision"]["action"] == "HOLD"
    assert set(found["signals"]) == set(ENGINES)


def test_a_position_is_the_whole_row_with_its_id_and_what_it_is_worth() -> None:
    opened = open_trade()
    row = open_row(opened, LABELS)
    found = read({**position_view(opened, None), "row": row})
    assert set(TradeRow.__struct_fields__) <= set(found)
    assert (found["trade_id"], found["id"], found["ts_ms"]) == (opened.trade_id, opened.trade_id, T0)
    assert (found["entry_price"], found["status"], found["protected"]) == (str(opened.entry_price), "OPEN", False)
    assert "row" not in found


def test_what_is_no_json_is_refused() -> None:
    for value in (object(), {"trade_id": object()}, {"x": {1: {2: object}}}):
        with pytest.raises(UnwritableError):
            document(value, T0)
    assert read({"x": float("nan"), "y": float("inf")}) == {"v": 1, "ts_ms": T0, "x": None, "y": None}


def test_a_trade_comes_back_as_it_was() -> None:
    made = [trade(number, T0 + number, buy=number % 2 == 0, quantity=0.1 * (number + 1)) for number in range(5)]
    assert ticks([tick(each) for each in made]) == made


@pytest.mark.parametrize(
    "line",
    [
        b"", b"1", b"[]", b"{}", b"nonsense", b"\xff\xfe",
        b'{"id":1,"ts_ms":1,"price":1.0,"quantity":1.0}',
        b'{"id":1,"ts_ms":1,"price":0,"quantity":1.0,"buyer_is_maker":true}',
        b'{"id":1,"ts_ms":1,"price":1e999,"quantity":1.0,"buyer_is_maker":true}',
        b'{"id":1,"ts_ms":-1,"price":1.0,"quantity":1.0,"buyer_is_maker":true}',
        b'{"id":1,"ts_ms":1,"price":"1","quantity":1.0,"buyer_is_maker":true}',
        b'{"id":1,"ts_ms":1,"price":1.0,"quantity":1.0,"buyer_is_maker":true,"v":2}',
    ],
)  # fmt: skip
def test_what_is_no_trade_of_ours_is_refused(line: bytes) -> None:
    good = tick(trade(1, T0, buy=True))
    with pytest.raises(ValueError, match=r".+"):
        ticks([good, line])
