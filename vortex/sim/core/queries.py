"""Questions about orders, executions, money and settings: they read a state, the present one or an earlier one."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, TypeVar

from vortex.domain.order import ZERO
from vortex.sim.core.floor import algo_copy, order_copy
from vortex.sim.core.income import income
from vortex.sim.core.margin import maintenance_usdt, max_notional_usdt
from vortex.sim.core.state import State, capped
from vortex.sim.core.types import (
    FindAlgo,
    FindOrder,
    GetAccountInfo,
    GetModes,
    GetSymbolConfig,
    ListAlgos,
    ListFills,
    ListIncome,
    ListOrderHistory,
    ListOrders,
    ListPositions,
    RequestRefused,
    SimAccount,
    SimAlgo,
    SimFill,
    SimModes,
    SimOrder,
    SimPosition,
    SimSymbolConfig,
)

Answerer: TypeAlias = Callable[[State, int, Any], Any]
Row = TypeVar("Row", SimOrder, SimAlgo)


# -------------------------------------------------------------------------------------------------------------- orders


def find_order(state: State, _now_ms: int, request: FindOrder) -> SimOrder:
    """The order, the newest one of that client id. Raises RequestRefused -2013 when there is none."""
    state.spec(request.symbol)
    if request.order_id is None and request.client_id is None:
        text = "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!"
        raise RequestRefused(-1102, text)
    order = state.orders.find(request.order_id, (request.symbol, request.client_id))
    if order is None or order.symbol != request.symbol:
        raise RequestRefused(-2013, "Order does not exist.")
    return order_copy(order)


def find_algo(state: State, _now_ms: int, request: FindAlgo) -> SimAlgo:
    """The conditional order, the newest one of that client id. Raises RequestRefused -2013 when there is none."""
    if request.algo_id is None and request.client_id is None:
        raise RequestRefused(-1102, "Param 'clientAlgoId' or 'algoId' must be sent, but both were empty/null!")
    algo = state.algos.find(request.algo_id, request.client_id)
    if algo is None:
        raise RequestRefused(-2013, "Order does not exist.")
    return algo_copy(algo)


def list_orders(state: State, _now_ms: int, request: ListOrders) -> list[SimOrder]:
    """Open orders of one symbol or all."""
    if request.symbol is None:
        return [order_copy(order) for order in state.orders.open.values()]
    state.spec(request.symbol)
    return [order_copy(order) for order in state.resting(request.symbol)]


def list_algos(state: State, _now_ms: int, request: ListAlgos) -> list[SimAlgo]:
    """Open conditional orders of one symbol or all."""
    if request.symbol is not None:
        state.spec(request.symbol)
    symbols = state.specs if request.symbol is None else (request.symbol,)
    return [algo_copy(algo) for symbol in symbols for algo in state.waiting(symbol)]


def list_order_history(state: State, _now_ms: int, request: ListOrderHistory) -> list[SimOrder] | list[SimAlgo]:
    """Accepted orders, oldest first; without `from_id` and `start_ms` the newest ones up to the limit."""
    state.spec(request.symbol)
    if request.conditional:
        algos = _chosen(request, state.algos.newest_first(), lambda algo: algo.algo_id or 0)
        return [algo_copy(algo) for algo in algos]
    orders = _chosen(request, state.orders.newest_first(), lambda order: order.order_id or 0)
    return [order_copy(order) for order in orders]


def _chosen(request: ListOrderHistory, newest_first: Iterable[Row], number: Callable[[Row], int]) -> list[Row]:
    """Look back no further than the request does."""
    limit, chosen = capped(request.limit), list[Row]()
    whole = request.from_id is not None or request.start_ms is not None
    for row in newest_first:
        if number(row) < (request.from_id or 0) or row.received_ms < (request.start_ms or 0):
            break
        if row.symbol == request.symbol and (request.end_ms is None or row.received_ms <= request.end_ms):
            chosen.append(row)
        if not whole and len(chosen) == limit:
            break
    return chosen[::-1][:limit]


# ---------------------------------------------------------------------------------------------------------- executions


def list_fills(state: State, _now_ms: int, request: ListFills) -> list[SimFill]:
    """Fills of one symbol, oldest first; without `from_id` and `start_ms` the newest ones up to the limit."""
    state.spec(request.symbol)
    numbers = state.fill_numbers(request.symbol)
    chosen = numbers[slice(*_range(state, request, numbers))]
    limit = capped(request.limit)
    newest = request.from_id is None and request.start_ms is None
    if request.order_id is None:
        chosen = chosen[-limit:] if newest else chosen[:limit]
        return [state.fill(number) for number in chosen]
    found = [fill for fill in map(state.fill, chosen) if fill.order_id == request.order_id]
    return found[-limit:] if newest else found[:limit]


def _range(state: State, request: ListFills, numbers: list[int]) -> tuple[int, int]:
    """Which of the symbol's fills to look at."""
    first_ms, last_ms = request.start_ms or 0, request.end_ms
    if request.order_id is not None:
        order = state.orders.find(request.order_id, None)
        if order is None:
            return 0, 0
        first_ms = max(first_ms, order.received_ms)
        last_ms = order.updated_ms if last_ms is None else min(last_ms, order.updated_ms)
    first, last = state.between(numbers, first_ms, last_ms)
    if request.from_id is not None:
        first = max(first, bisect_left(numbers, request.from_id, key=lambda number: state.fill(number).fill_id))
    return first, last


# --------------------------------------------------------------------------------------------------- money and settings


def account(state: State, now_ms: int, _request: GetAccountInfo) -> SimAccount:
    """Wallet, profit at mark price and margins over all open positions and resting orders."""
    initial = maintenance = unrealized = ZERO
    for view in state.open_positions():
        notional = abs(view.amount) * view.mark_price
        initial += notional / view.leverage
        maintenance += maintenance_usdt(state.specs[view.symbol].tiers, notional)
        unrealized += view.unrealized_pnl
    resting = state.resting_margin()
    return SimAccount(
        wallet=state.account.wallet,
        unrealized_pnl=unrealized,
        initial_margin=initial + resting,
        order_margin=resting,
        maintenance_margin=maintenance,
        available=state.available(),
        updated_ms=now_ms,
    )


def list_positions(state: State, _now_ms: int, request: ListPositions) -> list[SimPosition]:
    """Open positions of one symbol or all."""
    if request.symbol is not None:
        state.spec(request.symbol)
    return [view for view in state.open_positions() if request.symbol in (None, view.symbol)]


def symbol_config(state: State, symbol: str) -> SimSymbolConfig:
    """Leverage and margin type of a listed symbol."""
    setting = state.account.setting(symbol)
    return SimSymbolConfig(
        symbol=symbol,
        leverage=setting.leverage,
        margin_type=setting.margin_type,
        max_notional=max_notional_usdt(state.specs[symbol].tiers, setting.leverage),
    )


def list_configs(state: State, _now_ms: int, request: GetSymbolConfig) -> list[SimSymbolConfig]:
    """Leverage and margin type of one symbol or all."""
    if request.symbol is not None:
        return [symbol_config(state, state.spec(request.symbol).symbol)]
    return [symbol_config(state, symbol) for symbol in state.specs]


def modes(state: State, _now_ms: int, _request: GetModes) -> SimModes:
    """The account's modes."""
    return SimModes(dual_side=state.account.dual_side, multi_assets=state.account.multi_assets)


ANSWERS: dict[type[Any], Answerer] = {
    FindOrder: find_order,
    FindAlgo: find_algo,
    ListOrders: list_orders,
    ListAlgos: list_algos,
    ListOrderHistory: list_order_history,
    ListFills: list_fills,
    ListIncome: income,
    GetAccountInfo: account,
    ListPositions: list_positions,
    GetSymbolConfig: list_configs,
    GetModes: modes,
}
"""Who answers what."""
