"""Rows of orders, fills, positions and money on the REST interface, typed, and the reports they become.

Every function takes what the JSON parser made of a reply and raises msgspec.ValidationError when a field it needs is
missing or of another type: such a reply proves nothing, so its request's outcome is Unknown.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
from msgspec import Struct

from vortex.adapters.binance.exact import Exact
from vortex.domain.order import (
    ZERO,
    AccountState,
    AlgoReport,
    AlgoStatus,
    Fill,
    FundingState,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    PositionReport,
)

_STATUS_ALIASES = {
    "EXPIRED_IN_MATCH": OrderStatus.EXPIRED,
    "NEW_INSURANCE": OrderStatus.NEW,
    "NEW_ADL": OrderStatus.NEW,
}
"""States the exchange gives to orders that it expired by itself, or opened itself in a liquidation."""

_ALGO_KINDS = {kind.value: kind for kind in OrderKind if kind.conditional}


class _OrderRow(Exact, frozen=True, rename="camel"):
    order_id: int
    symbol: str
    status: str
    client_order_id: str
    side: OrderSide
    executed_qty: Decimal
    avg_price: Decimal
    update_time: int


class _AlgoRow(Exact, frozen=True, rename="camel"):
    algo_id: int
    client_algo_id: str
    symbol: str
    side: OrderSide
    algo_status: AlgoStatus
    trigger_price: Decimal
    update_time: int
    order_type: str = ""
    type: str = ""
    quantity: Decimal = ZERO
    close_position: bool = False
    actual_order_id: str | None = None


class _CanceledAlgoRow(Struct, rename="camel"):
    algo_id: int
    client_algo_id: str


class _FillRow(Exact, frozen=True, rename="camel"):
    id: int
    order_id: int
    symbol: str
    side: OrderSide
    qty: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    maker: bool
    time: int


class _PositionRow(Exact, frozen=True, rename="camel"):
    symbol: str
    position_amt: Decimal
    entry_price: Decimal
    mark_price: Decimal
    liquidation_price: Decimal
    leverage: int | None = None  # v3 does not say
    isolated_wallet: Decimal = ZERO
    position_side: str = "BOTH"

    def report(self) -> PositionReport:
        return PositionReport(
            symbol=self.symbol,
            amount=self.position_amt,
            entry_price=self.entry_price,
            mark_price=self.mark_price,
            leverage=self.leverage,
            isolated_wallet_usdt=self.isolated_wallet,
            liquidation_price=self.liquidation_price or None,
        )


class _IncomeRow(Struct, rename="camel"):
    symbol: str
    asset: str
    income: Decimal


class _AssetRow(Exact, frozen=True, rename="camel"):
    asset: str
    wallet_balance: Decimal
    unrealized_profit: Decimal
    available_balance: Decimal


class _AccountRow(Struct):
    assets: list[_AssetRow]


def order_status(text: str) -> OrderStatus:
    """The order state a wire text means. Raises msgspec.ValidationError for one that is not known."""
    return _STATUS_ALIASES.get(text) or msgspec.convert(text, OrderStatus)


def algo_kind(text: str) -> OrderKind | None:
    """The conditional order type a wire text means; None for one that we never place."""
    return _ALGO_KINDS.get(text)


def child_id(text: str | None) -> int | None:
    """The id of the ordinary order that a conditional one became; the exchange writes none as "", "0" or null."""
    return (int(text) or None) if text else None


def order_report(row: object) -> OrderReport:
    """One ordinary order."""
    order = msgspec.convert(row, _OrderRow, strict=False)
    return OrderReport(
        symbol=order.symbol,
        client_id=order.client_order_id,
        order_id=order.order_id,
        side=order.side,
        status=order_status(order.status),
        executed_quantity=order.executed_qty,
        average_price=order.avg_price,
        ts_ms=order.update_time,
    )


def algo_report(row: object) -> AlgoReport | None:
    """One conditional order; None for a type that we never place."""
    algo = msgspec.convert(row, _AlgoRow, strict=False)
    kind = algo_kind(algo.order_type or algo.type)
    if kind is None:
        return None
    return AlgoReport(
        symbol=algo.symbol,
        client_id=algo.client_algo_id,
        algo_id=algo.algo_id,
        side=algo.side,
        kind=kind,
        status=algo.algo_status,
        trigger_price=algo.trigger_price,
        quantity=algo.quantity,
        close_position=algo.close_position,
        ts_ms=algo.update_time,
        child_order_id=child_id(algo.actual_order_id),
    )


def order_reports(reply: object) -> tuple[OrderReport, ...]:
    """Every ordinary order of a list; anything but a list is no answer, not an empty one."""
    return tuple(order_report(row) for row in msgspec.convert(reply, list[Any]))


def algo_reports(reply: object) -> tuple[AlgoReport, ...]:
    """Every conditional order of a list that is of a type we place."""
    return tuple(report for row in msgspec.convert(reply, list[Any]) if (report := algo_report(row)) is not None)


def canceled_algo(row: object) -> str:
    """Our id of the conditional order that a reply says is cancelled."""
    return msgspec.convert(row, _CanceledAlgoRow, strict=False).client_algo_id


def fills(rows: object, client_ids: dict[int, str]) -> tuple[Fill, ...]:
    """Rows of userTrades, which name no client ids: those come from `client_ids` by order id, else are empty."""
    return tuple(
        Fill(
            fill_id=row.id,
            order_id=row.order_id,
            client_id=client_ids.get(row.order_id, ""),
            symbol=row.symbol,
            side=row.side,
            quantity=row.qty,
            price=row.price,
            commission=row.commission,
            commission_asset=row.commission_asset,
            realized_pnl=row.realized_pnl,
            maker=row.maker,
            ts_ms=row.time,
        )
        for row in msgspec.convert(rows, list[_FillRow], strict=False)
    )


def position(rows: object, symbol: str) -> PositionReport:
    """The symbol's one-way position from v2 positionRisk, which has a row also when it is flat.

    Raises:
        LookupError: When there is no such row: an empty list is no evidence of being flat.
    """
    for row in msgspec.convert(rows, list[_PositionRow], strict=False):
        if row.symbol == symbol and row.position_side == "BOTH":
            return row.report()
    raise LookupError(f"positionRisk has no row for {symbol}")


def open_positions(rows: object) -> tuple[PositionReport, ...]:
    """Every one-way position of v3 positionRisk, which lists only open ones."""
    parsed = msgspec.convert(rows, list[_PositionRow], strict=False)
    return tuple(row.report() for row in parsed if row.position_side == "BOTH")


def funding(rows: object, symbol: str) -> FundingState:
    """Rows of income, summed; an adjustment of an earlier payment has a row of its own."""
    parsed = [row for row in msgspec.convert(rows, list[_IncomeRow], strict=False) if row.symbol == symbol]
    amount = sum((row.income for row in parsed if row.asset == "USDT"), ZERO)
    return FundingState(symbol=symbol, payments=len(parsed), amount_usdt=amount)


def account_state(reply: object, ts_ms: int) -> AccountState:
    """The account's USDT. Raises LookupError when the reply has none: an absent balance is not a balance of zero."""
    for row in msgspec.convert(reply, _AccountRow, strict=False).assets:
        if row.asset == "USDT":
            return AccountState(
                ts_ms=ts_ms,
                wallet_usdt=row.wallet_balance,
                unrealized_usdt=row.unrealized_profit,
                available_usdt=row.available_balance,
            )
    raise LookupError("account has no USDT")
