"""Short words for what the exchange is asked in these tests."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, mark, spec
from vortex.domain.order import OrderKind, OrderSide
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import CoreRequest, NewAlgo, NewOrder, RequestRefused

BUY, SELL = OrderSide.BUY, OrderSide.SELL
STOP, TAKE_PROFIT = OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET
SYMBOL = "BTCUSDT"
ASK_TICKS = 600_000


def exchange(balance: int = 10_000, *, lots: int = 1_000) -> ExchangeCore:
    """An exchange with bid 59,999.9, ask 60,000.0 and mark 60,000, `lots` of 0.001 on each level."""
    core = ExchangeCore([spec(), spec("ETHUSDT")], balance_usdt=Decimal(balance))
    core.on_market(book(0, ASK_TICKS, lots=lots))
    core.on_market(mark(0, 60_000))
    return core


def market_order(side: OrderSide, quantity: str | None, **fields: Any) -> NewOrder:
    defaults: dict[str, Any] = {"symbol": SYMBOL, "kind": "MARKET", "client_id": "o"}
    return NewOrder(side=side, quantity=None if quantity is None else Decimal(quantity), **(defaults | fields))


def limit_order(side: OrderSide, quantity: str, price: str, time_in_force: str = "GTC", **fields: Any) -> NewOrder:
    return market_order(
        side, quantity, **({"kind": "LIMIT", "price": Decimal(price), "time_in_force": time_in_force} | fields)
    )


def algo(side: OrderSide, kind: str, trigger: str | None, **fields: Any) -> NewAlgo:
    defaults: dict[str, Any] = {"symbol": SYMBOL, "client_id": "a", "working_type": "MARK_PRICE"}
    if "quantity" not in fields:
        defaults["close_position"] = True
    return NewAlgo(
        side=side, kind=kind, trigger_price=None if trigger is None else Decimal(trigger), **(defaults | fields)
    )


def refused(core: ExchangeCore, request: CoreRequest, now_ms: int = 1) -> int:
    """Execute what must be refused and return the code."""
    with pytest.raises(RequestRefused) as caught:
        core.execute(now_ms, request)
    assert caught.value.message
    return caught.value.code
