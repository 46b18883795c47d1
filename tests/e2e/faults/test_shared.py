"""What all symbols share goes wrong while positions are open and entries wait (F15, F19, F21 to F30, F37, F39)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.kit.crowd import ROUTES, Crowd
from tests.kit.invariants import trade_id
from tests.kit.ledger import lasted_ms, trades_of
from tests.kit.ordeal import holding
from tests.kit.stand import LOAD_MS, ORDER, TIMEOUT_MS, Stand, stand

pytestmark = pytest.mark.e2e

SYMBOLS = 4
WAITING = 200
"""Far more than waits for any actor; far less than the 1,400 books and trades that a short burst has of each symbol."""
FRAMES = ("malformed", "gap", "duplicate", "reorder", "silence", "half_open")
USUAL = {("private", "gap"), ("private", "reorder"), ("public", "half_open"), ("market", "gap")}


def chaos(*values: object) -> Any:
    """A parameter that takes longer than the usual tests may."""
    return pytest.param(*values, marks=pytest.mark.chaos)


DISTURBED = [
    (route, do) if (route, do) in USUAL else chaos(route, do) for route, do in itertools.product(ROUTES, FRAMES)
]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    with stand(tmp_path_factory.mktemp("shared") / "data", SYMBOLS, **holding(3_600)) as found:
        yield found


@pytest.fixture
def crowd(built: Stand) -> Iterator[Crowd]:
    found = Crowd(built)
    try:
        yield found
    finally:
        found.abandon()


@pytest.mark.parametrize("direction", ["before", chaos("after")], ids=("both directions", "answers only"))
@pytest.mark.parametrize("cut_ms", [1_000, chaos(30_000), chaos(600_000)])
def test_f15_the_network_is_cut(crowd: Crowd, cut_ms: int, direction: str) -> None:
    one, *rest = crowd.held
    crowd.costs(cut_ms + 2 * TIMEOUT_MS)
    crowd.stream("half_open", for_ms=cut_ms)
    crowd.rule(f"timeout_{direction}_apply")
    began_ms = crowd.stand.now_ms()
    crowd.closes(one)
    crowd.other.resume()
    crowd.stand.pass_ms(cut_ms)
    crowd.lift()
    if cut_ms > 10_000:
        assert crowd.entered(began_ms + 2_000, began_ms + cut_ms) == [], "books were too old for that"
    crowd.is_closed(one)
    crowd.is_untouched(*rest)
    crowd.ends()


@pytest.mark.parametrize("lag_ms", [chaos(2_000), 8_000])
def test_f19_an_entry_is_looked_for_in_the_dark(crowd: Crowd, lag_ms: int) -> None:
    """Its answer is lost, no event tells of it, and every question is answered from the past: one entry, one row."""
    crowd.costs(lag_ms + 2 * TIMEOUT_MS)
    crowd.stream("silence", ["private"], for_ms=lag_ms + 4_000)
    for path in (ORDER, "/fapi/v1/openOrders", "/fapi/v1/userTrades", "/fapi/v2/positionRisk"):
        crowd.rule(f"lag:{lag_ms}", "GET", path)
    lost = crowd.rule("timeout_after_apply", "POST", ORDER, times=1)
    crowd.other.resume()
    crowd.other.fired(lost)
    position = crowd.other.opened()
    sent = [each for each in crowd.other.ledger()["orders"] if each["client_id"].endswith("E")]
    assert position["trade_id"] == trade_id("main", crowd.other.symbol, sent[0]["client_id"]), "another one"
    assert position["strategy"] != "X", "it was given up, and taken over when it was seen"
    assert len(sent) == 1
    crowd.is_untouched(*crowd.held)
    crowd.ends()


@pytest.mark.parametrize("do", ["http:429:1", chaos("http:429:30"), chaos("http:418:30")])
def test_f21_too_many_requests(crowd: Crowd, do: str) -> None:
    """Silence is kept by all but what guards; the streams go on."""
    one, *rest = crowd.held
    silence_ms = int(do.rpartition(":")[2]) * 1_000
    crowd.costs(min(silence_ms, 2_000))
    rule = crowd.rule(do, "POST", ORDER, times=1)
    crowd.other.resume()
    crowd.other.fired(rule)
    began_ms = crowd.stand.now_ms()
    crowd.closes(one)
    crowd.is_closed(one)
    closed_ms = trades_of(one.ledger(), one.symbol)[-1].closed_ms  # not when its row was seen
    assert closed_ms is not None
    assert lasted_ms(began_ms, closed_ms, crowd.stand.outages()) <= min(silence_ms, 2_000) + 3_000 + LOAD_MS
    if silence_ms > 2_000:
        crowd.stand.pass_ms(began_ms + silence_ms - 1_000 - crowd.stand.now_ms())
        assert crowd.entered(began_ms, began_ms + silence_ms - 1_000) == []
    crowd.other.opened()
    crowd.is_untouched(*rest)
    crowd.ends()


HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    "offset_ms",
    [chaos(2_000), chaos(-2_000), chaos(60_000), -60_000, chaos(HOUR_MS), chaos(-HOUR_MS)],
)
def test_f22_f23_the_clocks_differ(crowd: Crowd, offset_ms: int) -> None:
    one, *rest = crowd.held
    crowd.stand.sim("clock", offset_ms=offset_ms)
    crowd.stand.gate_closed("clock")
    began_ms = crowd.stand.now_ms()
    crowd.other.resume()
    crowd.closes(one)
    crowd.is_closed(one)
    crowd.is_untouched(*rest)
    crowd.stand.pass_ms(2_000)
    assert crowd.entered(began_ms) == []
    crowd.stand.sim("clock", offset_ms=0)
    crowd.ends()


@pytest.mark.chaos
def test_f22_a_request_outside_of_its_window(crowd: Crowd) -> None:
    one, *rest = crowd.held
    rule = crowd.rule("code:-1021", "POST", ORDER, times=2)
    crowd.costs(TIMEOUT_MS)
    crowd.closes(one)
    crowd.is_closed(one)
    crowd.other.fired(rule, times=2)
    crowd.is_untouched(*rest)
    crowd.ends()


@pytest.mark.parametrize(("route", "do"), DISTURBED)
def test_f24_to_f28_a_stream_is_disturbed(crowd: Crowd, route: str, do: str) -> None:
    """Orders go on or are gated, exits work, and what was missed is read again."""
    one, *rest = crowd.held
    crowd.costs(TIMEOUT_MS)
    crowd.stream(do, [route], for_ms=6_000)
    crowd.other.resume()
    crowd.closes(one)
    crowd.is_closed(one)
    crowd.stand.pass_ms(6_000)
    crowd.is_untouched(*rest)
    crowd.other.opened()
    crowd.ends()


@pytest.mark.parametrize("route", [chaos("public"), chaos("market"), "private"])
def test_f29_a_stream_is_dropped_again_and_again(crowd: Crowd, route: str) -> None:
    one, *rest = crowd.held
    crowd.costs(TIMEOUT_MS)
    crowd.other.resume()
    for _ in range(4):
        crowd.stream("drop", [route], for_ms=500)
        crowd.stand.pass_ms(1_500)
    crowd.closes(one)
    crowd.is_closed(one)
    crowd.is_untouched(*rest)
    crowd.other.opened()
    crowd.ends()


def test_f29_the_listen_key_expires(crowd: Crowd) -> None:
    one, *rest = crowd.held
    crowd.costs(1_000)  # the private sockets end so much later
    crowd.stand.sim("stream", do="expire_listen_key")
    crowd.other.resume()
    crowd.closes(one)
    crowd.is_closed(one)
    crowd.is_untouched(*rest)
    crowd.other.opened()
    crowd.ends()


@pytest.mark.parametrize(("factor", "for_ms"), [(10, 4_000), chaos(10, 60_000), chaos(100, 1_000)])
def test_f30_the_market_bursts(crowd: Crowd, factor: int, for_ms: int) -> None:
    """Snapshots wait once however many come, so nothing piles up; exits and entries that fall into it happen."""
    one, *rest = crowd.held
    crowd.costs(TIMEOUT_MS)  # who has to send so much, in a quarter of the time, is late himself
    began_ms = crowd.stand.now_ms()
    crowd.burst(factor, for_ms)
    crowd.closes(one)
    crowd.other.resume()
    assert crowd.most_waiting(began_ms + for_ms) < WAITING
    crowd.is_closed(one)
    crowd.other.opened()
    crowd.is_untouched(*rest)
    crowd.is_worked_off()
    crowd.ends()


@pytest.mark.parametrize("path", ["/fapi/v3/positionRisk", chaos("/fapi/v2/positionRisk")])
def test_f37_all_positions_are_denied(crowd: Crowd, path: str) -> None:
    rule = crowd.rule("json:[]", "GET", path)
    crowd.stand.pass_ms(15_000)
    crowd.other.fired(rule, times=3)
    crowd.is_untouched(*crowd.held)
    crowd.ends()


ZEROS = (
    'json:{"totalWalletBalance": "0", "totalUnrealizedProfit": "0", "totalMarginBalance": "0", "availableBalance": "0",'
    ' "totalInitialMargin": "0", "totalMaintMargin": "0", "totalPositionInitialMargin": "0",'
    ' "totalOpenOrderInitialMargin": "0", "totalCrossWalletBalance": "0", "totalCrossUnPnl": "0",'
    ' "maxWithdrawAmount": "0", "assets": [], "positions": []}'
)


@pytest.mark.parametrize("do", [ZEROS, chaos("json:{}"), chaos("json:[]")], ids=("zeros", "nothing", "a list"))
def test_f37_the_balance_is_zero(crowd: Crowd, do: str) -> None:
    """No position is closed for it."""
    rule = crowd.rule(do, "GET", "/fapi/v3/account")
    crowd.stand.pass_ms(12_000)
    crowd.other.fired(rule, times=2)
    crowd.is_untouched(*crowd.held)
    crowd.ends()


def test_f39_the_key_is_revoked(crowd: Crowd) -> None:
    """Nobody crashes and no storm begins; the stops rest, and what was ordered is done when the key is back."""
    one, *rest = crowd.held
    rule = crowd.rule("code:-2015")
    crowd.closes(one)
    crowd.other.resume()
    began_ms = crowd.stand.now_ms()
    crowd.stand.pass_ms(20_000)
    asked = crowd.stand.hits(rule)
    seconds = (crowd.stand.now_ms() - began_ms) / 1_000
    assert asked / seconds <= 20, f"{asked} requests in {seconds} s"
    crowd.is_untouched(*rest)
    assert crowd.stand.running.api("/livez")
    crowd.lift()
    crowd.is_closed(one)
    crowd.ends()
