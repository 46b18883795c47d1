"""Fees in BNB become USDT on both ways that fills come; nobody waits for the price, nor asks for it without need."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from tests.adapters.binance.probes import Probe
from tests.adapters.binance.resources import reply, user_frames
from tests.adapters.binance.servers import ScriptedServer
from tests.domain.money_builders import trade
from tests.kit.builders import LABELS, bracket
from vortex.adapters.binance import rows
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.fees import BNB, EVERY_MS, Fees
from vortex.adapters.binance.hosts import simulator
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.binance.user_wire import decode_user
from vortex.adapters.clock import SystemClock
from vortex.domain.desk.bracket import on_fills
from vortex.domain.money import STORED, stored
from vortex.domain.order import ZERO, Done, Fill, OrderReport, QuerySymbol, Side, SymbolState
from vortex.domain.pnl import closed_row
from vortex.domain.trade import CloseReason
from vortex.messages import ExchangeReplied, UserStreamChanged

PRICE = "/fapi/v1/premiumIndex?symbol=BNBUSDT"
QUERY = QuerySymbol(symbol="BTCUSDT", fills_since_ms=0)

BNB_FRAME: dict[str, Any] = {
    "e": "ORDER_TRADE_UPDATE", "E": 1568879465651, "T": 1568879465650,
    "o": {
        "s": "BTCUSDT", "c": "v7-main-BTCUSDT-1-1E", "S": "BUY", "o": "MARKET", "f": "GTC", "q": "0.001", "p": "0",
        "ap": "60000.00000", "sp": "0", "x": "TRADE", "X": "FILLED", "i": 8886774, "l": "0.001", "z": "0.001",
        "L": "60000.00", "N": "BNB", "n": "0.00005", "T": 1568879465650, "t": 698759, "b": "0", "a": "0", "m": False,
        "R": False, "wt": "CONTRACT_PRICE", "ot": "MARKET", "ps": "BOTH", "cp": False, "rp": "0", "pP": False,
        "si": 0, "ss": 0, "V": "EXPIRE_MAKER", "pm": "NONE", "gtd": 0,
    },
}  # fmt: skip
"""An execution paid in BNB, in the shape that the exchange documents."""

BNB_TRADE: dict[str, Any] = {
    "buyer": True, "commission": "0.00005", "commissionAsset": "BNB", "id": 698759, "maker": False,
    "orderId": 8886774, "price": "60000.00", "qty": "0.001", "quoteQty": "60.00000", "realizedPnl": "0",
    "side": "BUY", "positionSide": "BOTH", "symbol": "BTCUSDT", "time": 1568879465650, "marginAsset": "USDT",
}  # fmt: skip
"""The same one as userTrades lists it."""


def frame(number: int = 698759, commission: str = "0.00005") -> str:
    return json.dumps(BNB_FRAME | {"o": BNB_FRAME["o"] | {"t": number, "n": commission}})


def streamed(text: str) -> Fill:
    report = decode_user("ORDER_TRADE_UPDATE", text.encode())
    assert isinstance(report, OrderReport)
    assert report.fill is not None
    return report.fill


def at(price: str) -> Fees:
    fees = Fees(SystemClock())
    fees.know(BNB, Decimal(price))
    return fees


# ---------------------------------------------------------------------------------------------------------- conversion


def test_a_fee_in_bnb_is_the_same_in_usdt_by_stream_and_by_query() -> None:
    by_stream = at("612.34567891").in_usdt((streamed(frame()),))
    by_query = at("612.34567891").in_usdt(rows.fills([BNB_TRADE], {8886774: "v7-main-BTCUSDT-1-1E"}))
    assert by_stream == by_query
    assert (by_stream[0].commission, by_stream[0].commission_asset) == (Decimal("0.03061728"), "USDT")


@pytest.mark.parametrize(
    ("commission", "price", "expected"),
    [("0.00000001", "0.5", "0E-8"), ("0.00000003", "0.5", "2E-8"), ("-0.00001", "600", "-0.006"), ("1", "600", "600")],
)
def test_it_is_rounded_half_even_to_what_rows_keep(commission: str, price: str, expected: str) -> None:
    (fill,) = at(price).in_usdt((streamed(frame(commission=commission)),))
    assert fill.commission == Decimal(expected)


@pytest.mark.parametrize("asset", ['"USDT"', "null"])
def test_what_is_in_usdt_or_in_nothing_is_left_as_it_is(asset: str) -> None:
    fill = streamed(frame(commission="0.309000500").replace('"BNB"', asset))
    fees = Fees(SystemClock())
    assert fees.in_usdt((fill,)) == (fill,)
    free = streamed(frame(commission="0"))
    assert fees.in_usdt((free,)) == (free,)
    assert not fees._needed


PRICES = st.decimals("0.01", "90000", places=2)
BNB_FEES = st.decimals("0", "5", places=8)


@st.composite
def executions(draw: st.DrawFn) -> list[tuple[Decimal, Decimal, Decimal]]:
    """Quantity, price and fee in BNB of one to four executions that add up to 1."""
    cuts = sorted({0, 1_000, *draw(st.lists(st.integers(1, 999), max_size=3))})
    return [(Decimal(b - a) / 1_000, draw(PRICES), draw(BNB_FEES)) for a, b in pairwise(cuts)]


@given(
    entered=executions(),
    left=executions(),
    bnb=st.decimals("1", "5000", places=8),
    side=st.sampled_from(Side),
    funding=st.decimals("-10", "10", places=8),
)
def test_a_trade_paid_in_bnb_has_the_row_of_one_paid_in_usdt(
    entered: list[tuple[Decimal, Decimal, Decimal]],
    left: list[tuple[Decimal, Decimal, Decimal]],
    bnb: Decimal,
    side: Side,
    funding: Decimal,
) -> None:
    def row(opening: tuple[Fill, ...], closing: tuple[Fill, ...]) -> Any:
        return closed_row(
            trade(side=side), LABELS, entry_fills=opening, exit_fills=closing, reason=CloseReason.TP_HIT,
            funding_usdt=funding,
        )  # fmt: skip

    fees = at(str(bnb))
    in_bnb = row(
        fees.in_usdt([as_streamed(*each) for each in entered]),
        fees.in_usdt(rows.fills([as_listed(*each, asset="BNB") for each in left], {})),
    )
    paid = [(quantity, price, stored(fee * bnb)) for quantity, price, fee in entered + left]
    listed = rows.fills([as_listed(*each, asset="USDT") for each in paid], {})
    assert in_bnb == row(listed[: len(entered)], listed[len(entered) :])
    for booked, part in ((in_bnb.open_fee_usdt, entered), (in_bnb.close_fee_usdt, left)):
        assert abs(booked - sum((fee * bnb for _, _, fee in part), ZERO)) <= STORED * len(part)


def as_streamed(quantity: Decimal, price: Decimal, fee: Decimal) -> Fill:
    order = BNB_FRAME["o"] | {"l": f"{quantity:f}", "L": f"{price:f}", "n": f"{fee:f}"}
    return streamed(json.dumps(BNB_FRAME | {"o": order}))


def as_listed(quantity: Decimal, price: Decimal, fee: Decimal, *, asset: str) -> dict[str, Any]:
    return BNB_TRADE | {
        "qty": f"{quantity:f}", "price": f"{price:f}", "commission": f"{fee:f}", "commissionAsset": asset,
    }  # fmt: skip


def test_the_same_fill_at_two_prices_counts_once_at_the_first() -> None:
    (first,) = at("600").in_usdt((streamed(frame()),))
    (later,) = at("700").in_usdt(rows.fills([BNB_TRADE], {8886774: "v7-main-BTCUSDT-1-1E"}))
    assert (first.commission, later.commission) == (Decimal("0.03"), Decimal("0.035"))
    folded = on_fills(bracket(), (first,), 0)
    assert on_fills(folded, (later, first), 0).fills == (first,)
    assert on_fills(on_fills(bracket(), (later,), 0), (first,), 0).fills == (later,)


def test_without_a_price_it_is_passed_on_and_told_once_for_each(logged: list[str]) -> None:
    fees = Fees(SystemClock())
    one, two = streamed(frame(1)), streamed(frame(2, "0.00007"))
    for _ in range(3):
        assert fees.in_usdt((one,)) == (one,)
    assert fees.in_usdt((one, two)) == (one, two)
    assert ["of 0.00005 BNB (1 " in logged[0], "of 0.00007 BNB (1 " in logged[1]] == [True, True]
    assert len(logged) == 2
    fees.know(BNB, Decimal(600))
    assert [fill.commission for fill in fees.in_usdt((one, two))] == [Decimal("0.03"), Decimal("0.042")]


# ----------------------------------------------------------------------------------------------------- over the wire


class Exchange:
    """Serves the clock, a listen key, one symbol's state and prices of BNB; each price once, the last for ever."""

    def __init__(self, *prices: str, trades: list[dict[str, Any]] | None = None) -> None:
        self.prices = list(prices)
        self.hang = False
        self.replies: dict[str, Any] = {
            "/fapi/v1/listenKey": {"listenKey": "k"},
            "/fapi/v2/positionRisk": reply("GET /fapi/v2/positionRisk"),
            "/fapi/v1/openOrders": [],
            "/fapi/v1/openAlgoOrders": [],
            "/fapi/v1/order": {**reply("POST /fapi/v1/order"), "orderId": 8886774},
            "/fapi/v1/userTrades": [BNB_TRADE] if trades is None else trades,
        }

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/fapi/v1/time":
            return web.json_response({"serverTime": SystemClock().now_ms()})
        if request.path == "/fapi/v1/premiumIndex":
            return await self._price()
        return web.json_response(self.replies[request.path])

    async def _price(self) -> web.StreamResponse:
        if self.hang:
            await asyncio.sleep(30)
        if not self.prices:
            return web.json_response({"code": -1121, "msg": "Invalid symbol."}, status=400)
        price = self.prices.pop(0) if len(self.prices) > 1 else self.prices[0]
        return web.json_response({"symbol": "BNBUSDT", "markPrice": price, "time": 1})


class HastyClock(SystemClock):
    """Looks at prices every few milliseconds."""

    def real_s(self, duration_ms: float) -> float:
        return 0.02 if duration_ms == EVERY_MS else super().real_s(duration_ms)


class Rig:
    def __init__(
        self, loop: NetworkLoop, server: ScriptedServer, exchange: Exchange, fees: Fees | None = None,
        clock: SystemClock | None = None,
    ) -> None:  # fmt: skip
        server.answer = exchange
        self.server = server
        self.probe = Probe()
        keys = Credentials(key="k", secret="s")
        self.port = BinanceExchange(loop, simulator(server.url), keys, clock or SystemClock(), fees=fees)
        self.port.start(self.probe)
        self.probe.expect(UserStreamChanged, lambda change: change.up)

    def push(self, text: str) -> Fill:
        told = len(self.probe.told)
        self.server.push(text)
        fill = self.probe.expect(OrderReport, after=told).fill
        assert fill is not None
        return fill

    def ask(self) -> tuple[Fill, ...]:
        told = len(self.probe.told)
        self.port.send(QUERY, 5_000)
        outcome = self.probe.expect(ExchangeReplied, after=told).outcome
        assert isinstance(outcome, Done), outcome
        assert isinstance(outcome.value, SymbolState)
        return outcome.value.fills

    def asked(self) -> int:
        return self.server.asked.count(PRICE)


@pytest.fixture
def logged() -> Iterator[list[str]]:
    lines: list[str] = []
    handler = logger.add(lines.append, level="WARNING", format="{message}")
    yield lines
    logger.remove(handler)


def test_both_ways_convert_with_what_the_start_knew(loop: NetworkLoop, server: ScriptedServer) -> None:
    exchange = Exchange("600")
    exchange.hang = True  # what is known already needs no answer
    rig = Rig(loop, server, exchange, at("600"))
    pushed = rig.push(frame())
    assert (pushed.commission, pushed.commission_asset) == (Decimal("0.03"), "USDT")
    assert rig.ask() == (pushed,)
    rig.port.stop()


def test_a_fill_before_any_price_waits_for_none_and_brings_it(
    loop: NetworkLoop, server: ScriptedServer, logged: list[str]
) -> None:
    rig = Rig(loop, server, Exchange("600"))
    assert rig.asked() == 0
    first = rig.push(frame(1))
    assert (first.commission, first.commission_asset) == (Decimal("0.00005"), "BNB")
    assert any("0.00005 BNB" in line for line in logged)
    server.wait_for(lambda: rig.asked() == 1)
    assert wait_for_usdt(rig).commission == Decimal("0.03")
    rig.port.stop()


def wait_for_usdt(rig: Rig) -> Fill:
    """The answer may still be on its way: whatever comes before it is not converted."""
    pushed = (rig.push(frame(number)) for number in range(100, 1_000))
    return next(fill for fill in pushed if fill.commission_asset == "USDT")


def test_a_price_is_kept_fresh_once_it_is_needed(loop: NetworkLoop, server: ScriptedServer) -> None:
    clock = HastyClock()
    fees = Fees(clock)
    fees.need(BNB)
    rig = Rig(loop, server, Exchange("600", "650", "700"), fees, clock)
    server.wait_for(lambda: rig.asked() >= 5)
    assert rig.push(frame()).commission == Decimal("0.035")
    rig.port.stop()


@pytest.mark.parametrize("prices", [(), ("0",), ("-1",), ("NaN",), ("many",)])
def test_a_price_that_does_not_come_leaves_the_one_before_it(
    loop: NetworkLoop, server: ScriptedServer, logged: list[str], prices: tuple[str, ...]
) -> None:
    clock = HastyClock()
    fees = Fees(clock)
    fees.know(BNB, Decimal(600))
    fees.need(BNB)
    rig = Rig(loop, server, Exchange(*prices), fees, clock)
    server.wait_for(lambda: rig.asked() >= 3)
    assert rig.push(frame()).commission == Decimal("0.03")
    assert len([line for line in logged if "no mark price of BNBUSDT" in line]) == 1
    rig.port.stop()


def test_who_pays_in_usdt_asks_for_no_price(loop: NetworkLoop, server: ScriptedServer) -> None:
    trades = [{**reply("GET /fapi/v1/userTrades")[0], "orderId": 8886774}]
    rig = Rig(loop, server, Exchange(trades=trades), clock=HastyClock())
    for text in user_frames():
        server.push(text.decode())
    rig.probe.expect(OrderReport, lambda report: report.fill is not None and report.fill.fill_id == 2)
    assert rig.ask()[0].commission == Decimal("0.309000500")
    assert rig.asked() == 0
    rig.port.stop()
