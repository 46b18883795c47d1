from __future__ import annotations

import msgspec
import pytest

from vortex.adapters.binance.liquidations import LiquidationBody, to_liquidation

ORDER = {"s": "BTCUSDT", "S": "SELL", "p": "9910", "ap": "9900.5", "z": "0.014", "T": 7, "X": "FILLED"}


def body(**changes: object) -> LiquidationBody:
    return msgspec.convert({**ORDER, **changes}, LiquidationBody, strict=False)


def test_a_sell_order_liquidates_a_long() -> None:
    made = to_liquidation(body(), 5, 9)
    assert made is not None
    assert (made.symbol, made.ts_ms, made.recv_ms, made.long) == ("BTCUSDT", 7, 9, True)
    assert (made.price, made.quantity) == (9900.5, 0.014)
    short = to_liquidation(body(S="BUY", T=0), 5, 9)
    assert short is not None
    assert (short.long, short.ts_ms) == (False, 5)


@pytest.mark.parametrize("changes", [{"ap": "0"}, {"z": "0"}, {"ap": "nan"}, {"z": "inf"}, {"ap": "-1"}])
def test_an_order_without_a_fill_is_none(changes: dict[str, str]) -> None:
    assert to_liquidation(body(**changes), 5, 9) is None


def test_another_side_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError):
        body(S="HOLD")
