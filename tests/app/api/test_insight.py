"""Why a decision, and what trades earned, over the control API."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from tests.adapters.sqlite.rows import rejection, trade
from tests.app.kit import SYMBOLS, Client, replies, running, served
from tests.domain.money_builders import decision, request
from tests.domain.test_performance import LOST, WON
from vortex.adapters.sqlite.cold_store import SqliteColdStore
from vortex.domain.explain import explain, rejection_details
from vortex.domain.hypothetical import WouldHave
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.trade import Strategy
from vortex.queries import GetExplanation, GetHypotheticals

TRADE, REJECTION = trade(), rejection()
STORY = explain(decision(), {"E1": {"ofi": 1.5}}, evaluate(request(pending_entry=True), RiskParams()))
WOULD_HAVE = WouldHave(strategy=Strategy.A, reason="RR_LOW", count=2, wins=1)


def answer(message: GetExplanation) -> object:
    return STORY if message.id in (None, "decision-1", TRADE.id) else None


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    folder: Path = tmp_path_factory.mktemp("insight")
    store = SqliteColdStore.open(folder / "vortex.db")
    store.write_trades([TRADE, WON, LOST])
    store.write_rejections([REJECTION, replace(REJECTION, id="told", details=rejection_details(STORY))])
    store.close()
    asked: dict[str, dict[type, object]] = {
        f"{SYMBOLS[0]}/decision": {GetExplanation: answer, GetHypotheticals: (WOULD_HAVE,)}
    }
    with running({**replies(), **asked}) as tiny, served(folder, tiny) as made:
        yield made


@pytest.mark.parametrize(
    ("name", "kind", "has_trade", "has_reject"),
    [
        ("decision-1", "decision", False, False), (SYMBOLS[0], "decision", False, False),
        (TRADE.id, "trade", True, False), ("told", "reject", False, True),
    ],
)  # fmt: skip
def test_a_story_is_found_by_any_id(client: Client, name: str, kind: str, has_trade: bool, has_reject: bool) -> None:  # noqa: FBT001  # a case
    body = client.get(f"/api/decisions/{name}").body
    assert (body["id"], body["kind"]) == (name, kind)
    assert (body["trade"] is not None, body["reject"] is not None) == (has_trade, has_reject)
    assert body["explanation"]["changes"] == ["PENDING_ENTRY: must not hold"]
    assert body["explanation"]["components"] == {"E1": {"ofi": 1.5}}


def test_what_nobody_remembers_is_said_without_a_story(client: Client) -> None:
    body = client.get("/api/decisions/1").body
    assert (body["kind"], body["explanation"], body["trade"]["symbol"]) == ("trade", None, WON.symbol)
    assert client.get(f"/api/decisions/{REJECTION.id}").body["explanation"] is None


def test_an_unknown_id_is_not_found(client: Client) -> None:
    reply = client.get("/api/decisions/nothing")
    assert (reply.status, reply.code) == (404, "not_found")
    assert client.get("/api/decisions/" + 65 * "x").status == 422


def test_statistics_are_of_closed_trades_and_of_rejections(client: Client) -> None:
    body = client.get("/api/stats").body
    (source,) = body["sources"]
    assert (source["mode"], source["label"], source["groups"][0]["n"]) == ("testnet", None, 2)
    assert len(source["groups"][0]["net_bp_95"]) == 2
    assert body["rejected_since_start"] == [
        {"strategy": "A", "reason": "RR_LOW", "n": 2, "wins": 1, "net_bp": 0.0, "net_r": 0.0}
    ]
