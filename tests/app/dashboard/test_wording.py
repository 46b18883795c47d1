from __future__ import annotations

from typing import Any

import pytest

from tests.app.dashboard.samples import NOW_MS, STATUS
from vortex.app.dashboard import wording
from vortex.app.dashboard.source import Board

pytestmark = pytest.mark.usefixtures("rounding_of_others")

BOARD = Board(label="PAPER", status=STATUS, heard_ms=NOW_MS, looked_ms=NOW_MS)


@pytest.mark.parametrize("action", ["flatten", "halt"])
def test_an_order_that_closes_names_what_it_closes(action: str) -> None:
    lines = wording.consequences(action, None, BOARD)
    assert any("closed now" in line for line in lines)
    assert "BTCUSDT: SHORT 0.001, entered at 61,815.00, unrealized -0.0002 USDT before fees" in lines
    assert "No position is open now." in wording.consequences(action, "ETHUSDT", BOARD)
    unknown = wording.consequences(action, "BTCUSDT", Board(label="x"))
    assert "Which positions are open is not known now." in unknown


@pytest.mark.parametrize("action", wording.ACTIONS)
def test_every_order_says_what_it_does_and_what_is_real(action: str) -> None:
    one, everything = (wording.consequences(action, symbol, BOARD) for symbol in ("ETHUSDT", None))
    assert one
    assert any("kill switch" in line.lower() for line in everything) is (action in ("halt", "unhalt"))
    live = Board(label="LIVE", status={**STATUS, "simulated": False, "mode": "live"})
    assert wording.consequences(action, "ETHUSDT", live)[-1] == "These are real orders."
    demo = Board(label="x", status={**STATUS, "simulated": False, "mode": "testnet"})
    assert wording.consequences(action, None, demo)[-1] == "These are orders on Demo Trading."


def test_the_state_in_a_few_words() -> None:
    assert wording.headline(BOARD) == ("ready", "good")
    assert wording.headline(Board(label="x", status={**STATUS, "ready": False})) == ("NOT READY", "warn")
    assert wording.headline(Board(label="x", trouble="gone", status=STATUS)) == ("ENGINE DOWN", "bad")
    assert wording.headline(Board(label="x")) == ("asking", "dim")


def test_an_outage_says_since_when() -> None:
    assert wording.outage(BOARD) == ()
    later: dict[str, Any] = {"looked_ms": NOW_MS + 75_000, "trouble": "nobody answers", "label": "x"}
    heard = wording.outage(Board(heard_ms=NOW_MS, **later))
    assert heard[0] == "The engine has not answered since 2024-08-08 12:00:00 UTC, 1 min 15 s ago."
    assert "nobody answers" in heard[-1]
    never = wording.outage(Board(sign_ms=NOW_MS, **later))
    assert (
        never[0] == "The engine does not run; its files were last written at 2024-08-08 12:00:00 UTC, 1 min 15 s ago."
    )
    assert wording.outage(Board(**later))[:2] == ("The engine does not run.", "Nothing is known of an earlier run.")
