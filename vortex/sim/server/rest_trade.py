"""Order endpoints: ordinary and conditional orders, executions."""

from __future__ import annotations

import asyncio
import secrets

from msgspec import structs

from vortex.domain.order import ZERO, OrderSide, OrderStatus
from vortex.sim.core.types import (
    AmendOrder,
    CancelAlgoRequest,
    CancelOrderRequest,
    FindAlgo,
    FindOrder,
    ListAlgos,
    ListFills,
    ListOrderHistory,
    ListOrders,
    NewAlgo,
    NewOrder,
    RequestRefused,
    SetCountdown,
    SimAlgo,
    SimFill,
    SimOrder,
)
from vortex.sim.server.params import Params
from vortex.sim.server.render import (
    ALL_CANCELED,
    Json,
    algo_json,
    fill_json,
    order_json,
)
from vortex.sim.server.venue import Venue

GONE = -2011

# ------------------------------------------------------------------------------------------------- ordinary orders


async def place_order(venue: Venue, params: Params) -> Json:
    """POST order: answered when it is done with, executed or not."""
    venue.usage.order(venue.clock.server_ms())
    request = NewOrder(
        symbol=params.text("symbol"),
        side=_side(params),
        kind=params.text("type"),
        client_id=params.optional("newClientOrderId") or _invented_id(),
        quantity=params.optional_decimal("quantity"),
        price=params.optional_decimal("price"),
        time_in_force=params.optional("timeInForce"),
        reduce_only=params.flag("reduceOnly"),
        close_position=params.flag("closePosition"),
        position_side=params.optional("positionSide") or "BOTH",
    )
    order = await venue.ask(request, SimOrder)
    if params.optional("newOrderRespType") != "RESULT":  # ACK, the default, says nothing of executions
        order = structs.replace(order, status=OrderStatus.NEW, executed=ZERO, quote=ZERO)
    return order_json(order, venue.clock.offset_ms)


async def amend_order(venue: Venue, params: Params) -> Json:
    """PUT order: another price and quantity for a resting limit order."""
    venue.usage.order(venue.clock.server_ms())
    request = AmendOrder(
        symbol=params.text("symbol"),
        side=_side(params),
        quantity=params.decimal("quantity"),
        price=params.decimal("price"),
        order_id=params.optional_integer("orderId"),
        client_id=params.optional("origClientOrderId"),
    )
    return order_json(await venue.ask(request, SimOrder), venue.clock.offset_ms)


async def find_order(venue: Venue, params: Params) -> Json:
    """GET order."""
    request = FindOrder(
        symbol=params.text("symbol"),
        order_id=params.optional_integer("orderId"),
        client_id=params.optional("origClientOrderId"),
    )
    order = await venue.ask(request, SimOrder)
    return order_json(order, venue.clock.offset_ms)


async def cancel_order(venue: Venue, params: Params) -> Json:
    """DELETE order."""
    request = CancelOrderRequest(
        symbol=params.text("symbol"),
        order_id=params.optional_integer("orderId"),
        client_id=params.optional("origClientOrderId"),
    )
    order = await venue.ask(request, SimOrder)
    return order_json(order, venue.clock.offset_ms)


async def open_orders(venue: Venue, params: Params) -> list[Json]:
    """GET openOrders."""
    orders = await venue.ask_list(ListOrders(symbol=params.optional("symbol")), SimOrder)
    return [order_json(order, venue.clock.offset_ms) for order in orders]


async def all_orders(venue: Venue, params: Params) -> list[Json]:
    """GET allOrders: open and final ones."""
    orders = await venue.ask_list(_history(venue, params, "orderId"), SimOrder)
    return [order_json(order, venue.clock.offset_ms) for order in orders]


async def cancel_open_orders(venue: Venue, params: Params) -> Json:
    """DELETE allOpenOrders; conditional orders are not touched."""
    symbol = venue.symbol(params)
    orders = await venue.ask_list(ListOrders(symbol=symbol), SimOrder)
    requests = [CancelOrderRequest(symbol=symbol, order_id=order.order_id) for order in orders]
    await asyncio.gather(*(_cancel(venue, request) for request in requests))
    return ALL_CANCELED


async def countdown_cancel_all(venue: Venue, params: Params) -> Json:
    """POST countdownCancelAll: conditional orders are not touched."""
    symbol, after_ms = params.text("symbol"), params.integer("countdownTime")
    await venue.ask(SetCountdown(symbol=symbol, after_ms=after_ms), int)
    return {"symbol": symbol, "countdownTime": str(after_ms)}


async def user_trades(venue: Venue, params: Params) -> list[Json]:
    """GET userTrades."""
    request = ListFills(
        symbol=params.text("symbol"),
        from_id=params.optional_integer("fromId"),
        start_ms=_hidden(venue, params, "startTime"),
        end_ms=_hidden(venue, params, "endTime"),
        order_id=params.optional_integer("orderId"),
        limit=params.limit(default=500, most=1_000),
    )
    fills = await venue.ask_list(request, SimFill)
    return [fill_json(fill, venue.clock.offset_ms) for fill in fills]


# ---------------------------------------------------------------------------------------------- conditional orders


async def place_algo(venue: Venue, params: Params) -> Json:
    """POST algoOrder."""
    venue.usage.order(venue.clock.server_ms())
    if params.text("algoType") != "CONDITIONAL":
        raise RequestRefused(-1130, "Data sent for parameter 'algoType' is not valid.")
    request = NewAlgo(
        symbol=params.text("symbol"),
        side=_side(params),
        kind=params.text("type"),
        client_id=params.optional("clientAlgoId") or _invented_id(),
        trigger_price=params.optional_decimal("triggerPrice"),
        quantity=params.optional_decimal("quantity"),
        price=params.optional_decimal("price"),
        time_in_force=params.optional("timeInForce"),
        callback_rate=params.optional_decimal("callbackRate"),
        activation_price=params.optional_decimal("activatePrice"),
        position_side=params.optional("positionSide") or "BOTH",
        close_position=params.flag("closePosition"),
        reduce_only=params.flag("reduceOnly"),
        working_type=params.optional("workingType") or "CONTRACT_PRICE",
    )
    return algo_json(await venue.ask(request, SimAlgo), venue.clock.offset_ms)


async def find_algo(venue: Venue, params: Params) -> Json:
    """GET algoOrder."""
    request = FindAlgo(algo_id=params.optional_integer("algoId"), client_id=params.optional("clientAlgoId"))
    return algo_json(await venue.ask(request, SimAlgo), venue.clock.offset_ms)


async def cancel_algo(venue: Venue, params: Params) -> Json:
    """DELETE algoOrder."""
    request = CancelAlgoRequest(algo_id=params.optional_integer("algoId"), client_id=params.optional("clientAlgoId"))
    algo = await venue.ask(request, SimAlgo)
    return {"algoId": algo.algo_id, "clientAlgoId": algo.client_id, "code": "200", "msg": "success"}


async def open_algos(venue: Venue, params: Params) -> list[Json]:
    """GET openAlgoOrders."""
    algos = await venue.ask_list(ListAlgos(symbol=params.optional("symbol")), SimAlgo)
    return [algo_json(algo, venue.clock.offset_ms) for algo in algos]


async def all_algos(venue: Venue, params: Params) -> list[Json]:
    """GET allAlgoOrders: open and final ones."""
    algos = await venue.ask_list(_history(venue, params, "algoId", conditional=True), SimAlgo)
    return [algo_json(algo, venue.clock.offset_ms) for algo in algos]


async def cancel_open_algos(venue: Venue, params: Params) -> Json:
    """DELETE algoOpenOrders."""
    algos = await venue.ask_list(ListAlgos(symbol=venue.symbol(params)), SimAlgo)
    requests = [CancelAlgoRequest(algo_id=algo.algo_id) for algo in algos]
    await asyncio.gather(*(_cancel(venue, request) for request in requests))
    return ALL_CANCELED


# ------------------------------------------------------------------------------------------------------------ helpers


async def _cancel(venue: Venue, request: CancelOrderRequest | CancelAlgoRequest) -> None:
    """Cancel one of many; one that is gone meanwhile needs no cancelling."""
    try:
        await venue.send(request)
    except RequestRefused as refusal:
        if refusal.code != GONE:
            raise


def _side(params: Params) -> OrderSide:
    side = params.text("side")
    if side not in OrderSide.__members__:
        raise RequestRefused(-1117, "Invalid side.")
    return OrderSide(side)


def _history(venue: Venue, params: Params, id_name: str, *, conditional: bool = False) -> ListOrderHistory:
    return ListOrderHistory(
        symbol=params.text("symbol"),
        conditional=conditional,
        from_id=params.optional_integer(id_name),
        start_ms=_hidden(venue, params, "startTime"),
        end_ms=_hidden(venue, params, "endTime"),
        limit=params.limit(default=500, most=1_000),
    )


def _hidden(venue: Venue, params: Params, name: str) -> int | None:
    shown_ms = params.optional_integer(name)
    return None if shown_ms is None else venue.clock.hidden_ms(shown_ms)


def _invented_id() -> str:
    """What the exchange calls an order whose client gave it no name."""
    return secrets.token_urlsafe(16)
