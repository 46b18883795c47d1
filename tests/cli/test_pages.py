from __future__ import annotations

from random import Random
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from tests.domain.money_builders import decision, request
from tests.domain.test_decision import crowded, look
from tests.domain.test_performance import LOST, WON
from vortex.cli.pages import PAGES
from vortex.domain.explain import Explanation, explain
from vortex.domain.performance import NO_EDGE, SIMULATED, performances
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams

PARAMS = RiskParams()


def page(kind: str, answer: dict[str, Any]) -> str:
    return "\n".join(PAGES[kind](msgspec.json.decode(msgspec.json.encode(answer))))


def why(explained: Explanation | None, **rows: object) -> str:
    return page("why", {"id": "x", "kind": "decision", "trade": None, "reject": None, **rows, "explanation": explained})


def test_a_reject_is_told_on_one_page() -> None:
    verdict = evaluate(request(decision=decision(atr15=30.0)), PARAMS)
    shown = why(explain(look(crowded(), 1), {"E1": {"ofi": 1.5, "speed": None}}, verdict, {"room_usdt": "12"}))
    for words in (
        "BTCUSDT HOLD: score 0.", "(a score, no probability)", "reasons: DEBOUNCE", "E1 0.6 x 0.3182: ofi 1.5",
        "strategy C LONG\n  ok   score 0.", "FAIL RR_LOW", "ok   SPREAD_WIDE 0.01666668 (3, margin 2.98333332)",
        "bracket: side LONG, entry 60000", "the account objected: room_usdt 12",
        "smallest change that would have passed:\n  FEE_TOO_HIGH: ",
    ):  # fmt: skip
        assert words in shown, shown
    assert "speed" not in shown


def test_an_entry_had_nothing_in_its_way() -> None:
    assert "nothing stood in its way" in why(explain(decision(), {}, evaluate(request(), PARAMS)))


def test_a_capped_size_and_a_missing_bracket_are_told() -> None:
    verdict = evaluate(request(), PARAMS)
    assert "size capped by margin" in why(explain(decision(), {}, replace(verdict, capped_by="margin")))
    assert "bracket" not in why(explain(decision(), {}, replace(verdict, figures=None)))


def test_rows_are_shown_also_without_their_story() -> None:
    reject = {"rejection_reason": "RR_LOW", "count": 3}
    shown = why(None, trade=WON, reject=reject)
    assert "BTCUSDT LONG 0.1 @ 60000, strategy A, CLOSED TP_HIT, net 18.7876" in shown
    assert "rejected: RR_LOW, 3 times" in shown
    assert "not kept any more" in shown


def stats(*rows: object, rejected: tuple[object, ...] = ()) -> str:
    random = Random(1)
    sources = performances(rows, lambda values: random.choices(values, k=len(values)))  # type: ignore[arg-type]  # rows
    return page("stats", {"sources": sources, "rejected_since_start": rejected})


def test_statistics_show_interval_waterfall_exits_and_calibration() -> None:
    shown = stats(*[WON, LOST] * 5)
    assert "testnet main, Binance Demo Trading\n" in shown
    assert "all all: n 10, net " in shown
    assert NO_EDGE in shown
    assert " bp [" in shown
    assert "exits: SL_HIT 5, TP_HIT 5" in shown
    assert "USDT: gross 71.5, fees 60.03575" in shown
    assert "0.6 to 0.7: n 5, won 100.0 %" in shown


def test_a_simulated_market_shows_no_interval() -> None:
    shown = stats(*[replace(WON, mode="paper", market_source="recording")] * 5)
    assert f"paper main, recording: {SIMULATED}" in shown
    assert "[" not in shown


def test_without_a_closed_trade_there_is_nothing_to_say() -> None:
    would_have = {"strategy": "A", "reason": "RR_LOW", "n": 2, "wins": 1, "net_bp": -3.5, "net_r": -0.25}
    shown = stats(rejected=(would_have,))
    assert shown.startswith("no closed trade yet")
    assert "  A RR_LOW: n 2, 1 wins, -3.5 bp, -0.25 R a trade" in shown


@pytest.mark.parametrize("text", ["\x1b[31m", "a\nb"])
def test_nothing_reaches_the_terminal_but_text(text: str) -> None:
    shown = why(explain(replace(decision(), reasons=(text,)), {}))
    assert text not in shown
