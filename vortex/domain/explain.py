"""Why a decision came out as it did: everything it looked at, and the smallest change that would have let it pass."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import Struct

from vortex.domain.decision import Action, Decision
from vortex.domain.risk.request import GateResult, RiskVerdict
from vortex.domain.strategies import Check, Trigger

Components = Mapping[str, Mapping[str, float | None]]


class Explanation(Struct, frozen=True, kw_only=True):
    """One decision on one page.

    Attributes:
        decision: Scores, weights, every strategy's inequalities.
        components: The named numbers behind each engine's score, by engine.
        verdict: Every gate and the bracket's numbers; None where no strategy matched.
        denied: What the account's ledger objected to, if it did.
        changes: The smallest change that would have let it pass; empty when nothing stood in its way.
    """

    decision: Decision
    components: Components
    verdict: RiskVerdict | None = None
    denied: Mapping[str, str] | None = None
    changes: tuple[str, ...] = ()


def explain(
    decision: Decision,
    components: Components,
    verdict: RiskVerdict | None = None,
    denied: Mapping[str, str] | None = None,
) -> Explanation:
    """Put together what is known of a decision."""
    return Explanation(
        decision=decision, components=components, verdict=verdict, denied=denied,
        changes=changes_of(decision, verdict, denied),
    )  # fmt: skip


def changes_of(
    decision: Decision, verdict: RiskVerdict | None, denied: Mapping[str, str] | None = None
) -> tuple[str, ...]:
    """Name what would have had to be different, in words; of several strategies the one that lacked least."""
    if verdict is not None:
        gates = [_gate_change(gate) for gate in verdict.gates if gate.passed is False]
        objections = [f"the account: {name} was {value}" for name, value in (denied or {}).items()]
        return (*gates, *objections)
    if decision.action is not Action.HOLD:
        return ()
    if not decision.triggers or decision.reasons[0] in ("REGIME_EXTREME", "REGIME_UNKNOWN"):
        return tuple([f"{reason} must end" for reason in decision.reasons])
    nearest = min(decision.triggers, key=_lacking)
    missing = [_check_change(check) for check in nearest.checks if not check.passed]
    name = f"strategy {nearest.strategy} {nearest.side}"
    return tuple([f"{name}: {each}" for each in missing]) or (f"{name}: hold on the next new book too",)


def _lacking(trigger: Trigger) -> int:
    return sum([not check.passed for check in trigger.checks])


def _check_change(check: Check) -> str:
    value, threshold = check.value, check.threshold
    if isinstance(value, float | int) and isinstance(threshold, float | int):
        direction = "rise" if value < threshold else "fall"
        return f"{check.name} must {direction} by {abs(threshold - value):.4g}, from {value:.4g} to {threshold:.4g}"
    return f"{check.name} must be {threshold}, not {value if value not in (None, '') else 'missing'}"


def _gate_change(gate: GateResult) -> str:
    if gate.margin is not None and gate.value is not None:
        return f"{gate.code}: {gate.value} against {gate.threshold}, short by {gate.margin.removeprefix('-')}"
    return f"{gate.code}: {gate.value or 'must not hold'}"


def rejection_details(explained: Explanation) -> str:
    """Return the `details` of a rejected signal as JSON: every gate, what the account's ledger objected to, and why."""
    verdict = explained.verdict
    details: dict[str, object] = {
        "gates": verdict.gates if verdict is not None else (),
        "capped_by": verdict.capped_by if verdict is not None else None,
        "explanation": explained,
    }
    if explained.denied is not None:
        details["account"] = explained.denied
    return msgspec.json.encode(details).decode()
