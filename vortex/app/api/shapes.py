"""The shapes of the control API's replies, for its OpenAPI document and for whoever reads it in a typed language.

Replies are put together from what actors answer; a test holds them to these shapes on a running system.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any, Literal

from msgspec import Meta, Struct

from vortex.domain.explain import Explanation
from vortex.domain.market import Candle
from vortex.domain.operation import Gate
from vortex.domain.order import Side
from vortex.domain.performance import Performance
from vortex.domain.results import Results
from vortex.domain.trade import RejectionRow, Strategy, TradeRow
from vortex.runtime import ActorState

Ms = Annotated[int, Meta(description="UTC epoch milliseconds")]
AgeMs = Annotated[int, Meta(ge=0, description="milliseconds ago; null when never")]
Label = Annotated[str, Meta(description="the words that stand beside every output of this run, as in header x-vortex")]


class Live(Struct, frozen=True, kw_only=True):
    """Whether the actors move."""

    live: bool


class Ready(Struct, frozen=True, kw_only=True):
    """Whether trading can begin, and what it waits for."""

    ready: bool
    reasons: list[str]


class ClosedGate(Struct, frozen=True, kw_only=True):
    """What keeps entries closed; symbol null is the whole account."""

    gate: Gate
    symbol: str | None
    since_ms: Ms | None
    detail: str


class AccountFields(Struct, frozen=True, kw_only=True):
    """The account; null while it does not answer."""

    equity_usdt: Decimal | None
    daily_pnl_usdt: Decimal | None
    drawdown_latched: bool | None


class PositionFields(Struct, frozen=True, kw_only=True):
    """An open position of ours."""

    trade_id: str
    side: Side
    quantity: Decimal
    entry_price: Decimal
    mark_price: Decimal | None
    liq_price: Decimal | None
    sl_price: Decimal
    tp_price: Decimal
    leverage: int
    strategy: Strategy
    opened_ms: Ms
    upnl_usdt: Decimal | None


class DecisionFields(Struct, frozen=True, kw_only=True):
    """The newest evaluation, HOLD too."""

    id: str
    action: str
    strategy: Strategy | None
    confidence: float
    final_score: float | None
    reasons: list[str]
    ts_ms: Ms


class EngineFields(Struct, frozen=True, kw_only=True):
    """The newest signal of an engine."""

    score: float | None
    quality: float | None
    weight: float | None
    age_ms: AgeMs | None
    reasons: list[str]


class SymbolFields(Struct, frozen=True, kw_only=True):
    """One symbol; `protected` is true only while the exchange has confirmed our stop."""

    state: Literal["STARTING", "WARMING", "RECONCILING", "READY", "PAUSED", "FLATTENING", "HALTED", "LEAVING"] | None
    position: PositionFields | None
    protected: bool | None
    decision: DecisionFields | None
    engines: Mapping[str, EngineFields]
    feeds: Mapping[str, AgeMs | None]


class OutboxFields(Struct, frozen=True, kw_only=True):
    """Rows that wait for the ledger."""

    pending: int | None
    oldest_s: int | None
    parked: int | None
    paused: str | None
    dropped_rejections: int | None


class ExchangeFields(Struct, frozen=True, kw_only=True):
    """What was used of the exchange's limits, and orders whose fate is unknown."""

    weight_used_1m: int | None
    orders_1m: int | None
    unknown_orders: int | None


class Status(Struct, frozen=True, kw_only=True):
    """A running system."""

    label: Label
    mode: Literal["paper", "testnet", "live"]
    profile: str
    market_source: str
    simulated: bool
    now_ms: Ms
    uptime_s: int
    ready: bool
    gates: list[ClosedGate]
    account: AccountFields
    symbols: Mapping[str, SymbolFields]
    outbox: OutboxFields
    exchange: ExchangeFields


class ActorRow(Struct, frozen=True, kw_only=True):
    """An actor at one moment; `restarts` are those after its own crashes."""

    label: Label
    path: str
    state: ActorState
    generation: int
    restarts: int
    mailbox: int
    backlog_s: float
    superseded: int
    dead_letters: int
    last_error: str | None


class Why(Struct, frozen=True, kw_only=True):
    """The story of one id; `explanation` is null when nobody remembers it."""

    label: Label
    id: str
    kind: Literal["decision", "trade", "reject"]
    explanation: Explanation | None
    trade: TradeRow | None
    reject: Mapping[str, Any] | None


class Hypothetical(Struct, frozen=True, kw_only=True):
    """What rejected signals of a strategy and reason would have made, means of a trade."""

    strategy: Strategy
    reason: str
    n: int
    wins: int
    net_bp: float
    net_r: float


class Stats(Struct, frozen=True, kw_only=True):
    """What closed trades earned, by mode, account and market source, which are never added up."""

    label: Label
    sources: list[Performance]
    rejected_since_start: list[Hypothetical]


class ResultsPage(Struct, frozen=True, kw_only=True):
    """What closed trades made, by mode, account and market source, which are never added up."""

    label: Label
    now_ms: Ms
    sources: list[Results]


class Candles(Struct, frozen=True, kw_only=True):
    """Candles of a symbol, oldest first."""

    label: Label
    symbol: str
    interval: str
    candles: list[Candle]


class Ordered(Struct, frozen=True, kw_only=True):
    """An order that is on disk, and whom it concerns."""

    ok: Literal[True]
    symbols: list[str]


class Reloaded(Struct, frozen=True, kw_only=True):
    """What a reload changed; `ignored` keys need a restart."""

    ok: Literal[True]
    symbols: list[str]
    added: list[str]
    removed: list[str]
    changed: list[str]
    ignored: list[str]


class Sent(Struct, frozen=True, kw_only=True):
    """Sent; what comes of it shows in the actors."""

    ok: Literal[True]


class ErrorDetail(Struct, frozen=True, kw_only=True):
    """A code for programs and a line for people."""

    code: str
    message: str


class Error(Struct, frozen=True, kw_only=True):
    """Every refusal and failure."""

    error: ErrorDetail


Trades = list[TradeRow]
Rejections = list[RejectionRow]
Actors = list[ActorRow]
