from __future__ import annotations

import json
from decimal import Decimal

from tests.domain.money_builders import NOW, account, book, decision, plan, request
from tests.kit.builders import LABELS
from tests.kit.probe import Probe
from tests.kit.virtual import CountedIds
from vortex.actors.rejecting import Rejector
from vortex.domain.decision import Action, Decision
from vortex.domain.explain import explain
from vortex.domain.order import Side
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.trade import Strategy
from vortex.messages import RecordRejection, RiskDenied

PNL = Decimal("-1.5")
REFUSED = evaluate(request(account=account(equity=None)), RiskParams())
ACCEPTED = evaluate(request(), RiskParams())
DENIED = RiskDenied(plan=plan(), code="EXPOSURE_CAP", details={"room_usdt": "12"})


def rejector() -> tuple[Rejector, Probe]:
    storage = Probe("storage")
    return Rejector(storage=storage, labels=LABELS, ids=CountedIds()), storage


def test_a_refusal_is_written_with_every_gate() -> None:
    made, storage = rejector()
    made.reject(explain(decision(), {}, REFUSED), PNL, NOW)
    row = storage.expect(RecordRejection).row
    assert (row.symbol, row.action, row.strategy, row.rejection_reason) == (
        "BTCUSDT", Side.LONG, Strategy.A, "STALE_DATA",
    )  # fmt: skip
    assert (row.daily_pnl, row.count, row.created_at, row.mode) == (PNL, 1, NOW, "paper")
    gates = {gate["code"]: gate["passed"] for gate in json.loads(row.details)["gates"]}
    assert gates["STALE_DATA"] is False
    assert gates["PAUSED"] is True


def test_a_repetition_waits_and_a_change_does_not() -> None:
    made, storage = rejector()
    for offset_ms in (0, 150, 300):
        made.reject(explain(decision(), {}, REFUSED), PNL, NOW + offset_ms)
    made.reject(explain(decision(Side.SHORT), {}, REFUSED), PNL, NOW + 450)
    made.reject(explain(decision(Side.SHORT), {}, REFUSED), PNL, NOW + 60_450)
    rows = [message.row for message in storage.told(RecordRejection)]
    assert [(row.action, row.count) for row in rows] == [(Side.LONG, 1), (Side.SHORT, 1), (Side.SHORT, 1)]
    assert len({row.id for row in rows}) == 3


def test_the_accounts_denial_is_written_with_its_figures() -> None:
    made, storage = rejector()
    made.keep(explain(decision(), {}, ACCEPTED), PNL)
    made.denied(DENIED, NOW)
    row = storage.expect(RecordRejection).row
    assert row.rejection_reason == "EXPOSURE_CAP"
    assert json.loads(row.details)["account"] == {"room_usdt": "12"}
    assert "the account: room_usdt was 12" in json.loads(row.details)["explanation"]["changes"]


def test_a_rejected_bracket_is_followed_to_its_end() -> None:
    made, _ = rejector()
    made.reject(explain(decision(), {}, evaluate(request(pending_entry=True), RiskParams())), PNL, NOW)
    beyond = ((60_300.0, 1.0),), ((60_300.1, 1.0),)
    made.hypotheticals.see_book(book(bids=beyond[0], asks=beyond[1], at_ms=NOW + 1_000))
    (would_have,) = made.hypotheticals.ended()
    assert (would_have.strategy, would_have.reason, would_have.wins) == (Strategy.A, "PENDING_ENTRY", 1)


def test_a_denial_of_nothing_we_asked_for_is_not_written() -> None:
    made, storage = rejector()
    made.denied(DENIED, NOW)
    assert storage.messages == []


def test_hold_is_no_rejection() -> None:
    made, storage = rejector()
    hold: Decision = decision(action=Action.HOLD, strategy=None)
    made.reject(explain(hold, {}, REFUSED), PNL, NOW)
    assert storage.messages == []
