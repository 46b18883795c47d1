"""The ledger as JSON: the whole truth of the account, read by tests and people. Decimals are plain strings."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from vortex.domain.order import ZERO
from vortex.sim.core.account import Account
from vortex.sim.core.events import TimelineEntry
from vortex.sim.core.history import History
from vortex.sim.core.types import SimAlgo, SimFill, SimFunding, SimOrder, SimPosition, StateChange


def text(value: Decimal) -> str:
    """A decimal in plain notation, never with an exponent."""
    return f"{value:f}"


def render(account: Account, history: History, positions: Sequence[SimPosition], now_ms: int) -> dict[str, Any]:
    """The ledger of the simulator's own interface; the shape is a contract with the programs that read it.

    What grows for ever is an iterator over the state of this moment.
    """
    return {
        "now_ms": now_ms,
        "wallet_usdt": text(account.wallet),
        "positions": [_position(position) for position in positions],
        "orders": map(_order, history.orders.snapshot()),
        "algo_orders": map(_algo, history.algos.snapshot()),
        "fills": map(_fill, history.fills.snapshot()),
        "funding": map(_funding, history.funding.snapshot()),
        "timeline": map(_entry, history.timeline.snapshot()),
    }


def _position(position: SimPosition) -> dict[str, Any]:
    liquidation = position.liquidation_price
    return {
        "symbol": position.symbol,
        "position_amt": text(position.amount),
        "entry_price": text(position.entry_price),
        "mark_price": text(position.mark_price),
        "leverage": position.leverage,
        "isolated_wallet_usdt": text(position.isolated_wallet),
        "liq_price": None if liquidation is None else text(liquidation),
        "unrealized_pnl_usdt": text(position.unrealized_pnl),
    }


def _average(order: SimOrder | SimAlgo) -> str:
    return text(order.quote / order.executed if order.executed else ZERO)


def _states(states: Sequence[StateChange]) -> list[dict[str, Any]]:
    return [{"ts_ms": state.ts_ms, "status": state.status} for state in states]


def _order(order: SimOrder) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "client_id": order.client_id,
        "symbol": order.symbol,
        "side": order.side.value,
        "type": order.kind,
        "qty": text(order.quantity),
        "reduce_only": order.reduce_only,
        "close_position": order.close_position,
        "status": order.status.value,
        "code": order.code,
        "executed_qty": text(order.executed),
        "avg_price": _average(order),
        "received_ms": order.received_ms,
        "states": _states(order.states),
    }


def _algo(algo: SimAlgo) -> dict[str, Any]:
    return {
        "algo_id": algo.algo_id,
        "order_id": None,  # it never is one: see child_order_id
        "client_id": algo.client_id,
        "symbol": algo.symbol,
        "side": algo.side.value,
        "type": algo.kind,
        "qty": text(algo.quantity),
        "reduce_only": algo.reduce_only,
        "close_position": algo.close_position,
        "status": algo.status.value,
        "code": algo.code,
        "executed_qty": text(algo.executed),
        "avg_price": _average(algo),
        "received_ms": algo.received_ms,
        "states": _states(algo.states),
        "trigger_price": text(algo.trigger_price),
        "working_type": algo.working_type,
        "child_order_id": algo.child_order_id,
    }


def _fill(fill: SimFill) -> dict[str, Any]:
    return {
        "id": fill.fill_id,
        "order_id": fill.order_id,
        "client_id": fill.client_id,
        "symbol": fill.symbol,
        "side": fill.side.value,
        "qty": text(fill.quantity),
        "price": text(fill.price),
        "commission": text(fill.commission),
        "commission_asset": "USDT",
        "realized_pnl": text(fill.realized_pnl),
        "maker": fill.maker,
        "ts_ms": fill.ts_ms,
    }


def _funding(row: SimFunding) -> dict[str, Any]:
    return {"symbol": row.symbol, "ts_ms": row.ts_ms, "rate": text(row.rate), "amount_usdt": text(row.amount_usdt)}


def _entry(entry: TimelineEntry) -> dict[str, Any]:
    return {
        "seq": entry.seq,
        "ts_ms": entry.ts_ms,
        "symbol": entry.symbol,
        "event": entry.event,
        "position_amt": None if entry.position_amt is None else text(entry.position_amt),
        "stop_working": entry.stop_working,
        **entry.detail,
    }
