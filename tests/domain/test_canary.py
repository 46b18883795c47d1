"""The canary: step by step, and under an exchange that loses, delays and denies what it likes."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from tests.domain.canary_rig import CLOSE_ID, FLAT, INTENT, LOST, NO_SUCH, RULES, STOP_ID, HostileExchange, shown
from vortex.domain.canary import (
    DEADLINE_MS,
    PAUSE_MS,
    Canary,
    CanaryRequest,
    Failed,
    Passed,
    Swept,
)
from vortex.domain.desk.bracket import MISSES_SPAN_MS
from vortex.domain.order import (
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    OrderKind,
    OrderSide,
    Outcome,
    PlaceOrder,
    QueryOrder,
    Refused,
    Unknown,
)


def fresh() -> Canary:
    return Canary.testing(INTENT, Decimal("61803.37"), RULES)


def asks(canary: Canary, now_ms: int) -> CanaryRequest:
    request = canary.plan(now_ms)
    assert request is not None
    return request


def step(canary: Canary, outcome: Outcome, now_ms: int = 0) -> CanaryRequest:
    """The next request, answered with this."""
    request = asks(canary, now_ms)
    canary.on_reply(request, outcome, now_ms)
    return request


def placed_stop(canary: Canary) -> PlaceOrder:
    """Both orders sent; the stop is accepted."""
    step(canary, FLAT)
    stop = asks(canary, 0)
    assert isinstance(stop, PlaceOrder)
    canary.on_reply(stop, shown(stop), 0)
    return stop


def test_a_good_exchange_passes_in_four_requests() -> None:
    canary = fresh()
    assert canary.verdict is None
    assert step(canary, FLAT) == PlaceOrder(
        symbol="BTCUSDT", client_id=CLOSE_ID, side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
        trigger_price=Decimal("43262.3"), close_position=True,
    )  # fmt: skip
    assert not canary.resting
    stop = asks(canary, 10)
    assert stop == PlaceOrder(
        symbol="BTCUSDT", client_id=STOP_ID, side=OrderSide.SELL, kind=OrderKind.STOP_MARKET,
        trigger_price=Decimal("43262.3"), quantity=Decimal("0.003"),  # 100 USDT at the trigger, rounded up
    )  # fmt: skip
    assert isinstance(stop, PlaceOrder)
    assert canary.plan(10) is None  # one at a time
    assert canary.resting
    canary.on_reply(stop, shown(stop), 20)
    assert step(canary, shown(stop), 30) == QueryOrder(symbol="BTCUSDT", client_id=STOP_ID, conditional=True)
    assert not canary.over
    assert step(canary, Done(), 40) == CancelOrder(symbol="BTCUSDT", client_id=STOP_ID, conditional=True)
    assert canary.over
    assert canary.verdict == Passed()
    assert canary.plan(50) is None


def test_it_says_beforehand_what_it_will_do() -> None:
    assert fresh().words == (
        "BTCUSDT: tests stops before the first entry: places SELL 0.003 at 43262.3, 30 % away, "
        "and cancels it within 2 s"
    )
    assert "removes" in Canary.sweeping(INTENT).words


def test_a_price_below_the_tick_still_has_a_trigger() -> None:
    request = Canary.testing(INTENT, Decimal("0.1"), RULES).plan(0)
    assert isinstance(request, PlaceOrder)
    assert request.trigger_price == Decimal("0.1")


@pytest.mark.parametrize("code", [-4120, -2015, -1021, -1003])
def test_another_refusal_of_the_first_order_fails_and_sends_no_second(code: int) -> None:
    canary = fresh()
    step(canary, Refused(code=code, text="said the exchange"))
    assert canary.verdict == Failed(f"the closePosition stop {CLOSE_ID} refused: {code} said the exchange")
    assert canary.over
    assert canary.plan(60_000) is None


def test_a_refusal_of_the_second_order_fails() -> None:
    canary = fresh()
    step(canary, FLAT)
    step(canary, Refused(code=-4120, text="use algo"))
    assert canary.verdict == Failed(f"the stop {STOP_ID} refused: -4120 use algo")
    assert canary.over


def test_no_position_is_an_answer_to_the_first_order_only() -> None:
    canary = fresh()
    step(canary, FLAT)
    step(canary, FLAT)
    assert isinstance(canary.verdict, Failed)


def test_a_close_position_order_that_is_accepted_is_removed_before_the_second() -> None:
    canary = fresh()
    close = asks(canary, 0)
    assert isinstance(close, PlaceOrder)
    canary.on_reply(close, shown(close), 0)
    assert isinstance(step(canary, Done()), CancelOrder)
    assert isinstance(canary.plan(0), PlaceOrder)
    assert canary.verdict is None


def test_an_accepted_stop_that_nobody_shows_fails_at_its_deadline_and_is_cancelled() -> None:
    canary = fresh()
    placed_stop(canary)
    for now_ms in range(0, DEADLINE_MS + 1, PAUSE_MS):
        assert isinstance(step(canary, NO_SUCH, now_ms), QueryOrder)
    assert canary.verdict is None
    late_ms = DEADLINE_MS + PAUSE_MS
    assert isinstance(step(canary, LOST, late_ms), CancelOrder)
    assert canary.verdict == Failed(f"the stop {STOP_ID} not cancelled within 2 s")
    assert canary.resting
    assert canary.plan(late_ms + PAUSE_MS - 1) is None
    assert isinstance(step(canary, NO_SUCH, late_ms + PAUSE_MS), QueryOrder)
    assert isinstance(step(canary, Done(), late_ms + 2 * PAUSE_MS), CancelOrder)
    assert canary.over


@pytest.mark.parametrize("field", ["trigger_price", "quantity", "side", "close_position", "kind"])
def test_a_stop_that_is_shown_otherwise_fails(field: str) -> None:
    canary = fresh()
    stop = placed_stop(canary)
    wrong = {
        "trigger_price": Decimal(1), "quantity": Decimal(2), "side": OrderSide.BUY, "close_position": True,
        "kind": OrderKind.TAKE_PROFIT_MARKET,
    }[field]  # fmt: skip
    report = shown(stop).value
    assert isinstance(report, AlgoReport)
    step(canary, Done(value=structs.replace(report, **{field: wrong})))
    assert canary.verdict == Failed(f"the stop {STOP_ID} is shown otherwise than it was sent")
    assert canary.resting
    assert isinstance(step(canary, Done(), PAUSE_MS), CancelOrder)
    assert canary.over


def test_an_unknown_placement_that_turns_out_to_rest_is_as_good_as_accepted() -> None:
    canary = fresh()
    step(canary, FLAT)
    stop = step(canary, LOST)
    assert isinstance(stop, PlaceOrder)
    assert isinstance(step(canary, shown(stop), PAUSE_MS), QueryOrder)
    assert isinstance(step(canary, Done(), PAUSE_MS), CancelOrder)
    assert canary.verdict == Passed()


def test_an_unknown_cancel_is_resolved_by_looking() -> None:
    canary = fresh()
    stop = placed_stop(canary)
    step(canary, shown(stop))
    assert isinstance(step(canary, LOST), CancelOrder)
    assert isinstance(step(canary, shown(stop, AlgoStatus.CANCELED), PAUSE_MS), QueryOrder)
    assert canary.verdict == Passed()
    assert canary.over


def test_evidence_that_comes_too_late_is_a_failure() -> None:
    canary = fresh()
    stop = placed_stop(canary)
    step(canary, shown(stop))
    cancel = asks(canary, 100)
    canary.on_reply(cancel, Done(), DEADLINE_MS + 1)
    assert canary.verdict == Failed(f"the stop {STOP_ID} not cancelled within 2 s")
    assert canary.over


def test_an_order_the_exchange_never_heard_of_is_gone_after_ten_seconds_of_denial() -> None:
    canary = fresh()
    step(canary, LOST)
    now_ms = 0
    while canary.resting:
        now_ms += PAUSE_MS
        refusal = Refused(code=-2011, text="Unknown order sent.")
        request = asks(canary, now_ms)
        canary.on_reply(request, NO_SUCH if isinstance(request, QueryOrder) else refusal, now_ms)
    assert now_ms >= MISSES_SPAN_MS
    assert canary.verdict == Failed(f"the closePosition stop {CLOSE_ID} not cancelled within 2 s")
    assert canary.over


def test_denials_with_a_sight_of_it_in_between_prove_nothing() -> None:
    canary = fresh()
    stop = placed_stop(canary)
    looks = 0
    for turn in range(1, 80):
        request = asks(canary, turn * PAUSE_MS)
        looks += isinstance(request, QueryOrder)
        sight = isinstance(request, QueryOrder) and looks % 8 == 0
        canary.on_reply(request, shown(stop) if sight else NO_SUCH, turn * PAUSE_MS)
    assert looks > 4 * 8
    assert canary.resting


def test_a_stop_that_triggers_is_a_failure_and_not_over_until_it_ended() -> None:
    canary = fresh()
    stop = placed_stop(canary)
    step(canary, shown(stop, AlgoStatus.TRIGGERED))
    assert canary.verdict == Failed(f"the stop {STOP_ID} triggered: TRIGGERED")
    assert canary.resting
    step(canary, Refused(code=-2011, text=""), PAUSE_MS)
    step(canary, shown(stop, AlgoStatus.FINISHED), 2 * PAUSE_MS)
    assert canary.over


@pytest.mark.parametrize("status", [AlgoStatus.CANCELED, AlgoStatus.EXPIRED, AlgoStatus.REJECTED])
def test_a_stop_that_ends_without_us_is_a_failure(status: AlgoStatus) -> None:
    canary = fresh()
    stop = placed_stop(canary)
    report = shown(stop, status).value
    assert isinstance(report, AlgoReport)
    canary.on_report(structs.replace(report, client_id="somebody"))
    assert canary.verdict is None
    canary.on_report(report)
    assert canary.verdict == Failed(f"the stop {STOP_ID} ended by itself: {status}")
    assert canary.over


def test_silence_that_the_exchange_asked_for_is_kept() -> None:
    canary = fresh()
    placed_stop(canary)
    step(canary, Refused(code=429, text="", retry_after_ms=7_000))
    assert canary.plan(6_999) is None
    assert canary.plan(7_000) is not None


def test_an_answer_to_something_else_is_ignored() -> None:
    canary = fresh()
    canary.on_reply(CancelOrder(symbol="BTCUSDT", client_id=CLOSE_ID, conditional=True), Done(), 0)
    assert canary.verdict is None
    assert isinstance(canary.plan(0), PlaceOrder)


def test_leftovers_are_swept_both_at_once() -> None:
    canary = Canary.sweeping(INTENT)
    assert canary.resting
    first, second = step(canary, Done()), step(canary, LOST)
    assert {first.client_id, second.client_id} == {CLOSE_ID, STOP_ID}
    assert canary.verdict is None
    for turn in range(1, 100):
        request = canary.plan(turn * PAUSE_MS)
        if request is not None:
            canary.on_reply(request, NO_SUCH, turn * PAUSE_MS)
        if canary.over:
            break
    assert canary.verdict == Swept()


def test_a_leftover_that_was_taken_for_gone_and_shows_up_is_cancelled() -> None:
    canary = Canary.sweeping(INTENT)
    now_ms = 0
    while not canary.over:
        step(canary, NO_SUCH, now_ms)
        now_ms += PAUSE_MS
    stop = fresh()
    step(stop, FLAT)
    order = asks(stop, 0)
    assert isinstance(order, PlaceOrder)
    report = shown(order).value
    assert isinstance(report, AlgoReport)
    canary.on_report(report)
    assert not canary.over
    step(canary, Done(), now_ms)
    assert canary.verdict == Swept()


def ordeal(canary: Canary, exchange: HostileExchange, random: Random, now_ms: int = 0, until_ms: int = 120_000) -> int:
    """Run until the canary is over; it never is while something may rest. Returns the time."""
    while not canary.over and now_ms < until_ms:
        request = canary.plan(now_ms)
        if request is not None:
            sent_ms = now_ms
            outcome = exchange.request(request, sent_ms)
            now_ms += random.randrange(2_000) if isinstance(outcome, Unknown) else random.randrange(100)
            canary.on_reply(request, outcome, now_ms)
        assert not (canary.over and exchange.may_rest)
        assert not isinstance(canary.verdict, Passed) or exchange.placed == 1
        now_ms += 100
    return now_ms


@settings(max_examples=300, deadline=None)
@given(seed=st.integers(0, 2**32), faults=st.integers(0, 30))
def test_in_the_end_nothing_rests(seed: int, faults: int) -> None:
    random = Random(seed)
    exchange = HostileExchange(random, faults)
    canary = fresh()
    ordeal(canary, exchange, random)
    assert canary.over
    assert not exchange.may_rest
    if faults == 0:
        assert canary.verdict == Passed()


@settings(max_examples=100, deadline=None)
@given(seed=st.integers(0, 2**32), stop_ms=st.integers(0, 5_000), faults=st.integers(0, 30))
def test_whatever_a_dead_process_left_is_swept(seed: int, stop_ms: int, faults: int) -> None:
    random = Random(seed)
    exchange = HostileExchange(random, faults)
    died_ms = ordeal(fresh(), exchange, random, until_ms=stop_ms)
    sweeper = Canary.sweeping(INTENT)
    ordeal(sweeper, exchange, random, now_ms=died_ms, until_ms=died_ms + 120_000)
    assert sweeper.verdict == Swept()
    assert not exchange.may_rest


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_an_exchange_that_never_behaves_is_never_believed(seed: int) -> None:
    random = Random(seed)
    exchange = HostileExchange(random, 10_000)
    canary = fresh()
    ordeal(canary, exchange, random, until_ms=30_000)
    assert canary.over or canary.verdict is None or isinstance(canary.verdict, Failed)
    assert canary.over is (canary.verdict is not None and not canary.resting)
