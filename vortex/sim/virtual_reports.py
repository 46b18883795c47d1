"""The simulator's values in the domain's words, as the exchange port reports them."""

from __future__ import annotations

from typing import TypeAlias, cast

from vortex.domain.market import SymbolRules
from vortex.domain.order import (
    ZERO,
    AccountUpdate,
    AlgoReport,
    ConfigUpdate,
    Fill,
    FillAnnounced,
    MarginCall,
    OrderKind,
    OrderReport,
    PositionReport,
    SymbolSetup,
    TriggerRejected,
)
from vortex.sim.core.events import (
    AccountPushed,
    AlgoPushed,
    ConfigPushed,
    MarginCallPushed,
    OrderPushed,
    TradePushed,
    TriggerRejectPushed,
    UserEvent,
)
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import SimAlgo, SimFill, SimOrder, SimPosition

UserReport: TypeAlias = (
    OrderReport | FillAnnounced | AlgoReport | TriggerRejected | AccountUpdate | ConfigUpdate | MarginCall
)
_KINDS = {kind.value for kind in OrderKind if kind.conditional}


def known(algo: SimAlgo) -> bool:
    """True for a kind that the system itself sends; the port tells of no other, as the real adapter does not."""
    return algo.kind in _KINDS


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
        kind=OrderKind(algo.kind),
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


def user_report(event: UserEvent) -> UserReport | None:  # noqa: PLR0911  # one case per kind
    """What the user stream carried; None for a conditional order of a kind the system never sends."""
    match event:
        case OrderPushed():
            return order_report(event.order, event.fill)
        case TradePushed(order=order, fill=fill):
            return FillAnnounced(
                symbol=order.symbol,
                client_id=order.client_id,
                order_id=fill.order_id,
                fill_id=fill.fill_id,
                ts_ms=fill.ts_ms,
            )
        case AlgoPushed():
            return algo_report(event.algo) if known(event.algo) else None
        case TriggerRejectPushed():
            return TriggerRejected(symbol=event.symbol, order_id=event.algo_id, reason=event.reason, ts_ms=event.ts_ms)
        case AccountPushed():
            return AccountUpdate(
                ts_ms=event.ts_ms,
                reason=event.reason,
                wallet_usdt=event.wallet,
                positions=tuple(position_report(position) for position in event.positions),
            )
        case ConfigPushed():
            return ConfigUpdate(
                ts_ms=event.ts_ms, symbol=event.symbol, leverage=event.leverage, multi_assets=event.multi_assets
            )
        case MarginCallPushed():
            return MarginCall(ts_ms=event.ts_ms, symbols=(event.position.symbol,))
