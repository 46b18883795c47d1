from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, algo, exchange, limit_order, market_order, refused
from vortex.domain.order import OrderStatus
from vortex.sim.core.events import AccountPushed, ConfigPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import (
    AdjustMargin,
    ChangeAssetsMode,
    ChangeMarginType,
    ChangePositionMode,
    CoreRequest,
    FindOrder,
    GetModes,
    SetCountdown,
    SimModes,
)

HEDGE, MULTI = ChangePositionMode(dual_side=True), ChangeAssetsMode(multi_assets=True)
ISOLATE = ChangeMarginType(symbol=SYMBOL, margin_type="ISOLATED")


def holder() -> ExchangeCore:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1", client_id="entry"))
    core.drain()
    return core


def test_modes_are_switched_back_and_forth() -> None:
    core = exchange()
    assert core.execute(1, HEDGE) == SimModes(dual_side=True, multi_assets=False)
    assert core.execute(2, MULTI) == core.execute(3, GetModes()) == SimModes(dual_side=True, multi_assets=True)
    assert core.drain() == [ConfigPushed(ts_ms=2, multi_assets=True)]
    core.execute(4, ChangePositionMode(dual_side=False))
    core.execute(4, ChangeAssetsMode(multi_assets=False))
    assert core.execute(5, GetModes(), lag_ms=2) == SimModes(dual_side=True, multi_assets=True)
    assert core.execute(5, GetModes()) == SimModes(dual_side=False, multi_assets=False)


@pytest.mark.parametrize(
    ("first", "request_", "code"),
    [
        (None, ChangePositionMode(dual_side=False), -4059),
        (limit_order(BUY, "0.1", "59000"), HEDGE, -4067),
        (algo(SELL, STOP, "59000", quantity=Decimal("0.1")), HEDGE, -4067),
        (market_order(BUY, "0.1"), HEDGE, -4068),
        (None, ChangeAssetsMode(multi_assets=False), -4171),
        (limit_order(BUY, "0.1", "59000"), MULTI, -4170),
        (ISOLATE, MULTI, -4167),
        (MULTI, ISOLATE, -4168),
        (HEDGE, market_order(BUY, "0.1"), -4061),
        (HEDGE, market_order(BUY, "0.1", position_side="LONG"), -4084),
        (None, market_order(BUY, "0.1", position_side="LONG"), -4061),
        (None, algo(SELL, STOP, "59000", position_side="SHORT"), -4061),
        (None, SetCountdown(symbol=SYMBOL, after_ms=-1), -1102),
        (None, AdjustMargin(symbol=SYMBOL, amount_usdt=Decimal(1)), -4054),
    ],
    ids=str,
)
def test_what_a_setting_refuses(first: CoreRequest | None, request_: CoreRequest, code: int) -> None:
    core = exchange()
    if first is not None:
        core.execute(1, first)
    assert refused(core, request_, 2) == code


def test_margin_moves_into_a_position_and_out_again() -> None:
    core = holder()
    answer: Any = core.execute(2, AdjustMargin(symbol=SYMBOL, amount_usdt=Decimal(100)))
    assert answer.isolated_wallet == 400
    assert answer.liquidation_price < Decimal(56_300)
    (pushed,) = core.drain()
    assert isinstance(pushed, AccountPushed)
    assert pushed.reason == "MARGIN_TRANSFER"
    for amount, code in (("-100.01", -4051), ("9597.01", -4051), ("0", -4055)):
        assert refused(core, AdjustMargin(symbol=SYMBOL, amount_usdt=Decimal(amount))) == code
    answer = core.execute(3, AdjustMargin(symbol=SYMBOL, amount_usdt=Decimal(-100)))
    assert answer.isolated_wallet == 300


def status(core: ExchangeCore) -> OrderStatus:
    answer: Any = core.execute(1_400, FindOrder(symbol=SYMBOL, client_id="o"))
    found: OrderStatus = answer.status
    return found


def test_the_countdown_cancels_ordinary_orders_only() -> None:
    core = holder()
    core.execute(2, limit_order(BUY, "0.1", "59000"))
    core.execute(2, algo(SELL, STOP, "58000"))
    assert core.execute(500, SetCountdown(symbol=SYMBOL, after_ms=1_000)) == 1_500
    core.on_market(book(1_499, 600_000))
    assert status(core) is OrderStatus.NEW
    core.on_time(1_500)
    assert status(core) is OrderStatus.CANCELED
    assert core.ledger(0)["algo_orders"][0]["status"] == "NEW"


def test_a_countdown_starts_anew_or_stops() -> None:
    core = exchange()
    core.execute(1, limit_order(BUY, "0.1", "59000"))
    core.execute(2, SetCountdown(symbol=SYMBOL, after_ms=1_000))
    core.execute(900, SetCountdown(symbol=SYMBOL, after_ms=1_000))
    core.on_time(1_200)
    assert status(core) is OrderStatus.NEW
    assert core.execute(1_300, SetCountdown(symbol=SYMBOL, after_ms=0)) == 0
    core.on_time(9_999)
    assert status(core) is OrderStatus.NEW
