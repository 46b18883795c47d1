"""Orders as we ask for them and as the exchange reports them. Money and quantities are Decimal, times epoch ms."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum
from typing import TypeAlias

from msgspec import Struct

from vortex.domain.market import LeverageTier, SymbolRules

ZERO = Decimal(0)


class Side(StrEnum):
    """Direction of a position."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """+1 for LONG, -1 for SHORT."""
        return 1 if self is Side.LONG else -1

    @property
    def opening(self) -> OrderSide:
        """The order side that opens or increases this position."""
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def closing(self) -> OrderSide:
        """The order side that closes this position."""
        return OrderSide.SELL if self is Side.LONG else OrderSide.BUY


class OrderSide(StrEnum):
    """Side of an order."""

    BUY = "BUY"
    SELL = "SELL"


class OrderKind(StrEnum):
    """Order types we send; the two conditional ones live in the exchange's separate algo order book."""

    MARKET = "MARKET"
    STOP_MARKET = "STOP_MARKET"
    TAKE_PROFIT_MARKET = "TAKE_PROFIT_MARKET"

    @property
    def conditional(self) -> bool:
        """True when the order rests in the algo book until its trigger price."""
        return self is not OrderKind.MARKET


class OrderStatus(StrEnum):
    """Life of an ordinary order."""

    NEW = "NEW"
    PARTIALLY_FILLED = "PARTIALLY_FILLED"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"

    @property
    def final(self) -> bool:
        """True when the order can no longer fill."""
        return self not in (OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)


class AlgoStatus(StrEnum):
    """Life of a conditional order."""

    NEW = "NEW"
    TRIGGERING = "TRIGGERING"
    TRIGGERED = "TRIGGERED"
    FINISHED = "FINISHED"
    CANCELED = "CANCELED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"


class OrderRole(StrEnum):
    """What an order is for within a trade; the last letter of its client id."""

    ENTRY = "E"
    STOP = "S"
    TAKE_PROFIT = "T"
    EXIT = "X"


# ---------------------------------------------------------------------------------------- what we ask of the exchange


class PlaceOrder(Struct, frozen=True, kw_only=True, tag=True):
    """Place one order. `close_position` has no quantity and closes whatever is open when it triggers."""

    symbol: str
    client_id: str
    side: OrderSide
    kind: OrderKind
    quantity: Decimal | None = None
    trigger_price: Decimal | None = None
    close_position: bool = False
    reduce_only: bool = False


class CancelOrder(Struct, frozen=True, kw_only=True, tag=True):
    """Cancel by our own id; `conditional` names the algo book."""

    symbol: str
    client_id: str
    conditional: bool


class QueryOrder(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for one order by our own id; answers OrderReport or AlgoReport."""

    symbol: str
    client_id: str
    conditional: bool


class QuerySymbol(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for everything the exchange knows of one symbol. Answers SymbolState.

    Attributes:
        fills_since_ms: Executions from this time on; 0 are the newest ones.
        after_fill_id: Instead of by time, those with a larger id.
    """

    symbol: str
    fills_since_ms: int
    after_fill_id: int | None = None


class QueryAccount(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for the account's money. Answers AccountState."""


class QueryPositions(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for every open position of the account. Answers PositionsState."""


class QueryFunding(Struct, frozen=True, kw_only=True, tag=True):
    """Ask for the funding of a symbol that was paid or received within these times. Answers FundingState."""

    symbol: str
    since_ms: int
    until_ms: int


class PrepareSymbol(Struct, frozen=True, kw_only=True, tag=True):
    """Read the symbol's rules and set isolated margin while it is flat. Answers SymbolSetup."""

    symbol: str


class SetLeverage(Struct, frozen=True, kw_only=True, tag=True):
    """Set the symbol's leverage (only sent while it is flat). Answers the leverage as int."""

    symbol: str
    leverage: int


ExchangeRequest: TypeAlias = (
    PlaceOrder
    | CancelOrder
    | QueryOrder
    | QuerySymbol
    | QueryAccount
    | QueryPositions
    | QueryFunding
    | PrepareSymbol
    | SetLeverage
)


# ------------------------------------------------------------------------------------------- what the exchange reports


class Fill(Struct, frozen=True, kw_only=True):
    """One execution.

    Attributes:
        commission: In USDT; the `commission_asset` is another one only where its price was not known.
    """

    fill_id: int
    order_id: int
    client_id: str
    symbol: str
    side: OrderSide
    quantity: Decimal
    price: Decimal
    commission: Decimal
    commission_asset: str
    realized_pnl: Decimal
    maker: bool
    ts_ms: int


class OrderReport(Struct, frozen=True, kw_only=True, tag=True):
    """State of an ordinary order, with the execution that caused it if one did."""

    symbol: str
    client_id: str
    order_id: int
    side: OrderSide
    status: OrderStatus
    executed_quantity: Decimal
    average_price: Decimal
    ts_ms: int
    fill: Fill | None = None


class AlgoReport(Struct, frozen=True, kw_only=True, tag=True):
    """State of a conditional order; `child_order_id` is the ordinary order it became when triggered."""

    symbol: str
    client_id: str
    algo_id: int
    side: OrderSide
    kind: OrderKind
    status: AlgoStatus
    trigger_price: Decimal
    quantity: Decimal
    close_position: bool
    ts_ms: int
    child_order_id: int | None = None


class PositionReport(Struct, frozen=True, kw_only=True):
    """A position as the exchange sees it; `amount` is signed (short is negative), 0 is flat."""

    symbol: str
    amount: Decimal
    entry_price: Decimal
    mark_price: Decimal = ZERO
    leverage: int | None = None
    isolated_wallet_usdt: Decimal = ZERO
    liquidation_price: Decimal | None = None


class SymbolState(Struct, frozen=True, kw_only=True, tag=True):
    """Everything the exchange knows of one symbol at one moment."""

    symbol: str
    ts_ms: int
    position: PositionReport
    orders: tuple[OrderReport, ...]
    algos: tuple[AlgoReport, ...]
    fills: tuple[Fill, ...]


class PositionsState(Struct, frozen=True, kw_only=True, tag=True):
    """The account's open positions; what is not among them may be flat, or not known to who answered."""

    ts_ms: int
    positions: tuple[PositionReport, ...]


class FundingState(Struct, frozen=True, kw_only=True, tag=True):
    """Funding within the times asked for, all of it: received is positive, paid negative, USDT."""

    symbol: str
    payments: int
    amount_usdt: Decimal


class AccountState(Struct, frozen=True, kw_only=True, tag=True):
    """The account's money: equity = wallet + unrealised profit."""

    ts_ms: int
    wallet_usdt: Decimal
    unrealized_usdt: Decimal
    available_usdt: Decimal


class SymbolSetup(Struct, frozen=True, kw_only=True, tag=True):
    """What a symbol allows: filters, leverage tiers and the account's taker fee (fraction)."""

    rules: SymbolRules
    tiers: tuple[LeverageTier, ...]
    taker_fee: Decimal


class AccountUpdate(Struct, frozen=True, kw_only=True, tag=True):
    """A user-stream change of balance or positions; only what changed is present.

    Attributes:
        transferred_usdt: What entered (positive) or left the wallet and is neither profit nor fee nor funding.
    """

    ts_ms: int
    reason: str
    wallet_usdt: Decimal | None = None
    positions: tuple[PositionReport, ...] = ()
    transferred_usdt: Decimal = ZERO


class FillAnnounced(Struct, frozen=True, kw_only=True, tag=True):
    """TRADE_LITE: an execution, told early and without its fee; the OrderReport that follows is the one that counts."""

    symbol: str
    client_id: str
    order_id: int
    fill_id: int
    ts_ms: int


class TriggerRejected(Struct, frozen=True, kw_only=True, tag=True):
    """A conditional order triggered and the order it became was refused; `reason` in the exchange's words."""

    symbol: str
    order_id: int
    reason: str
    ts_ms: int


class ConfigUpdate(Struct, frozen=True, kw_only=True, tag=True):
    """Someone changed a symbol's leverage, or the account's multi-assets mode; what did not change is None."""

    ts_ms: int
    symbol: str | None = None
    leverage: int | None = None
    multi_assets: bool | None = None


class MarginCall(Struct, frozen=True, kw_only=True, tag=True):
    """The exchange warns that these positions come near liquidation."""

    ts_ms: int
    symbols: tuple[str, ...]


class ClockMeasured(Struct, frozen=True, kw_only=True, tag=True):
    """The exchange's clock less ours, milliseconds, good to within half of the round trip."""

    ts_ms: int
    offset_ms: float
    round_trip_ms: float


Value: TypeAlias = (
    OrderReport | AlgoReport | SymbolState | AccountState | PositionsState | FundingState | SymbolSetup | int | None
)
"""What the exchange says in answer to a request: an int is a leverage."""


class Done(Struct, frozen=True, kw_only=True, tag=True):
    """The exchange did it and said so."""

    value: Value = None


class Refused(Struct, frozen=True, kw_only=True, tag=True):
    """The exchange did not do it and never will; `code` its own number; it wants silence for `retry_after_ms`."""

    code: int
    text: str
    retry_after_ms: int = 0


class Unknown(Struct, frozen=True, kw_only=True, tag=True):
    """It may or may not have been done: find out before anything else is sent for that symbol."""

    text: str
    retry_after_ms: int = 0


Outcome: TypeAlias = Done | Refused | Unknown
