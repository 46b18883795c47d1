"""The simulator's values in the domain's words, as the exchange port reports them."""

from __future__ import annotations

from typing import cast

from vortex.domain.market import SymbolRules
from vortex.domain.order import (
    ZERO,
    AccountUpdate,
    AlgoReport,
    Fill,
    OrderReport,
    PositionReport,
    SymbolSetup,
)
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import AccountPushed, AlgoPushed, OrderPushed, SimAlgo, SimFill, SimOrder, SimPosition


def symbol_setup(core: ExchangeCore, symbol: str) -> SymbolSetup:
    """What a listed symbol allows."""
    spec = core.specs[symbol]
    rules = SymbolRules(
        symbol=symbol,
        tick_size=spec.tick_size,
        step_size=spec.step_size,
        min_quantity=spec.min_quantity,
        max_quantity=spec.max_market_quantity,
        min_notional_usdt=spec.min_notional_usdt,
    )
    return SymbolSetup(rules=rules, tiers=spec.tiers, taker_fee=core.taker_fee)


def order_report(order: SimOrder, fill: SimFill | None = None) -> OrderReport:
    """An accepted order as the port reports it."""
    return OrderReport(
        symbol=order.symbol,
        client_id=order.client_id,
        order_id=cast("int", order.order_id),  # only accepted orders are answered or pushed
        side=order.side,
        status=order.status,
        executed_quantity=order.executed,
        average_price=order.quote / order.executed if order.executed else ZERO,
        ts_ms=order.updated_ms,
        fill=None if fill is None else fill_report(fill),
    )


def algo_report(algo: SimAlgo) -> AlgoReport:
    """An accepted conditional order as the port reports it."""
    return AlgoReport(
        symbol=algo.symbol,
        client_id=algo.client_id,
        algo_id=cast("int", algo.algo_id),  # only accepted orders are answered or pushed
        side=algo.side,
        kind=algo.kind,
        status=algo.status,
        trigger_price=algo.trigger_price,
        quantity=algo.quantity,
        close_position=algo.close_position,
        ts_ms=algo.updated_ms,
        child_order_id=algo.child_order_id,
    )


def fill_report(fill: SimFill) -> Fill:
    """An execution as the port reports it."""
    return Fill(
        fill_id=fill.fill_id,
        order_id=fill.order_id,
        client_id=fill.client_id,
        symbol=fill.symbol,
        side=fill.side,
        quantity=fill.quantity,
        price=fill.price,
        commission=fill.commission,
        commission_asset="USDT",
        realized_pnl=fill.realized_pnl,
        maker=fill.maker,
        ts_ms=fill.ts_ms,
    )


def position_report(position: SimPosition) -> PositionReport:
    """A position as the port reports it."""
    return PositionReport(
        symbol=position.symbol,
        amount=position.amount,
        entry_price=position.entry_price,
        mark_price=position.mark_price,
        leverage=position.leverage,
        isolated_wallet_usdt=position.isolated_wallet,
        liquidation_price=position.liquidation_price,
    )


def user_report(event: OrderPushed | AlgoPushed | AccountPushed) -> OrderReport | AlgoReport | AccountUpdate:
    """What the user stream carried."""
    match event:
        case OrderPushed():
            return order_report(event.order, event.fill)
        case AlgoPushed():
            return algo_report(event.algo)
        case AccountPushed():
            return AccountUpdate(
                ts_ms=event.ts_ms,
                reason=event.reason,
                wallet_usdt=event.wallet,
                positions=tuple(position_report(position) for position in event.positions),
            )
