from __future__ import annotations

from decimal import Decimal

import pytest

from vortex.sim.core.commands import AlgoCommand, ForceAdl, MarketCommand, MovePrice, UserCommand
from vortex.sim.server.bodies import decoded


def test_a_command_is_told_by_what_it_does() -> None:
    move = decoded(b'{"symbol": "BTCUSDT", "do": "price", "to": "60000.5"}', MarketCommand)
    assert move == MovePrice(symbol="BTCUSDT", to=Decimal("60000.5"))
    adl = decoded(b'{"symbol": "BTCUSDT", "do": "adl", "quantity": 0.1}', MarketCommand)
    assert adl == ForceAdl(symbol="BTCUSDT", quantity=Decimal("0.1"))


@pytest.mark.parametrize(
    ("kind", "body", "words"),
    [
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "jump"}', ("do", "jump")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "price"}', ("to",)),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "price", "to": "much"}', ("to", "much")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "price", "to": "NaN"}', ("to", "NaN")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "price", "to": "1e99"}', ("to", "1E+99")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "price", "to": 1, "by": 2}', ("by", "2")),
        (MarketCommand, '{"symbol": 5, "do": "price", "to": 1}', ("symbol", "5")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "freeze", "for_ms": 0}', ("for_ms", "0")),
        (MarketCommand, '{"symbol": "BTCUSDT", "do": "status", "to": "GONE"}', ("to", "GONE")),
        (AlgoCommand, '{"symbol": "BTCUSDT", "do": "price", "to": 1}', ("do", "price")),
        (UserCommand, '{"symbol": "BTCUSDT", "do": "open", "side": "UP", "quantity": 1}', ("side", "UP")),
        (UserCommand, '{"symbol": "BTCUSDT", "do": "leverage", "leverage": 500}', ("leverage", "500")),
        (UserCommand, "[]", ("object",)),
        (UserCommand, "{", ("no JSON",)),
        (UserCommand, "", ("no JSON",)),
    ],
)
def test_what_is_wrong_is_named_with_field_and_value(kind: object, body: str, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r".") as refusal:
        decoded(body.encode(), kind)
    assert [word for word in words if word not in str(refusal.value)] == []


def test_a_long_value_is_shortened() -> None:
    with pytest.raises(ValueError, match=r"symbol.*\.\.\.") as refusal:
        decoded(b'{"symbol": [' + b"1," * 5_000 + b'1], "do": "close"}', UserCommand)
    assert len(str(refusal.value)) < 200
