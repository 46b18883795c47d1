from __future__ import annotations

from msgspec.structs import replace

from tests.domain.money_builders import NOW, decision, request
from tests.domain.test_decision import board, look, signals
from vortex.actors.explaining import KEPT, Explained
from vortex.domain.explain import explain
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams


def test_the_newest_evaluation_can_always_be_explained() -> None:
    made = board(signals().values())
    explained = Explained(made)
    assert explained.find(None) is None
    assert explained.find("d1") is None
    explained.note(look(made, 1))
    found = explained.find(None)
    assert found is not None
    assert found == explained.find("d1")
    assert (found.decision.id, found.verdict) == ("d1", None)
    assert found.components["E3"]["tr"] == 0.5
    assert found.changes == ("strategy A LONG: hold on the next new book too",)


def test_entries_and_rejections_are_kept_by_their_id_and_by_their_trade_s() -> None:
    explained = Explained(board([]))
    kept = explain(decision(), explained.components(), evaluate(request(), RiskParams()))
    explained.keep(kept)
    explained.opened("trade-1", "decision-1")
    assert explained.find("decision-1") is explained.find("trade-1") is kept
    assert explained.find("trade-2") is None
    explained.note(decision())
    assert explained.find(None) is kept
    assert explained.components()["E1"] == {}


def test_only_so_many_are_kept() -> None:
    explained = Explained(board([]))
    for number in range(KEPT + 1):
        explained.keep(explain(replace(decision(), id=f"d{number}", ts_ms=NOW), {}))
    assert explained.find("d0") is None
    assert explained.find("d1") is not None
    explained.opened("t", "d0")
    assert explained.find("t") is None
