"""What an exit that fails, and a preparation that is refused, lead to: more tries, at a slower pace, behind a stop."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
from msgspec.structs import replace

from tests.domain.desk_rig import NO_SUCH_ORDER, NOTHING_TO_REDUCE, TIMEOUT, Rig, closed, flattened
from tests.kit.builders import SELL, SETUP, algo_report, fill, order_report, symbol_state
from vortex.domain.desk.leg import LegState
from vortex.domain.desk.notices import Closed, ExitFailing, Failed, Reconciled
from vortex.domain.desk.planning import Lane
from vortex.domain.order import (
    Done,
    OrderKind,
    OrderStatus,
    PlaceOrder,
    PrepareSymbol,
    QueryOrder,
    QuerySymbol,
    Refused,
)
from vortex.domain.trade import CloseReason

NO_MARGIN = Refused(code=-2019, text="Margin is insufficient.")
SUSPENDED = Refused(code=-4400, text="Futures Trading Quantitative Rules violated.")


# ----------------------------------------------------------------------------- what fails after the risk manager's word


def refused_entry(rig: Rig) -> None:
    rig.entry_sent()
    rig.answered(NO_MARGIN)


def lost_entry(rig: Rig) -> None:
    """Nobody knows whether it arrived, until the exchange has denied it for long enough."""
    rig.entry_sent()
    rig.answered(TIMEOUT, after_ms=2_000)
    for _ in range(300):
        request = rig.any_leaves()
        if request is not None:
            rig.answered(Done(value=symbol_state()) if isinstance(request, QuerySymbol) else NO_SUCH_ORDER)
        if rig.desk.free:
            break
        rig.wait(50)


def expired_entry(rig: Rig) -> None:
    rig.done(order_report(rig.entry_sent(), OrderStatus.EXPIRED, "0"))


def refused_stop(rig: Rig) -> None:
    rig.filled()
    rig.notices()
    rig.leaves(PlaceOrder, Lane.STOP)
    rig.answered(SUSPENDED)
    rig.done(rig.exit_filled(rig.leaves(PlaceOrder, Lane.CLOSE).client_id))


@pytest.mark.parametrize(
    ("happens", "kind", "reason"),
    [
        (refused_entry, Failed, CloseReason.ORDER_REJECTED),
        (lost_entry, Failed, CloseReason.ORDER_REJECTED),
        (expired_entry, Failed, CloseReason.ORDER_EXPIRED),
        (refused_stop, Closed, CloseReason.PROTECTION_FAILED),
    ],
)
def test_a_granted_trade_that_comes_to_nothing_says_why(
    happens: Callable[[Rig], None], kind: type[Failed | Closed], reason: CloseReason
) -> None:
    rig = Rig()
    happens(rig)
    ending = rig.says(kind)
    assert ending.reason is reason


# ------------------------------------------------------------------------------------------------- exits that fail


def test_between_failing_exits_a_naked_position_gets_its_stop() -> None:
    rig = flattened(Rig().filled())
    assert rig.leaves(PlaceOrder).kind is OrderKind.MARKET
    rig.answered(NO_MARGIN)
    rig.wait(300)
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills))
    stop = rig.leaves(PlaceOrder, Lane.STOP)
    assert (stop.kind, stop.close_position) == (OrderKind.STOP_MARKET, True)
    rig.done(algo_report(stop.client_id))
    assert rig.bracket.protected
    rig.wait(1_000)
    assert rig.leaves(PlaceOrder, Lane.CLOSE).reduce_only


def test_what_the_exchange_calls_closed_gets_no_stop() -> None:
    rig = flattened(Rig().filled())
    rig.leaves(PlaceOrder)
    rig.answered(NOTHING_TO_REDUCE)
    rig.wait(300)
    rig.reads(symbol_state(fills=rig.bracket.fills))  # its executions are still to come
    assert rig.idle()
    rig.wait(1_000)
    assert rig.leaves(PlaceOrder).kind is OrderKind.MARKET


def test_a_doubt_is_settled_before_a_stop_is_placed() -> None:
    rig = flattened(Rig().filled())
    rig.leaves(PlaceOrder)
    rig.answered(NO_MARGIN)
    assert rig.idle()  # questions keep their distance
    rig.wait(300)
    rig.leaves(QuerySymbol)


def test_an_exit_that_works_needs_no_stop_beside_it() -> None:
    rig = flattened(Rig().filled())
    leaving = rig.leaves(PlaceOrder)
    working = order_report(leaving.client_id, OrderStatus.NEW, "0", side=SELL, order_id=9)
    rig.done(working)
    rig.wait(300)
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills, orders=(working,)))
    rig.wait(500)
    assert rig.idle()


def test_a_stop_of_which_nobody_knows_is_asked_for_between_failing_exits() -> None:
    rig = Rig().filled()
    stop = rig.leaves(PlaceOrder)
    rig.answered(TIMEOUT, after_ms=2_000)
    flattened(rig)
    assert rig.leaves(PlaceOrder).reduce_only
    rig.answered(NO_MARGIN)
    rig.wait(300)
    rig.reads(symbol_state("0.1", fills=rig.bracket.fills))
    assert rig.leaves(QueryOrder, Lane.STOP).client_id == stop.client_id


def failing(rig: Rig, seconds: int, refusal: Refused = SUSPENDED) -> list[tuple[int, PlaceOrder]]:
    """Refuse every order for a while; returns when which was sent."""
    sent, fills, began_ms = [], rig.bracket.fills, rig.now_ms
    while rig.now_ms < began_ms + seconds * 1_000:
        request = rig.any_leaves()
        if isinstance(request, QuerySymbol):
            resting = (algo_report(rig.bracket.stop.client_id),) if rig.bracket.protected else ()
            rig.done(symbol_state("0.1", fills=fills, algos=resting))
        elif isinstance(request, PlaceOrder):
            sent.append((rig.now_ms - began_ms, request))
            rig.answered(refusal)
        else:
            assert request is None
            rig.wait(50)
    return sent


def test_exits_go_on_for_ever_at_a_slower_pace_with_an_alarm() -> None:
    rig = flattened(Rig().guarded())
    sent = failing(rig, 600)
    assert {request.kind for _, request in sent} == {OrderKind.MARKET}
    times_ms = [at_ms for at_ms, _ in sent]
    pauses_ms = [later - earlier for earlier, later in pairwise(times_ms)]
    assert [pause // 100 for pause in pauses_ms[:2]] == [10, 10]
    assert all(5_000 <= pause <= 5_500 for pause in pauses_ms[2:])
    assert len(times_ms) > 100
    alarms = [notice for notice in rig.notices() if isinstance(notice, ExitFailing)]
    assert [alarm.tries for alarm in alarms] == list(range(3, len(times_ms)))
    assert alarms[0].detail.startswith("-4400")
    assert rig.bracket.protected
    assert rig.bracket.exit is not None
    assert rig.bracket.exit.former == ()  # what is journaled whole at each step does not grow


def test_a_lost_stop_is_replaced_while_exits_fail() -> None:
    rig = flattened(Rig().filled())
    sent = failing(rig, 30)
    stops = [request.client_id for _, request in sent if request.kind is OrderKind.STOP_MARKET]
    assert 4 <= len(stops) <= 8
    assert len(set(stops)) == len(stops)
    assert all(request.reduce_only or request.close_position for _, request in sent)


def test_a_replaced_stop_protects_and_closes_like_the_first() -> None:
    rig = flattened(Rig().filled())
    failing(rig, 10)
    while not rig.bracket.protected:
        rig.wait(50)
        request = rig.any_leaves()
        if isinstance(request, QuerySymbol):
            rig.done(symbol_state("0.1", fills=rig.bracket.fills))
        elif isinstance(request, PlaceOrder) and request.kind is OrderKind.STOP_MARKET:
            rig.done(algo_report(request.client_id))
        elif request is not None:
            rig.answered(SUSPENDED)
    stop = rig.bracket.stop
    assert stop.tries > 0
    rig.hears(rig.exit_filled(stop.client_id))
    assert closed(rig.notices()).reason is CloseReason.SL_HIT


def test_late_news_of_an_exit_that_was_replaced_do_not_end_the_next() -> None:
    rig = flattened(Rig().guarded())
    first = rig.leaves(PlaceOrder)
    half = fill(2, "0.04", side=SELL, client_id=first.client_id, order_id=9, at_ms=rig.now_ms)
    report = order_report(first.client_id, OrderStatus.EXPIRED, "0.04", side=SELL, order_id=9, caused_by=half)
    rig.done(report)
    rig.wait(1_000)
    second = rig.leaves(PlaceOrder)
    rig.hears(report)
    assert rig.bracket.exit is not None
    assert rig.bracket.exit.state is LegState.SENT
    rig.done(rig.exit_filled(second.client_id, "0.06", 3))
    assert closed(rig.notices()).reason is CloseReason.HALT


# ---------------------------------------------------------------------------------------------------- preparation


def refused_after(rig: Rig, times: int) -> list[int]:
    """Refuse the preparation this often; returns the pauses between the questions."""
    asked_ms: list[int] = []
    while len(asked_ms) < times:
        request = rig.any_leaves()
        if request is None:
            rig.wait(50)
            continue
        assert isinstance(request, PrepareSymbol | QuerySymbol)
        asked_ms.append(rig.now_ms)
        rig.answered(SUSPENDED, after_ms=0)
    return [later - earlier for earlier, later in pairwise(asked_ms)]


def test_a_refused_preparation_is_asked_for_less_and_less_often() -> None:
    rig = Rig()
    assert refused_after(rig, 8) == [600, 1_200, 2_400, 4_800, 9_600, 10_000, 10_000]
    rig.wait(10_000)
    rig.leaves(PrepareSymbol)
    rig.answered(Done(value=SETUP))
    rig.wait(300)
    rig.leaves(QuerySymbol)


def test_with_a_trade_to_guard_it_is_asked_for_more_often() -> None:
    assert max(refused_after(Rig(Rig().guarded().bracket), 8)) == 1_000


# ------------------------------------------------------------------------------------------------- rules that changed


def test_an_entry_that_is_refused_by_a_filter_has_the_rules_read_again_and_told() -> None:
    rig = Rig()
    rig.entry_sent()
    rig.answered(Refused(code=-1111, text="Precision is over the maximum defined for this asset."))
    assert rig.says(Failed).reason is CloseReason.ORDER_REJECTED
    asked: list[object] = []
    while not asked or not isinstance(asked[-1], PrepareSymbol):
        assert len(asked) < 5
        rig.wait(1_000)
        if (request := rig.any_leaves()) is not None:
            asked.append(request)
            coarser = replace(SETUP, rules=replace(SETUP.rules, tick_size=10 * SETUP.rules.tick_size))
            rig.answered(Done(value=coarser if isinstance(request, PrepareSymbol) else symbol_state()))
    assert rig.desk.setup is not None
    assert rig.desk.setup.rules.tick_size == 10 * SETUP.rules.tick_size
    assert any(isinstance(notice, Reconciled) for notice in rig.notices())


def test_executions_told_early_of_no_trade_of_ours_raise_no_question() -> None:
    rig = Rig().ready()
    rig.notices()
    rig.desk.on_announced(77, rig.now_ms)
    rig.wait(400)
    assert rig.notices() == []
    assert rig.desk.free
