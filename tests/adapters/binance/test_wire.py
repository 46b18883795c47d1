from __future__ import annotations

import gzip
import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.binance.resources import market_frames, reply
from tests.kit.recordings import recording
from vortex.adapters.binance.wire import (
    AggTrade,
    Depth,
    Kline,
    Liquidation,
    MarkUpdate,
    candles_of,
    decode_market,
    to_candle,
    to_mark_price,
    to_trades,
)


def test_depth() -> None:
    frame = decode_market(market_frames()["depthUpdate"]).data
    assert isinstance(frame, Depth)
    assert (frame.symbol, frame.stream, frame.ts_ms) == ("BTCUSDT", "depth20", 1795382388736)
    assert len(frame.bids) == len(frame.asks) == 20
    assert frame.bids[0] == (61800.10, 0.603)
    assert frame.bids[0][0] < frame.asks[0][0]


def test_trade() -> None:
    frame = decode_market(market_frames()["aggTrade"]).data
    assert isinstance(frame, AggTrade)
    trades = to_trades(frame, 7)
    assert (trades.symbol, trades.recv_ms, len(trades.trades)) == ("BTCUSDT", 7, 1)
    trade = trades.trades[0]
    assert (trade.id, trade.ts_ms, trade.price, trade.quantity) == (3, 1795382388699, 61800.20, 0.315)
    assert trade.buyer_is_maker is False


def test_candle() -> None:
    frame = decode_market(market_frames()["kline"]).data
    assert isinstance(frame, Kline)
    assert frame.stream == "kline_1m"
    candle = to_candle(frame, generated_before_ms=0)
    assert (candle.open, candle.high, candle.low, candle.close) == (61779.40, 61808.20, 61777.80, 61800.20)
    assert (candle.volume, candle.taker_buy_volume, candle.closed) == (215.609, 93.448, False)
    assert candle.generated is False
    assert to_candle(frame, generated_before_ms=candle.open_ms + 1).generated is True


def test_mark_price() -> None:
    frame = decode_market(market_frames()["markPriceUpdate"]).data
    assert isinstance(frame, MarkUpdate)
    mark = to_mark_price(frame, 9)
    assert (mark.mark_price, mark.index_price, mark.funding_rate) == (61800.05, 61800.05, 0.00008821)
    assert (mark.ts_ms, mark.recv_ms, mark.next_funding_ms) == (1795382389000, 9, 1795392000000)


def test_liquidation_is_a_sign_of_life() -> None:
    frame = decode_market(
        b'{"stream":"btcusdt@forceOrder","data":{"e":"forceOrder","E":5,"o":{"s":"BTCUSDT","S":"SELL","q":"1"}}}'
    ).data
    assert isinstance(frame, Liquidation)
    assert (frame.symbol, frame.stream, frame.ts_ms) == ("BTCUSDT", "forceOrder", 5)


def test_answers_to_commands_carry_no_data() -> None:
    assert decode_market(b'{"result":null,"id":1}').data is None
    refused = decode_market(b'{"error":{"code":2,"msg":"Invalid request"},"id":1}').error
    assert refused is not None
    assert (refused.code, refused.msg) == (2, "Invalid request")


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"data":{"e":"aggTrade"}}',
        b'{"data":{"e":"newThing","s":"X"}}',
        b'{"data":7}',
        b"\xff",
    ],
)
def test_anything_else_is_a_decode_error(frame: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode_market(frame)


@pytest.mark.parametrize("number", ["nan", "inf", "-1", "0"])
def test_prices_that_are_no_prices_are_refused(number: str) -> None:
    text = market_frames()["aggTrade"].replace(b"61800.20", number.encode())
    frame = decode_market(text).data
    assert isinstance(frame, AggTrade)
    with pytest.raises(ValueError, match="positive number"):
        to_trades(frame, 0)


@given(st.binary(max_size=80))
def test_no_bytes_do_anything_but_decode_or_raise(noise: bytes) -> None:
    try:
        decode_market(noise)
    except msgspec.MsgspecError:
        return
    assert json.loads(noise) is not None


def test_history_rows() -> None:
    def row(open_ms: int) -> list[object]:
        return [open_ms, "1.5", "2", "1", "1.7", "30", open_ms + 59_999, "45", 9, "12", "18", "0"]

    rows = [row(60_000_000), row(60_060_000)]
    closed, forming = candles_of(rows, "BTCUSDT", "1m", now_ms=60_060_000, generated_before_ms=60_000_001)
    assert (closed.closed, forming.closed) == (True, False)
    assert (closed.generated, forming.generated) == (True, False)
    assert (closed.open, closed.high, closed.low, closed.close) == (1.5, 2.0, 1.0, 1.7)
    assert (closed.volume, closed.taker_buy_volume) == (30.0, 12.0)


def test_a_reply_that_is_no_history_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        candles_of(reply("GET /fapi/v1/premiumIndex"), "BTCUSDT", "1m", 0, 0)


@pytest.mark.shared
def test_genuine_trades_and_candles_of_four_symbols_decode() -> None:
    kinds: dict[str, int] = {"AggTrade": 0, "Kline": 0}
    with gzip.open(recording("l2/usdm_4alts_20210722.ws.txt.gz"), "rb") as lines:
        next(lines)  # the address
        for line in lines:
            raw = line.partition(b": ")[2]
            if b"@aggTrade" not in raw[:40] and b"@kline_1m" not in raw[:40]:
                continue
            frame = decode_market(raw).data
            assert frame is not None
            kinds[type(frame).__name__] += 1
            expected = json.loads(raw)["data"]
            assert frame.symbol == expected["s"]
            if isinstance(frame, AggTrade):
                assert to_trades(frame, 0).trades[0].price == float(expected["p"])
            elif isinstance(frame, Kline):
                assert to_candle(frame, 0).closed is expected["k"]["x"]
    assert kinds["AggTrade"] > 20
    assert kinds["Kline"] > 20
