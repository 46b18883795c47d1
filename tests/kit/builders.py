"""What an exchange reports, and the ids we would give: a long BTCUSDT trade of 0.1 unless said otherwise."""

from __future__ import annotations

from decimal import Decimal

from tests.domain.money_builders import NOW, RULES, SYMBOL, TIERS, plan
from vortex.domain.desk.bracket import Bracket, begin
from vortex.domain.order import (
    ZERO,
    AlgoReport,
    AlgoStatus,
    Fill,
    OrderKind,
    OrderReport,
    OrderRole,
    OrderSide,
    OrderStatus,
    PositionReport,
    SymbolSetup,
    SymbolState,
)
from vortex.domain.pnl import RowLabels
from vortex.domain.trade import EntryPlan

BUY, SELL = OrderSide.BUY, OrderSide.SELL
LABELS = RowLabels(mode="paper", account="main", market_source="test", profile="unit")
SETUP = SymbolSetup(rules=RULES, tiers=TIERS, taker_fee=Decimal("0.0005"))


def ids(number: int = 1) -> dict[OrderRole, str]:
    """The client ids of the trade with this number."""
    return {role: f"v7-main-{SYMBOL}-1-{number}{role.value}" for role in OrderRole}


def bracket(trade_plan: EntryPlan | None = None, *, number: int = 1, now_ms: int = NOW) -> Bracket:
    """A trade that has just begun."""
    return begin(trade_plan or plan(), f"trade-{number}", ids(number), now_ms)


def fill(
    number: int = 1, quantity: str = "0.1", *, side: OrderSide = BUY, price: str = "60000", client_id: str = "",
    order_id: int = 1, at_ms: int = NOW + 100, fee: str = "3",
) -> Fill:  # fmt: skip
    return Fill(
        fill_id=number, order_id=order_id, client_id=client_id, symbol=SYMBOL, side=side, quantity=Decimal(quantity),
        price=Decimal(price), commission=Decimal(fee), commission_asset="USDT", realized_pnl=ZERO, maker=False,
        ts_ms=at_ms,
    )  # fmt: skip


def order_report(
    client_id: str, status: OrderStatus = OrderStatus.FILLED, executed: str = "0.1", *, side: OrderSide = BUY,
    order_id: int = 1, caused_by: Fill | None = None,
) -> OrderReport:  # fmt: skip
    return OrderReport(
        symbol=SYMBOL, client_id=client_id, order_id=order_id, side=side, status=status,
        executed_quantity=Decimal(executed), average_price=Decimal(60_000), ts_ms=NOW + 100, fill=caused_by,
    )  # fmt: skip


def algo_report(
    client_id: str, status: AlgoStatus = AlgoStatus.NEW, *, child: int | None = None, side: OrderSide = SELL
) -> AlgoReport:
    kind = OrderKind.STOP_MARKET if client_id.endswith(OrderRole.STOP) else OrderKind.TAKE_PROFIT_MARKET
    return AlgoReport(
        symbol=SYMBOL, client_id=client_id, algo_id=7, side=side, kind=kind, status=status,
        trigger_price=Decimal("59915.4"), quantity=ZERO, close_position=True, ts_ms=NOW + 200, child_order_id=child,
    )  # fmt: skip


def symbol_state(
    amount: str = "0", *, orders: tuple[OrderReport, ...] = (), algos: tuple[AlgoReport, ...] = (),
    fills: tuple[Fill, ...] = (), leverage: int | None = 20, liquidation: str | None = None,
) -> SymbolState:  # fmt: skip
    position = PositionReport(
        symbol=SYMBOL, amount=Decimal(amount), entry_price=Decimal(60_000), leverage=leverage,
        liquidation_price=None if liquidation is None else Decimal(liquidation),
    )  # fmt: skip
    return SymbolState(symbol=SYMBOL, ts_ms=NOW, position=position, orders=orders, algos=algos, fills=fills)
