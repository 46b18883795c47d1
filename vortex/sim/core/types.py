"""The simulator's own values: what a market source feeds in, what a client asks, what the core answers and pushes.

Prices and quantities of the market are integers (ticks of `tick_size`, lots of `step_size`), so that matching and mirroring
are exact; orders and money are Decimal. Times are epoch milliseconds of the exchange's clock.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Protocol, TypeAlias

from msgspec import Struct

from vortex.domain.market import LeverageTier
from vortex.domain.order import AlgoStatus, OrderKind, OrderSide, OrderStatus

TickLevels: TypeAlias = tuple[tuple[int, int], ...]
"""(price in ticks, quantity in lots) from the best price outward."""


class SymbolSpec(Struct, frozen=True, kw_only=True):
    """One listed contract: filters, precision and leverage brackets."""

    symbol: str
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_quantity: Decimal
    max_market_quantity: Decimal
    min_notional_usdt: Decimal
    tiers: tuple[LeverageTier, ...]


# ------------------------------------------------------------------------------------------ market, from a source


class BookEvent(Struct, frozen=True, kw_only=True, gc=False):
    """The visible book (best 20 or more levels a side) from now on."""

    ts_ms: int
    symbol: str
    bids: TickLevels
    asks: TickLevels


class TradeEvent(Struct, frozen=True, kw_only=True, gc=False):
    """One aggregate trade of the market."""

    ts_ms: int
    symbol: str
    trade_id: int
    price_ticks: int
    quantity_lots: int
    buyer_is_maker: bool


class MarkEvent(Struct, frozen=True, kw_only=True, gc=False):
    """Mark and index price, once a second."""

    ts_ms: int
    symbol: str
    mark_price: Decimal
    index_price: Decimal
    funding_rate: Decimal
    next_funding_ms: int


class CandleEvent(Struct, frozen=True, kw_only=True, gc=False):
    """A candle as it forms; sent at most every 250 ms while it changes, and once with `closed`."""

    ts_ms: int
    symbol: str
    interval: str
    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    quote_volume: Decimal
    trades: int
    taker_buy_volume: Decimal
    taker_buy_quote_volume: Decimal
    closed: bool


MarketEvent: TypeAlias = BookEvent | TradeEvent | MarkEvent | CandleEvent


class SentimentPoint(Struct, frozen=True, kw_only=True, gc=False):
    """Positioning ratios at one time; shares in [0, 1], open interest in base units."""

    ts_ms: int
    global_long: Decimal
    top_account_long: Decimal
    top_position_long: Decimal
    open_interest: Decimal


class MarketSource(Protocol):
    """Feeds the exchange for ever, in order of time, from the moment it is started."""

    specs: tuple[SymbolSpec, ...]
    label: str
    """What a person must know of this market, e.g. `recording of 2024-08-08`."""

    def events(self, start_ms: int) -> Iterator[MarketEvent]:
        """Endless, ordered by ts_ms >= start_ms. Called once; `position()` afterwards tells where it stands."""
        ...

    def history(self, symbol: str, interval: str, before_ms: int, limit: int) -> list[CandleEvent]:
        """Closed candles with open_ms < before_ms, oldest first: generated before the start, then derived ones."""
        ...

    def generated_before_ms(self, symbol: str) -> int:
        """Candles that open before this time were generated, not recorded."""
        ...

    def sentiment(self, symbol: str, now_ms: int, period_ms: int, limit: int) -> list[SentimentPoint]:
        """Generated, seeded positioning, oldest first, on a grid of `period_ms`."""
        ...

    def position(self) -> dict[str, int]:
        """Milliseconds of market already played per symbol: given back at the next start to go on from there."""
        ...


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


class StateChange(Struct, frozen=True, kw_only=True):
    """One step in the life of an order."""

    ts_ms: int
    status: str


class SimOrder(Struct, kw_only=True):
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


class SimAlgo(Struct, kw_only=True):
    """A conditional order, kept for ever."""

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
    code: int | None = None
    states: list[StateChange] = []


class SimFill(Struct, frozen=True, kw_only=True):
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


class TimelineEntry(Struct, frozen=True, kw_only=True):
    """One line of the ledger's timeline; position and stop are the state after the event."""

    seq: int
    ts_ms: int
    symbol: str | None
    event: str
    position_amt: Decimal | None
    stop_working: bool | None
    detail: dict[str, str] = {}
