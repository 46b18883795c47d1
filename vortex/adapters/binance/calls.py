"""Each exchange request as the HTTP calls it takes and the report it answers."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from vortex.adapters.binance import rows, symbol_rows
from vortex.adapters.binance.client import Client
from vortex.adapters.binance.errors import ApiError, MalformedReply, NotSent
from vortex.adapters.binance.fees import Fees
from vortex.domain.market import SymbolRules
from vortex.domain.order import (
    AccountState,
    AlgoReport,
    CancelOrder,
    ExchangeRequest,
    Fill,
    FundingState,
    OrderReport,
    PlaceOrder,
    PositionsState,
    PrepareSymbol,
    QueryAccount,
    QueryFunding,
    QueryOrder,
    QueryPositions,
    QuerySymbol,
    SetLeverage,
    SymbolSetup,
    SymbolState,
)
from vortex.ports import Clock

ALREADY_ISOLATED = -4046
HAS_ORDERS, HAS_POSITION = -4047, -4048
SYMBOL_CLOSED = -4141
UNKNOWN_ORDER = -2013
OUTDATED_RULES = frozenset({-1111, -4014})
"""More digits than the symbol allows, a price off its ticks: its filters are no longer what we read."""

RULES_LIFE_MS = 600_000
FILLS_PAGE = 1_000
WEEK_MS = 7 * 86_400_000
OLDEST_MS = 26 * WEEK_MS - 3_600_000
"""The exchange tells executions of the past half year, by time a week at once."""

KEPT_IDS = 10_000

Answer = (
    OrderReport | AlgoReport | SymbolState | AccountState | PositionsState | FundingState | SymbolSetup | int | None
)


class Calls:
    """Performs requests through one client, in its loop.

    Raises out of every method what the client raises (`errors.classify` says what it means), and msgspec or lookup
    errors when a reply is not what it should be.
    """

    def __init__(self, client: Client, clock: Clock, fees: Fees) -> None:
        self._client = client
        self._clock = clock
        self._fees = fees
        self._client_ids: dict[int, str] = {}
        self._rules: dict[str, SymbolRules] = {}
        self._listed: frozenset[str] = frozenset()
        self._rules_ms: float | None = None

    async def perform(self, request: ExchangeRequest) -> Answer:  # noqa: PLR0911  # one line per kind of request
        match request:
            case PlaceOrder():
                return await self._place(request)
            case CancelOrder():
                return await self._cancel(request)
            case QueryOrder():
                return await self._query_order(request)
            case QuerySymbol():
                return await self._query_symbol(request)
            case QueryAccount():
                ts_ms = self._clock.now_ms()
                return rows.account_state(await self._client.fapiPrivateV3GetAccount(), ts_ms)
            case QueryPositions():
                ts_ms = self._clock.now_ms()
                positions = rows.open_positions(await self._client.fapiPrivateV3GetPositionRisk())
                return PositionsState(ts_ms=ts_ms, positions=positions)
            case QueryFunding():
                return await self._funding(request)
            case PrepareSymbol():
                return await self._prepare(request.symbol)
            case SetLeverage():
                params = {"symbol": request.symbol, "leverage": request.leverage}
                return symbol_rows.leverage(await self._client.fapiPrivatePostLeverage(params), request.symbol)

    def remember(self, report: OrderReport) -> OrderReport:
        """Keep the order's client id: the exchange's list of fills does not name it."""
        self._client_ids[report.order_id] = report.client_id
        while len(self._client_ids) > KEPT_IDS:
            del self._client_ids[next(iter(self._client_ids))]
        return report

    async def rules(self) -> dict[str, SymbolRules]:
        """Rules of every tradable USDT perpetual, at most ten minutes old."""
        now_ms = self._clock.monotonic_ms()
        if self._rules_ms is None or now_ms - self._rules_ms > RULES_LIFE_MS:
            reply = await self._client.fapiPublicGetExchangeInfo()
            self._rules, self._listed = symbol_rows.tradable_rules(reply), symbol_rows.listed(reply)
            self._rules_ms = now_ms
            self._client.budget.learn_limits(reply)
        return self._rules

    async def listed(self) -> frozenset[str]:
        """Every USDT perpetual, also those that do not trade now."""
        await self.rules()
        return self._listed

    async def _place(self, request: PlaceOrder) -> OrderReport | AlgoReport:
        try:
            if request.kind.conditional:
                return _algo(await self._client.fapiPrivatePostAlgoOrder(_algo_params(request)), request)
            return self._order(await self._client.fapiPrivatePostOrder(_order_params(request)), request)
        except ApiError as error:
            if error.code in OUTDATED_RULES:
                self._rules_ms = None
            raise

    async def _cancel(self, request: CancelOrder) -> OrderReport | None:
        if request.conditional:
            reply = await self._client.fapiPrivateDeleteAlgoOrder({"clientAlgoId": request.client_id})
            _require_same(rows.canceled_algo(reply), request)
            return None
        params = {"symbol": request.symbol, "origClientOrderId": request.client_id}
        return self._order(await self._client.fapiPrivateDeleteOrder(params), request)

    async def _query_order(self, request: QueryOrder) -> OrderReport | AlgoReport:
        if request.conditional:
            return _algo(await self._client.fapiPrivateGetAlgoOrder({"clientAlgoId": request.client_id}), request)
        params = {"symbol": request.symbol, "origClientOrderId": request.client_id}
        return self._order(await self._client.fapiPrivateGetOrder(params), request)

    def _order(self, reply: object, request: PlaceOrder | CancelOrder | QueryOrder) -> OrderReport:
        report = rows.order_report(reply)
        _require_same(report.client_id, request)
        return self.remember(report)

    async def _query_symbol(self, request: QuerySymbol) -> SymbolState:
        # The time before the first call: the state is at least this new.
        ts_ms = self._clock.now_ms()
        symbol = {"symbol": request.symbol}
        position, orders, algos, fills = await asyncio.gather(
            self._client.fapiPrivateV2GetPositionRisk(dict(symbol)),
            self._client.fapiPrivateGetOpenOrders(dict(symbol)),
            self._client.fapiPrivateGetOpenAlgoOrders(dict(symbol)),
            self._fills(request),
        )
        return SymbolState(
            symbol=request.symbol,
            ts_ms=ts_ms,
            position=rows.position(position, request.symbol),
            orders=tuple(self.remember(report) for report in rows.order_reports(orders)),
            algos=rows.algo_reports(algos),
            fills=fills,
        )

    async def _fills(self, request: QuerySymbol) -> tuple[Fill, ...]:
        found = await self._executions(request)
        for order_id in {int(row["orderId"]) for row in found} - self._client_ids.keys():
            await self._learn_client_id(request.symbol, order_id)
        return self._fees.in_usdt(rows.fills(found, self._client_ids))

    async def _executions(self, request: QuerySymbol) -> list[dict[str, Any]]:
        """Those after an id or from a time on; without either the newest."""
        base: dict[str, Any] = {"symbol": request.symbol, "limit": FILLS_PAGE}
        if request.after_fill_id is not None:
            return await self._trades_after(base, request.after_fill_id)
        if request.fills_since_ms:
            skew_ms = self._client.time.now_ms() - self._clock.now_ms()
            return await self._trades_since(request.symbol, request.fills_since_ms + skew_ms)
        return await self._trades(base)

    async def _trades_after(self, base: dict[str, Any], fill_id: int) -> list[dict[str, Any]]:
        found = page = await self._trades(base | {"fromId": fill_id + 1})
        while len(page) == FILLS_PAGE:
            page = await self._trades(base | {"fromId": int(page[-1]["id"]) + 1})
            found = found + page
        return found

    async def _trades_since(self, symbol: str, since_ms: int) -> list[dict[str, Any]]:
        """A page begun by time ends at its limit or after a week; one begun by id at its limit only."""
        base: dict[str, Any] = {"symbol": symbol, "limit": FILLS_PAGE}
        now_ms = self._client.time.now_ms()
        start_ms = max(since_ms, now_ms - OLDEST_MS)
        page = await self._trades(base | {"startTime": start_ms})
        while not page and start_ms + WEEK_MS < now_ms:
            start_ms += WEEK_MS
            page = await self._trades(base | {"startTime": start_ms})
        if len(page) == FILLS_PAGE or (page and start_ms + WEEK_MS < now_ms):
            page = page + await self._trades_after(base, int(page[-1]["id"]))
        return page

    async def _trades(self, params: dict[str, Any]) -> list[dict[str, Any]]:
        return msgspec.convert(await self._client.fapiPrivateGetUserTrades(params), list[dict[str, Any]])

    async def _learn_client_id(self, symbol: str, order_id: int) -> None:
        try:
            self.remember(
                rows.order_report(await self._client.fapiPrivateGetOrder({"symbol": symbol, "orderId": order_id}))
            )
        except ApiError as error:
            if error.code != UNKNOWN_ORDER:  # too old to be listed: its fills keep an empty client id
                raise

    async def _funding(self, request: QueryFunding) -> FundingState:
        params = {
            "symbol": request.symbol,
            "incomeType": "FUNDING_FEE",
            "startTime": request.since_ms,
            "endTime": request.until_ms,
            "limit": FILLS_PAGE,
        }
        return rows.funding(await self._client.fapiPrivateGetIncome(params), request.symbol)

    async def _prepare(self, symbol: str) -> SymbolSetup:
        known = await self.rules()
        if symbol not in known:
            self._rules_ms = None  # it may trade again before they are old
            raise NotSent(SYMBOL_CLOSED, f"{symbol} is not a tradable USDT perpetual")
        await self._isolate(symbol)
        brackets, fee = await asyncio.gather(
            self._client.fapiPrivateGetLeverageBracket({"symbol": symbol}),
            self._client.fapiPrivateGetCommissionRate({"symbol": symbol}),
        )
        return SymbolSetup(
            rules=known[symbol],
            tiers=symbol_rows.tiers(brackets, symbol),
            taker_fee=symbol_rows.taker_fee(fee),
        )

    async def _isolate(self, symbol: str) -> None:
        config = await self._client.fapiPrivateGetSymbolConfig({"symbol": symbol})
        if symbol_rows.margin_type(config, symbol) == "ISOLATED":
            return
        await self._require_free(symbol)
        try:
            await self._client.fapiPrivatePostMarginType({"symbol": symbol, "marginType": "ISOLATED"})
        except ApiError as error:
            if error.code != ALREADY_ISOLATED:
                raise

    async def _require_free(self, symbol: str) -> None:
        """Raise NotSent unless the symbol is flat and has no order: only then may its settings change."""
        risk, orders, algos = await asyncio.gather(
            self._client.fapiPrivateV2GetPositionRisk({"symbol": symbol}),
            self._client.fapiPrivateGetOpenOrders({"symbol": symbol}),
            self._client.fapiPrivateGetOpenAlgoOrders({"symbol": symbol}),
        )
        amount = rows.position(risk, symbol).amount
        if amount:
            raise NotSent(HAS_POSITION, f"{symbol} is on cross margin and holds {amount:f}: isolated needs it flat")
        if count := len(rows.order_reports(orders)) + len(msgspec.convert(algos, list[Any])):
            raise NotSent(HAS_ORDERS, f"{symbol} is on cross margin and has {count} open orders: isolated needs none")


def _order_params(request: PlaceOrder) -> dict[str, str]:
    params = {
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.kind.value,
        "newClientOrderId": request.client_id,
        "newOrderRespType": "RESULT",
    }
    return params | _amount(request)


def _algo_params(request: PlaceOrder) -> dict[str, str]:
    if request.trigger_price is None:
        raise ValueError(f"{request.client_id}: a conditional order needs a trigger price")
    params = {
        "algoType": "CONDITIONAL",
        "symbol": request.symbol,
        "side": request.side.value,
        "type": request.kind.value,
        "clientAlgoId": request.client_id,
        "triggerPrice": f"{request.trigger_price:f}",
        "workingType": "MARK_PRICE",
    }
    return params | _amount(request)


def _amount(request: PlaceOrder) -> dict[str, str]:
    # closePosition excludes quantity and reduceOnly on the exchange.
    if request.close_position:
        return {"closePosition": "true"}
    if request.quantity is None:
        raise ValueError(f"{request.client_id}: an order needs a quantity or close_position")
    amount = {"quantity": f"{request.quantity:f}"}
    return amount | ({"reduceOnly": "true"} if request.reduce_only else {})


def _algo(reply: object, request: PlaceOrder | CancelOrder | QueryOrder) -> AlgoReport:
    report = rows.algo_report(reply)
    if report is None:
        raise MalformedReply("the exchange answered with another kind of conditional order")
    _require_same(report.client_id, request)
    return report


def _require_same(client_id: str, request: PlaceOrder | CancelOrder | QueryOrder) -> None:
    """An answer about another order proves nothing about this one."""
    if client_id != request.client_id:
        raise MalformedReply(f"asked about {request.client_id}, answered about another order")
