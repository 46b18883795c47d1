"""The whole protocol on one page: who tells what to whom.

Commands are imperative, events past tense; questions from outside are in `queries`.
A message carries a domain value and never repeats its fields; the market values of `domain.market` and the reports of
`domain.order` are messages of their own. All are frozen. `urgent` messages overtake; a message with `conflation_key()`
and `absorb()` replaces a waiting older one; every other message is delivered in order and never dropped.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from decimal import Decimal
from typing import Any, ClassVar, Protocol

from msgspec import Struct

from vortex.domain.operation import Gate, OperatorAction
from vortex.domain.order import ExchangeRequest, Fill, Outcome, SymbolSetup
from vortex.domain.signal import Signal
from vortex.domain.trade import CloseReason, EntryPlan, OpenTrade, RejectionRow, TradeRow


class Recipient(Protocol):
    """Anything that can be told a message: an actor's address, or a probe in a test."""

    def tell(self, message: object) -> None: ...


class Nobody:
    """A recipient that takes everything and does nothing."""

    def tell(self, message: object) -> None: ...


NOBODY = Nobody()


# -------------------------------------------------------------------------------------- market data: feed to actors


class Subscribe(Struct, frozen=True, kw_only=True):
    """Supervisor or engine to feed: deliver these values to the subscriber, history and the latest ones at once."""

    symbol: str
    subscriber: Recipient
    values: tuple[type, ...]


class RequestHistory(Struct, frozen=True, kw_only=True):
    """Engine to feed: candles were missed, and only their history closes the hole."""

    symbol: str


class Unsubscribe(Struct, frozen=True, kw_only=True):
    """Supervisor to feed: the symbol leaves; nobody of it wants anything any more."""

    symbol: str


# ----------------------------------------------------------------------------- engines, decision, account, storage


class SignalEmitted(Struct, frozen=True, kw_only=True):
    """Engine to decision: an opinion; E1's carries epoch and arrival of the book it answers, others 0."""

    symbol: str
    epoch: int
    signal: Signal
    recv_ms: int = 0

    def conflation_key(self) -> Hashable:
        return self.signal.engine

    def absorb(self, older: SignalEmitted) -> SignalEmitted:  # noqa: ARG002  # the newest opinion is the only one
        return self


class ReserveRisk(Struct, frozen=True, kw_only=True):
    """Decision to account: may this entry use its share of the account's limits?"""

    plan: EntryPlan
    reply_to: Recipient


class RiskGranted(Struct, frozen=True, kw_only=True):
    """Account to decision: reserved for 10 s, then released unless the position opens."""

    plan: EntryPlan


class RiskDenied(Struct, frozen=True, kw_only=True):
    """Account to decision: the reject code of the first limit it would break, with the figures."""

    plan: EntryPlan
    code: str
    details: Mapping[str, str]


class AccountChanged(Struct, frozen=True, kw_only=True):
    """Account to every decision: what the risk gates need to know of the account (a domain AccountView)."""

    view: Any

    def conflation_key(self) -> Hashable:
        return "account"

    def absorb(self, older: AccountChanged) -> AccountChanged:  # noqa: ARG002  # a snapshot
        return self


class JoinAccount(Struct, frozen=True, kw_only=True):
    """Supervisor to account: send AccountChanged for this symbol to the subscriber, now and on every change."""

    symbol: str
    subscriber: Recipient


class MoneyTransferred(Struct, frozen=True, kw_only=True):
    """Exchange to account: money came (positive) or went, which is neither profit nor loss."""

    ts_ms: int
    amount_usdt: Decimal


class RecordRejection(Struct, frozen=True, kw_only=True):
    """Decision to storage."""

    row: RejectionRow


# -------------------------------------------------------------------------------------------- orders: through exchange


class RegisterSymbol(Struct, frozen=True, kw_only=True):
    """Supervisor to exchange: reconcile this symbol and tell these actors; repeated after any of them restarts."""

    symbol: str
    supervisor: Recipient
    decision: Recipient
    monitor: Recipient


class DeregisterSymbol(Struct, frozen=True, kw_only=True):
    """Supervisor to exchange: the symbol leaves: no entry from now on; RegisterSymbol takes it back."""

    symbol: str


class SymbolReleased(Struct, frozen=True, kw_only=True):
    """Exchange to supervisor: the symbol that leaves has no trade under way, and the row of its last one is safe."""

    symbol: str


class SymbolReconciled(Struct, frozen=True, kw_only=True):
    """Exchange to account, decision, monitor and supervisor: the truth of a symbol; `trade` is None when it is flat."""

    symbol: str
    setup: SymbolSetup
    trade: OpenTrade | None


class OpenPosition(Struct, frozen=True, kw_only=True):
    """Decision to exchange: enter and protect."""

    plan: EntryPlan


class ClosePosition(Struct, frozen=True, kw_only=True):
    """Monitor to exchange: close at market now."""

    urgent: ClassVar[bool] = True

    symbol: str
    trade_id: str
    reason: CloseReason


class CloseAll(Struct, frozen=True, kw_only=True):
    """Account to exchange: close every open position at market now."""

    urgent: ClassVar[bool] = True

    reason: CloseReason


class PositionOpened(Struct, frozen=True, kw_only=True):
    """Exchange to monitor, decision, account: the entry is complete; `protected`: its stop is confirmed."""

    trade: OpenTrade


class PositionProtected(Struct, frozen=True, kw_only=True):
    """Exchange to monitor: what is known now of this trade's stop, and of the price that liquidates it."""

    symbol: str
    trade_id: str
    protected: bool
    liquidation_price: Decimal | None = None


class EntryFailed(Struct, frozen=True, kw_only=True):
    """Exchange to monitor, decision and account: no position came of it."""

    trade_id: str
    plan: EntryPlan
    reason: CloseReason
    detail: str
    ts_ms: int


class PositionClosed(Struct, frozen=True, kw_only=True):
    """Exchange to monitor, decision and account: flat, with every fill of the trade."""

    trade: OpenTrade
    entry_fills: tuple[Fill, ...]
    exit_fills: tuple[Fill, ...]
    reason: CloseReason
    funding_usdt: Decimal


class ExchangeReplied(Struct, frozen=True, kw_only=True):
    """Exchange adapter to exchange actor: the outcome of one request, in any order."""

    request: ExchangeRequest
    outcome: Outcome
    sent_ms: int


class UserStreamChanged(Struct, frozen=True, kw_only=True):
    """Exchange adapter to exchange actor: the user stream is up (again) or lost since `ts_ms`."""

    up: bool
    ts_ms: int
    detail: str = ""


class DiskMeasured(Struct, frozen=True, kw_only=True):
    """Outside to exchange: what is free where journal and outbox are kept."""

    room_bytes: int


class RecordTrade(Struct, frozen=True, kw_only=True):
    """Monitor to storage: the whole row, as often as it changes."""

    row: TradeRow


class RowsCarried(Struct, frozen=True, kw_only=True):
    """Courier to storage: what came of its last round.

    Attributes:
        rows: How many are dealt with; 0 without trouble: none waits.
        trouble: Why the others of the batch wait on.
        for_people: The trouble lasts until a person acts.
        retry_after_s: How long the store asked to be left alone, real seconds.
    """

    rows: int
    trouble: str | None = None
    for_people: bool = False
    retry_after_s: float | None = None


class OutboxMeasured(Struct, frozen=True, kw_only=True):
    """Storage to exchange, again and again: why rows of further trades may not be kept, or None."""

    problem: str | None


class TradeRecorded(Struct, frozen=True, kw_only=True):
    """Storage to exchange: the final row of this trade is safe on disk; until then it is told again after a crash."""

    trade_id: str


# ------------------------------------------------------------------------------------------------------ gates and state


class GateClosed(Struct, frozen=True, kw_only=True):
    """Anyone to a symbol's supervisor, and the supervisor to its decision: no entries while this holds."""

    gate: Gate
    since_ms: int
    detail: str


class GateOpened(Struct, frozen=True, kw_only=True):
    """The counterpart of GateClosed."""

    gate: Gate


class PeerFailed(Struct, frozen=True, kw_only=True):
    """Root to every symbol's supervisor: this shared actor is down; PeerStarted follows."""

    name: str
    detail: str


class PeerStarted(Struct, frozen=True, kw_only=True):
    """Root to every symbol's supervisor: this shared actor is a new incarnation and knows nobody yet."""

    name: str


# ------------------------------------------------------------------------------------------------- people and operation


class Operate(Struct, frozen=True, kw_only=True):
    """Anyone to exchange: an order about one symbol, or all (None). On disk before the reply: the symbols concerned."""

    urgent: ClassVar[bool] = True

    action: OperatorAction
    symbol: str | None
    why: str


class ResetGovernor(Struct, frozen=True, kw_only=True):
    """Exchange to account: a person lifted every halt, the account's own included."""


class AddSymbol(Struct, frozen=True, kw_only=True):
    """Outside to root: trade this symbol too; one that is leaving stays."""

    symbol: str


class RemoveSymbol(Struct, frozen=True, kw_only=True):
    """Outside to root: the symbol enters no more, closes by its own exits, then leaves."""

    symbol: str


class Leave(Struct, frozen=True, kw_only=True):
    """Root to a symbol's supervisor: leave, or after all not."""

    leaving: bool


class SymbolLeft(Struct, frozen=True, kw_only=True):
    """A symbol's supervisor to root: nothing of it is under way any more, its tree may end."""

    symbol: str


class LeaveAccount(Struct, frozen=True, kw_only=True):
    """Supervisor to account: the symbol has left; nobody of it wants AccountChanged."""

    symbol: str


class RecallTrades(Struct, frozen=True, kw_only=True):
    """Engine to hot_store: it begins with nothing; a TradeHistory comes if one is kept that leads up to now."""

    symbol: str
    reply_to: Recipient


class Mirror(Struct, frozen=True, kw_only=True):
    """Anyone to hot_store: the newest value under a key such as `position:BTCUSDT`; None deletes it."""

    key: str
    value: Any

    def conflation_key(self) -> Hashable:
        return self.key

    def absorb(self, older: Mirror) -> Mirror:  # noqa: ARG002  # a snapshot
        return self


class Shutdown(Struct, frozen=True, kw_only=True):
    """To decisions (through the supervisor): no entry from now on; the process is stopping."""

    urgent: ClassVar[bool] = True
