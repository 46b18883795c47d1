"""What the risk manager is asked, and what it answers."""

from __future__ import annotations

from decimal import Decimal

from msgspec import Struct

from vortex.domain.decision import Decision
from vortex.domain.market import Book, LeverageTier, MarkPrice, SymbolRules
from vortex.domain.order import Side
from vortex.domain.risk.codes import RejectCode
from vortex.domain.risk.view import AccountView
from vortex.domain.trade import EntryPlan


class RiskRequest(Struct, frozen=True, kw_only=True):
    """One entry that a decision asks for, with everything the gates look at.

    Attributes:
        decision: The decision; HOLD is not a request.
        book, mark: The newest of the symbol; its age is judged at `now_ms`.
        now_ms: The exchange's clock.
        account: What the account's other symbols use.
        rules, tiers, taker_fee: What the exchange allows and charges; without a known fee the fallback counts.
        has_position, pending_entry, shutting_down: What the decision's own actor knows.
        closed_gates: Names of the supervisor's gates that are closed now.
        mid_1s_ago: Mid price about one second before the book, None when the book is the first in a while.
    """

    decision: Decision
    book: Book
    now_ms: int
    account: AccountView
    rules: SymbolRules
    tiers: tuple[LeverageTier, ...]
    taker_fee: Decimal | None
    has_position: bool = False
    pending_entry: bool = False
    shutting_down: bool = False
    closed_gates: tuple[str, ...] = ()
    mark: MarkPrice | None = None
    mid_1s_ago: float | None = None


class GateResult(Struct, frozen=True, kw_only=True):
    """One gate: what was seen, what is allowed, how far inside that is; `passed` is None when it cannot be told."""

    code: RejectCode
    passed: bool | None
    value: str | None = None
    threshold: str | None = None
    margin: str | None = None


class BracketFigures(Struct, frozen=True, kw_only=True):
    """What the trade would be: prices, size, and its economics per unit after costs (quote units, shares of 1)."""

    side: Side
    entry: Decimal
    sl_price: Decimal
    tp_price: Decimal
    quantity: Decimal
    notional_usdt: Decimal
    margin_usdt: Decimal | None
    leverage: int | None
    max_hold_s: int
    cost_tp: Decimal
    cost_sl: Decimal
    rr_gross: Decimal
    rr_net: Decimal
    fee_share: Decimal | None
    break_even_win_rate: Decimal | None


class RiskVerdict(Struct, frozen=True, kw_only=True):
    """A plan, or the code of the first gate that failed; always every gate, in order.

    `figures` is None where market data or equity did not allow a proposal.
    """

    plan: EntryPlan | None
    code: RejectCode | None
    gates: tuple[GateResult, ...]
    capped_by: str | None = None
    figures: BracketFigures | None = None
