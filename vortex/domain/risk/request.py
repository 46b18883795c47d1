"""What the risk manager is asked, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

import msgspec
from msgspec import Struct

from vortex.domain.decision import Decision
from vortex.domain.market import Book, LeverageTier, MarkPrice, SymbolRules
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


class RiskVerdict(Struct, frozen=True, kw_only=True):
    """A plan, or the code of the first gate that failed; always every gate, in order."""

    plan: EntryPlan | None
    code: RejectCode | None
    gates: tuple[GateResult, ...]
    capped_by: str | None = None


def rejection_details(verdict: RiskVerdict, account: Mapping[str, str] | None = None) -> str:
    """Return the `details` of a rejected signal as JSON: every gate, and what the account's ledger objected to."""
    details: dict[str, object] = {"gates": verdict.gates, "capped_by": verdict.capped_by}
    if account is not None:
        details["account"] = account
    return msgspec.json.encode(details).decode()
