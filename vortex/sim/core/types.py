"""The simulator's own values: what a client asks and what the core answers; what it pushes is in `events`.

Orders and money are Decimal, times epoch milliseconds of the exchange's clock.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.order import AlgoStatus, OrderSide, OrderStatus

# --------------------------------------------------------------------------------------------------- what a client asks


class NewOrder(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/order: MARKET or LIMIT; a limit order needs price and time in force."""

    symbol: str
    side: OrderSide
    kind: str
    client_id: str
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str | None = None
    reduce_only: bool = False
    close_position: bool = False
    position_side: str = "BOTH"


class AmendOrder(Struct, frozen=True, kw_only=True):
    """PUT /fapi/v1/order: another price or quantity for a resting limit order."""

    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    order_id: int | None = None
    client_id: str | None = None


class NewAlgo(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/algoOrder, algoType CONDITIONAL.

    Attributes:
        trigger_price: None for a trailing stop only.
        price: Of the limit order that STOP and TAKE_PROFIT become.
        callback_rate: Percent; a trailing stop triggers when the price turns by so much.
        activation_price: From which on a trailing stop follows; None is at once.
    """

    symbol: str
    side: OrderSide
    kind: str
    client_id: str
    trigger_price: Decimal | None = None
    quantity: Decimal | None = None
    price: Decimal | None = None
    time_in_force: str | None = None
    close_position: bool = False
    reduce_only: bool = False
    working_type: str = "CONTRACT_PRICE"
    callback_rate: Decimal | None = None
    activation_price: Decimal | None = None
    position_side: str = "BOTH"


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


class ListOrderHistory(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/allOrders and allAlgoOrders, oldest first; `from_id` is an order id or an algo id."""

    symbol: str
    conditional: bool = False
    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 500


class ListFills(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/userTrades, oldest first."""

    symbol: str
    from_id: int | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    order_id: int | None = None
    limit: int = 500


class ListIncome(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/income, oldest first; None is every symbol or every type. Answers list[SimIncome]."""

    symbol: str | None = None
    kind: str | None = None
    start_ms: int | None = None
    end_ms: int | None = None
    limit: int = 100


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


class AdjustMargin(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/positionMargin: move money into (positive) or out of an isolated position. Answers SimPosition."""

    symbol: str
    amount_usdt: Decimal


class ChangePositionMode(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/positionSide/dual; -4059 when nothing changes. Answers SimModes."""

    dual_side: bool


class ChangeAssetsMode(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/multiAssetsMargin; -4171 when nothing changes. Answers SimModes."""

    multi_assets: bool


class GetModes(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/positionSide/dual and multiAssetsMargin. Answers SimModes."""


class SetCountdown(Struct, frozen=True, kw_only=True):
    """POST /fapi/v1/countdownCancelAll: the symbol's ordinary orders are cancelled after this long; 0 stops it.

    Answers when that is, epoch ms, or 0.
    """

    symbol: str
    after_ms: int


class GetSymbolConfig(Struct, frozen=True, kw_only=True):
    """GET /fapi/v1/symbolConfig. Answers list[SimSymbolConfig]."""

    symbol: str | None = None


CoreRequest: TypeAlias = (
    NewOrder
    | AmendOrder
    | NewAlgo
    | FindOrder
    | FindAlgo
    | CancelOrderRequest
    | CancelAlgoRequest
    | ListOrders
    | ListAlgos
    | ListOrderHistory
    | ListFills
    | ListIncome
    | GetAccountInfo
    | ListPositions
    | ChangeLeverage
    | ChangeMarginType
    | AdjustMargin
    | ChangePositionMode
    | ChangeAssetsMode
    | GetModes
    | SetCountdown
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
    """An ordinary order, kept for ever (refused ones too, with `code`).

    Attributes:
        price: Of a limit order, else 0.
        algo_id: The conditional order it came from.
    """

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
    price: Decimal = Decimal(0)
    time_in_force: str = "GTC"
    algo_id: int | None = None

    @property
    def remaining(self) -> Decimal:
        """What is still to be executed."""
        return self.quantity - self.executed


class SimAlgo(Struct, kw_only=True, array_like=True):
    """A conditional order, kept for ever; `executed` and `quote` are those of the order it became.

    Attributes:
        trigger_price: That of a trailing stop follows the market; 0 until it is active.
        extreme: Best price a trailing stop has seen since it is active.
        doomed: It will be rejected when it triggers.
        vanished: Nobody finds it any more.
    """

    algo_id: int | None
    client_id: str
    symbol: str
    side: OrderSide
    kind: str
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
    price: Decimal = Decimal(0)
    time_in_force: str = "GTC"
    callback_rate: Decimal | None = None
    activation_price: Decimal | None = None
    extreme: Decimal | None = None
    doomed: bool = False
    vanished: bool = False


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
    """The account's money in USDT; the initial margin holds that of resting orders."""

    wallet: Decimal
    unrealized_pnl: Decimal
    initial_margin: Decimal
    maintenance_margin: Decimal
    available: Decimal
    updated_ms: int
    order_margin: Decimal = Decimal(0)


class SimFunding(Struct, frozen=True, kw_only=True, array_like=True):
    """Funding settled on a position: positive was received, negative paid."""

    symbol: str
    ts_ms: int
    rate: Decimal
    amount_usdt: Decimal


class SimIncome(Struct, frozen=True, kw_only=True):
    """One change of the wallet: COMMISSION, REALIZED_PNL or FUNDING_FEE. `trade_id` names the fill it came from."""

    symbol: str
    kind: str
    amount_usdt: Decimal
    ts_ms: int
    tran_id: int
    info: str = ""
    trade_id: int | None = None


class SimModes(Struct, frozen=True, kw_only=True):
    """The account's modes: hedge or one-way, multi-assets or single-asset margin."""

    dual_side: bool
    multi_assets: bool


class SimSymbolConfig(Struct, frozen=True, kw_only=True):
    """A symbol's leverage and margin type for this account."""

    symbol: str
    leverage: int
    margin_type: str
    max_notional: Decimal
