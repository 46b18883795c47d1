"""The simulator's own values: what a client asks, what the core answers, what it pushes.

Orders and money are Decimal, times epoch milliseconds of the exchange's clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.order import AlgoStatus, OrderKind, OrderSide, OrderStatus

# --------------------------------------------------------------------------------------------------- what a client asks


class NewOrder(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/order. Only MARKET exists in this version."""

    symbol: str
    side: OrderSide
    kind: str
    client_id: str
    quantity: Decimal | None = None
    reduce_only: bool = False


class NewAlgo(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/algoOrder, algoType CONDITIONAL."""

    symbol: str
    side: OrderSide
    kind: OrderKind
    client_id: str
    trigger_price: Decimal
    quantity: Decimal | None = None
    close_position: bool = False
    reduce_only: bool = False
    working_type: str = "CONTRACT_PRICE"


class FindOrder(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/order by either id."""

    symbol: str
    order_id: int | None = None
    client_id: str | None = None


class FindAlgo(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/algoOrder by either id."""

    algo_id: int | None = None
    client_id: str | None = None


class CancelOrderRequest(Struct, frozen=True, kw_only=True):
    """DELETE /fapi/v1/order by either id."""

    symbol: str
    order_id: int | None = None
    client_id: str | None = None


class CancelAlgoRequest(Struct, frozen=True, kw_only=True):
    """DELETE /fapi/v1/algoOrder by either id."""

    algo_id: int | None = None
    client_id: str | None = None


class ListOrders(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/openOrders; None is every symbol."""

    symbol: str | None = None


class ListAlgos(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/openAlgoOrders; None is every symbol."""

    symbol: str | None = None


class ListFills(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/userTrades, oldest first."""

    symbol: str
    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    order_id: int | None = None
    limit: int = 500


class GetAccountInfo(Struct, frozen=True, kw_only=True):
    """GET /fapi/v3/account. Answers SimAccount."""


class ListPositions(Struct, frozen=True, kw_only=True):
    """GET /fapi/v3/positionRisk: open positions only. Answers list[SimPosition]."""

    symbol: str | None = None


class ChangeLeverage(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/leverage. Answers SimSymbolConfig."""

    symbol: str
    leverage: int


class ChangeMarginType(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/marginType; ISOLATED or CROSSED. -4046 when nothing changes."""

    symbol: str
    margin_type: str


class GetSymbolConfig(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/symbolConfig. Answers list[SimSymbolConfig]."""

    symbol: str | None = None


CoreRequest: TypeAlias = (
    NewOrder
    | NewAlgo
    | FindOrder
    | FindAlgo
    | CancelOrderRequest
    | CancelAlgoRequest
    | ListOrders
    | ListAlgos
    | ListFills
    | GetAccountInfo
    | ListPositions
    | ChangeLeverage
    | ChangeMarginType
    | GetSymbolConfig
)


class RequestRefused(Exception):  # noqa: N818  # a refusal is an answer, named as the exchange names it
    """The exchange says no: Binance's own code and text. The caller answers HTTP 400 with both."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message


# ------------------------------------------------------------------------------------------- what the core answers


class StateChange(Struct, frozen=True, kw_only=True, array_like=True):
    """One step in the life of an order."""

    ts_ms: int
    status: str


class SimOrder(Struct, kw_only=True, array_like=True):
    """An ordinary order, kept for ever (refused ones too, with `code`)."""

    order_id: int | None
    client_id: str
    symbol: str
    side: OrderSide
    kind: str
    quantity: Decimal
    reduce_only: bool
    close_position: bool
    status: OrderStatus
    received_ms: int
    updated_ms: int
    executed: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    code: int | None = None
    states: list[StateChange] = []


class SimAlgo(Struct, kw_only=True, array_like=True):
    """A conditional order, kept for ever; `executed` and `quote` are those of the order it became."""

    algo_id: int | None
    client_id: str
    symbol: str
    side: OrderSide
    kind: OrderKind
    quantity: Decimal
    trigger_price: Decimal
    working_type: str
    reduce_only: bool
    close_position: bool
    status: AlgoStatus
    received_ms: int
    updated_ms: int
    child_order_id: int | None = None
    executed: Decimal = Decimal(0)
    quote: Decimal = Decimal(0)
    code: int | None = None
    states: list[StateChange] = []


class SimFill(Struct, frozen=True, kw_only=True, array_like=True):
    """One execution against the book."""

    fill_id: int
    order_id: int
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    commission: Decimal
    realized_pnl: Decimal
    maker: bool
    ts_ms: int


class SimPosition(Struct, frozen=True, kw_only=True):
    """A one-way isolated position; amount is signed."""

    symbol: str
    amount: Decimal
    entry_price: Decimal
    mark_price: Decimal
    leverage: int
    isolated_wallet: Decimal
    liquidation_price: Decimal | None
    unrealized_pnl: Decimal
    updated_ms: int


class SimAccount(Struct, frozen=True, kw_only=True):
    """The account's money in USDT."""

    wallet: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    updated_ms: int


class SimSymbolConfig(Struct, frozen=True, kw_only=True):
    """A symbol's leverage and margin type for this account."""

    symbol: str
    leverage: int
    margin_type: str
    max_notional: Decimal


# -------------------------------------------------------------------------------------------- what the core pushes


class OrderPushed(Struct, frozen=True, kw_only=True):
    """ORDER_TRADE_UPDATE: a copy of the order, and the fill that caused it if one did."""

    ts_ms: int
    order: SimOrder
    fill: SimFill | None = None


class AlgoPushed(Struct, frozen=True, kw_only=True):
    """ALGO_UPDATE: a copy of the conditional order."""

    ts_ms: int
    algo: SimAlgo
    reason: str = ""


class AccountPushed(Struct, frozen=True, kw_only=True):
    """ACCOUNT_UPDATE: wallet and the positions that changed."""

    ts_ms: int
    reason: str
    wallet: Decimal
    positions: tuple[SimPosition, ...]


class ConfigPushed(Struct, frozen=True, kw_only=True):
    """ACCOUNT_CONFIG_UPDATE: leverage changed."""

    ts_ms: int
    symbol: str
    leverage: int


UserEvent: TypeAlias = OrderPushed | AlgoPushed | AccountPushed | ConfigPushed


class TimelineEntry(Struct, frozen=True, kw_only=True, array_like=True):
    """One line of the ledger's timeline; position and stop are the state after the event."""

    seq: int
    ts_ms: int
    symbol: str | None
    event: str
    position_amt: Decimal | None
    stop_working: bool | None
    detail: dict[str, str] = {}
