from __future__ import annotations

import gzip
from collections import Counter
from decimal import Decimal

import msgspec
import pytest

from tests.kit.recordings import recording
from vortex.sim.market.listing import listed
from vortex.sim.market.live import LiveSource
from vortex.sim.market.wire import AggTrade, Contract, DepthDiff, Frames, Kline, rest_stream, scaled


@pytest.mark.parametrize(("text", "value"), [("0.001", 100_000), ("61234.50", 6_123_450_000_000), ("7", 700_000_000)])
def test_numbers_are_exact(text: str, value: int) -> None:
    assert scaled(text) == value


@pytest.mark.parametrize("text", ["", "-1", "1e5", "0.123456789", "1.", ".5", " 1", "NaN", "123456789012"])
def test_what_is_no_printed_decimal_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a price or quantity"):
        scaled(text)


def test_streams_tell_symbol_and_kind() -> None:
    frames = Frames()
    unknown = b'{"stream":"abcusdt@bookTicker","data":{"anything":[1]}}'
    assert frames.decode(unknown) == frames.decode(unknown) == ("ABCUSDT", "abcusdt@bookTicker", None)
    assert frames.decode(b'{"lastUpdateId":5,"bids":[],"asks":[]}')[:2] == ("", "")
    name = rest_stream("ABCUSDT", "/fapi/v1/klines?interval=1m")
    assert frames.decode(msgspec.json.encode({"stream": name, "data": []})) == ("ABCUSDT", name, None)
    for broken in (
        b"",
        b"[]",
        b'{"stream":"a@trade","data":{}}',
        b'{"stream":"a@aggTrade"}',
        b'{"result":null,"id":1}',
    ):
        with pytest.raises(msgspec.DecodeError):
            frames.decode(broken)


@pytest.mark.shared
def test_what_binance_streamed_is_understood() -> None:
    frames, kinds = Frames(), Counter[type]()
    with gzip.open(recording("l2/usdm_4alts_20210722.ws.txt.gz")) as lines:
        next(lines)  # the address
        for line in lines:
            symbol, _, message = frames.decode(line.partition(b": ")[2])
            assert symbol in {"SUSHIUSDT", "AKROUSDT", "KEEPUSDT", "CTKUSDT"}
            kinds[type(message)] += 1
    assert kinds.keys() == {DepthDiff, AggTrade, Kline, type(None)}


@pytest.mark.shared
def test_what_binance_lists_is_understood() -> None:
    class Info(msgspec.Struct):
        symbols: list[Contract]

    with gzip.open(recording("rest/fapi_exchangeInfo_20210722.json.gz")) as file:
        contracts = msgspec.json.decode(file.read(), type=Info).symbols
    specs = {contract.symbol: listed(contract) for contract in contracts}
    assert len(specs) == 122
    assert (specs["XRPUSDT"].tick_size, specs["XRPUSDT"].step_size) == (Decimal("0.0001"), Decimal("0.1"))
    assert LiveSource(specs.values()).specs == tuple(specs.values())
