from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, mark
from tests.sim.core.kit import ASK_TICKS, BUY, SELL, STOP, SYMBOL, algo, exchange, limit_order, market_order, refused
from vortex.domain.order import OrderStatus
from vortex.sim.core.events import AccountPushed, ConfigPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import (
    CancelAlgoRequest,
    CancelOrderRequest,
    ChangeLeverage,
    ChangeMarginType,
    CoreRequest,
    FindOrder,
    GetAccountInfo,
    GetSymbolConfig,
    ListFills,
    ListOrderHistory,
    ListPositions,
    RequestRefused,
    SimAccount,
    SimFill,
    SimOrder,
    SimPosition,
    SimSymbolConfig,
)


def ids(core: ExchangeCore, **fields: Any) -> list[int]:
    answer = core.execute(99, ListFills(symbol=SYMBOL, **fields))
    assert isinstance(answer, list)
    return [row.fill_id for row in answer if isinstance(row, SimFill)]


def test_account_and_position_at_mark_price() -> None:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1"))
    core.on_market(mark(2, 60_100))
    account = core.execute(3, GetAccountInfo())
    assert account == SimAccount(
        wallet=Decimal(9_997),
        unrealized_pnl=Decimal(10),
        initial_margin=Decimal("300.5"),
        maintenance_margin=Decimal("24.04"),
        available=Decimal(9_697),
        updated_ms=3,
    )
    (position,) = _positions(core)
    assert (position.mark_price, position.unrealized_pnl, position.isolated_wallet, position.leverage) == (
        Decimal(60_100),
        Decimal(10),
        Decimal(300),
        20,
    )
    assert position.liquidation_price is not None
    assert round(position.liquidation_price, 4) == Decimal("57228.9157")


def test_positions_of_one_symbol_or_all() -> None:
    core = exchange()
    core.on_market(book(1, ASK_TICKS, symbol="ETHUSDT"))
    core.execute(1, market_order(BUY, "0.1"))
    core.execute(1, market_order(SELL, "0.1", symbol="ETHUSDT"))
    assert [position.symbol for position in _positions(core)] == [SYMBOL, "ETHUSDT"]
    assert [position.symbol for position in _positions(core, "ETHUSDT")] == ["ETHUSDT"]


def test_fills_by_time_by_id_and_by_order() -> None:
    core = exchange()
    for ts_ms in (10, 20, 20, 30):
        core.execute(ts_ms, market_order(BUY, "0.01"))
    assert ids(core) == [1, 2, 3, 4]
    assert ids(core, limit=2) == [3, 4]
    assert ids(core, start_ms=10, limit=2) == [1, 2]
    assert ids(core, start_ms=11, end_ms=20) == [2, 3]
    assert ids(core, from_id=3) == [3, 4]
    assert ids(core, from_id=2, limit=2) == [2, 3]
    assert ids(core, order_id=2) == [2]


def test_leverage_changes_margin_of_what_comes_and_is_pushed() -> None:
    core = exchange()
    config = core.execute(1, ChangeLeverage(symbol=SYMBOL, leverage=100))
    assert config == SimSymbolConfig(symbol=SYMBOL, leverage=100, margin_type="CROSSED", max_notional=Decimal(600_000))
    assert core.drain() == [ConfigPushed(ts_ms=1, symbol=SYMBOL, leverage=100)]
    core.execute(2, ChangeLeverage(symbol=SYMBOL, leverage=100))
    assert core.drain() == []
    core.execute(3, market_order(BUY, "0.1"))
    assert _positions(core)[0].isolated_wallet == 60


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (ChangeLeverage(symbol=SYMBOL, leverage=0), -4028),
        (ChangeLeverage(symbol=SYMBOL, leverage=126), -4028),
        (ChangeLeverage(symbol="NOPE", leverage=20), -1121),
        (ChangeLeverage(symbol=SYMBOL, leverage=19), -4161),
        (ChangeLeverage(symbol=SYMBOL, leverage=125), -2027),
        (ChangeMarginType(symbol=SYMBOL, margin_type="HALF"), -1102),
        (ChangeMarginType(symbol=SYMBOL, margin_type="CROSSED"), -4046),
        (ChangeMarginType(symbol=SYMBOL, margin_type="ISOLATED"), -4048),
        (ChangeMarginType(symbol="NOPE", margin_type="ISOLATED"), -1121),
        (GetSymbolConfig(symbol="NOPE"), -1121),
        (ListPositions(symbol="NOPE"), -1121),
        (ListFills(symbol="NOPE"), -1121),
    ],
    ids=str,
)
def test_with_a_position_of_60_000_usdt(request_: CoreRequest, code: int) -> None:
    core = exchange()
    core.execute(1, market_order(BUY, "1"))
    assert refused(core, request_) == code


def test_margin_type_changes_only_without_orders() -> None:
    core = exchange()
    core.execute(1, algo(SELL, STOP, "59000", quantity=Decimal("0.1")))
    isolate = ChangeMarginType(symbol=SYMBOL, margin_type="ISOLATED")
    assert refused(core, isolate) == -4047
    core.execute(2, CancelAlgoRequest(client_id="a"))
    core.drain()
    core.execute(3, isolate)
    (pushed,) = core.drain()
    assert isinstance(pushed, AccountPushed)
    assert pushed.reason == "MARGIN_TYPE_CHANGE"
    configs = core.execute(4, GetSymbolConfig())
    assert isinstance(configs, list)
    types = [config.margin_type for config in configs if isinstance(config, SimSymbolConfig)]
    assert types == ["ISOLATED", "CROSSED"]
    assert core.execute(4, GetSymbolConfig(symbol=SYMBOL)) == configs[:1]


def _positions(core: ExchangeCore, symbol: str | None = None) -> list[SimPosition]:
    answer = core.execute(3, ListPositions(symbol=symbol))
    assert isinstance(answer, list)
    return [row for row in answer if isinstance(row, SimPosition)]


def history(core: ExchangeCore, **fields: Any) -> list[int | None]:
    answer = core.execute(99, ListOrderHistory(symbol=SYMBOL, **fields))
    assert isinstance(answer, list)
    return [getattr(row, "algo_id" if fields.get("conditional") else "order_id") for row in answer]


def test_order_history_by_time_and_by_id() -> None:
    core = exchange()
    for ts_ms in (10, 20, 30, 40):
        core.execute(ts_ms, market_order(BUY, "0.01"))
        refused(core, market_order(BUY, "0"), ts_ms)  # was never accepted, and is not told of
        core.on_market(book(ts_ms, ASK_TICKS, symbol="ETHUSDT"))
        core.execute(ts_ms, market_order(BUY, "0.01", symbol="ETHUSDT"))
    assert history(core) == [1, 3, 5, 7]
    assert history(core, limit=2) == [5, 7]
    assert history(core, from_id=3, limit=2) == [3, 5]
    assert history(core, start_ms=20, end_ms=30) == [3, 5]
    assert history(core, start_ms=0, limit=1) == [1]
    assert refused(core, ListOrderHistory(symbol="NOPE")) == -1121


def test_conditional_orders_have_a_history_of_their_own() -> None:
    core = exchange()
    for client_id in ("a", "b"):
        core.execute(1, algo(SELL, STOP, "59000", quantity=Decimal("0.1"), client_id=client_id))
    core.execute(2, CancelAlgoRequest(client_id="a"))
    assert history(core, conditional=True) == [1, 2]
    assert history(core, conditional=True, from_id=2) == [2]


def test_a_late_answer_knows_the_order_that_had_the_id_then() -> None:
    core = exchange()

    def found(lag_ms: int) -> int | None:
        answer = core.execute(100, FindOrder(symbol=SYMBOL, client_id="o"), lag_ms=lag_ms)
        assert isinstance(answer, SimOrder)
        return answer.order_id

    core.execute(10, market_order(BUY, "0.01"))
    core.execute(50, market_order(SELL, "0.01"))
    core.execute(60, limit_order(BUY, "0.01", "59000"))
    core.execute(70, CancelOrderRequest(symbol=SYMBOL, client_id="o"))
    assert [found(lag_ms) for lag_ms in (0, 30, 35, 40, 45, 51, 90)] == [3, 3, 3, 3, 2, 1, 1]
    late = core.execute(100, FindOrder(symbol=SYMBOL, client_id="o"), lag_ms=35)
    assert isinstance(late, SimOrder)
    assert late.status is OrderStatus.NEW
    by_id = core.execute(100, FindOrder(symbol=SYMBOL, order_id=2), lag_ms=40)
    assert isinstance(by_id, SimOrder)
    with pytest.raises(RequestRefused, match="-2013"):
        core.execute(100, FindOrder(symbol=SYMBOL, order_id=2), lag_ms=51)
