"""Messages in words that outlive the process: exact, complete, and harmless to read."""

from __future__ import annotations

import math
import sys
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import SETUP, fill, order_report, symbol_state
from vortex.app.replay.entries import RecordError, decode, encode, pack, plain, unpack
from vortex.config.secret import Secret
from vortex.domain.market import Book, FlowStep, MarkPrice
from vortex.domain.operation import OperatorAction
from vortex.domain.order import Done, QueryOrder, QuerySymbol, Refused
from vortex.messages import ExchangeReplied, Mirror, Operate, Shutdown, Subscribe, TradeRecorded, UserStreamChanged
from vortex.queries import GetMirror
from vortex.runtime import Address, Crash
from vortex.runtime.control import ChildExited, ChildReady, Stop
from vortex.runtime.errors import ActorHung, InboxOverflow

STEP = FlowStep(ts_ms=1, imbalance=-0.0, ofi=(1.5, 2.5), ofi_abs=(1.5, 2.5))
INPUTS = [
    Book(symbol="X", epoch=1, ts_ms=1, recv_ms=2, bids=((1.1, 2.2),), asks=(), steps=(STEP,)),
    MarkPrice(symbol="X", ts_ms=1, recv_ms=2, mark_price=1.0, index_price=0.1, funding_rate=1e-9, next_funding_ms=3),
    ExchangeReplied(
        request=QuerySymbol(symbol="X", fills_since_ms=1), outcome=Done(value=symbol_state(fills=(fill(),))), sent_ms=1
    ),
    ExchangeReplied(
        request=QueryOrder(symbol="X", client_id="y", conditional=True),
        outcome=Refused(code=-2011, text="no"),
        sent_ms=1,
    ),
    ExchangeReplied(request=QuerySymbol(symbol="X", fills_since_ms=1), outcome=Done(value=SETUP), sent_ms=1),
    order_report("v7", caused_by=fill(quantity="0.10")),
    UserStreamChanged(up=True, ts_ms=1),
    Operate(action=OperatorAction.HALT, symbol=None, why="because"),
    GetMirror(keys=("a", "b")),
    TradeRecorded(trade_id="t"),
    Crash(how="hang", seconds=1.5),
    ChildReady("a", 1),
    Shutdown(),
    Stop(),
]


@pytest.mark.parametrize("message", INPUTS, ids=lambda message: type(message).__name__)
def test_an_input_comes_back_as_it_was(message: object) -> None:
    kind, body = pack(message)
    again = unpack(kind, body)
    assert again == message
    assert repr(again) == repr(message), "of equal numbers the digits, too"
    assert pack(again) == (kind, body)


@given(st.floats())
def test_a_float_counts_by_its_bits(value: float) -> None:
    body = encode(Mirror(key="k", value=value))
    again = decode(body, Mirror).value
    assert math.copysign(1.0, again) == math.copysign(1.0, value)
    assert again == value or (math.isnan(again) and math.isnan(value))
    assert encode(Mirror(key="k", value=again)) == body


def test_a_decimal_counts_by_its_digits() -> None:
    assert Decimal("0.10") == Decimal("0.1")
    assert encode(Decimal("0.10")) != encode(Decimal("0.1"))


def test_what_is_no_value_is_written_by_name() -> None:
    subscribed = Subscribe(symbol="X", subscriber=Address("X/E1"), values=(Book,))
    assert plain(encode(subscribed)) == {
        "symbol": "X", "subscriber": "X/E1", "values": ["vortex.domain.market:Book"],
    }  # fmt: skip
    assert plain(encode(Secret("very"))) == ""
    with pytest.raises(TypeError, match="a object cannot be written down"):
        encode(object())


@pytest.mark.parametrize(
    "error", [ActorHung("a"), InboxOverflow("b"), MemoryError("c"), ZeroDivisionError("d"), SystemExit(""), None]
)
def test_an_end_comes_back_with_its_error_by_name(error: BaseException | None) -> None:
    kind, body = pack(ChildExited("a", 1, error, Book))
    exited = unpack(kind, body)
    assert (type(exited.error).__name__, str(exited.error)) == (type(error).__name__, str(error))
    assert exited.handling is Book
    assert pack(exited) == (kind, body)
    if isinstance(error, ActorHung | InboxOverflow | MemoryError):
        assert type(exited.error) is type(error)


@pytest.mark.parametrize(
    "kind", ["os:system", "subprocess:Popen", "vortex.cli:main", "vortex.messages:Nobody", "vortex.runtime:Address", ""]
)
def test_nothing_but_a_message_is_built(kind: str) -> None:
    with pytest.raises(RecordError, match="is no message"):
        unpack(kind, encode({}))


def test_a_type_of_others_is_not_imported() -> None:
    assert decode(encode("antigravity:Fly"), type).__name__ == "Fly"
    assert "antigravity" not in sys.modules


def test_bytes_that_do_not_fit_are_refused() -> None:
    kind, body = pack(TradeRecorded(trade_id="t"))
    with pytest.raises(RecordError, match="damaged, or of another version"):
        unpack(kind, msgspec.msgpack.encode({"trade_id": 7}))
    with pytest.raises(RecordError, match="damaged, or of another version"):
        unpack(kind, body[:-1])
