"""Funding belongs to the trade that was open when it was settled: it is asked for before the trade's row is final."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from tests.domain.desk_rig import NO_SUCH_ORDER, Rig, closed
from tests.kit.builders import fill, symbol_state
from vortex.domain.desk.bracket import HOUR_MS
from vortex.domain.order import CancelOrder, Done, FundingState, PlaceOrder, QueryFunding, QuerySymbol
from vortex.domain.trade import CloseReason

PAID = Decimal("-1.25")


def flat(rig: Rig, *, over_an_hour: bool = False) -> Rig:
    """The open trade is closed; what rests of it is cancelled."""
    rig.desk.close(rig.bracket.trade_id, CloseReason.TIME_EXIT)
    leaving = rig.leaves(PlaceOrder)
    if over_an_hour:
        rig.wait(HOUR_MS)
    rig.done(rig.exit_filled(leaving.client_id))
    for _ in range(2):
        rig.leaves(CancelOrder)
        rig.answered(Done())
    rig.wait(300)
    return rig


def answered(rig: Rig, payments: int, amount: Decimal) -> None:
    """The funding is asked for, over the time the trade was open."""
    query = rig.leaves(QueryFunding)
    assert (query.since_ms, query.until_ms) == (rig.bracket.entry_fills[0].ts_ms, rig.bracket.exit_fills[-1].ts_ms)
    rig.answered(Done(value=FundingState(symbol=query.symbol, payments=payments, amount_usdt=amount)))


def test_a_trade_within_an_hour_asks_for_no_funding() -> None:
    rig = flat(Rig().guarded())
    assert closed(rig.notices()).bracket.funding_usdt is None
    rig.leaves(QuerySymbol)


def test_a_trade_over_a_full_hour_ends_with_its_funding() -> None:
    rig = flat(Rig().guarded(), over_an_hour=True)
    assert rig.notices() == []
    answered(rig, 1, PAID)
    assert closed(rig.notices()).bracket.funding_usdt == PAID
    assert rig.desk.bracket is None


def test_a_trade_over_a_full_hour_may_have_had_none() -> None:
    rig = flat(Rig().guarded(), over_an_hour=True)
    answered(rig, 0, Decimal(0))
    assert closed(rig.notices()).bracket.funding_usdt == 0


def test_funding_that_an_event_told_of_is_waited_for() -> None:
    rig = Rig().guarded()
    rig.desk.on_funding()
    flat(rig)
    answered(rig, 0, Decimal(0))
    assert rig.notices() == []  # the list lags behind the event
    rig.wait(300)
    answered(rig, 1, PAID)
    assert closed(rig.notices()).bracket.funding_usdt == PAID


def test_funding_that_never_shows_is_not_waited_for_for_ever() -> None:
    rig = Rig().guarded()
    rig.desk.on_funding()
    flat(rig)
    rig.wait(31_000)
    answered(rig, 0, Decimal(0))
    assert closed(rig.notices()).bracket.funding_usdt == 0


def test_a_question_about_funding_without_an_answer_is_asked_again() -> None:
    rig = flat(Rig().guarded(), over_an_hour=True)
    rig.leaves(QueryFunding)
    rig.answered(NO_SUCH_ORDER)
    rig.wait(1_000)
    while not isinstance(request := rig.any_leaves(), QueryFunding):
        if isinstance(request, QuerySymbol):
            rig.done(symbol_state(fills=rig.bracket.fills))
        rig.wait(300)
    assert rig.notices() == []


@pytest.mark.parametrize("heard", [True, False])
def test_an_open_trade_asks_for_nothing(heard: bool) -> None:  # noqa: FBT001  # a case
    rig = Rig().guarded()
    if heard:
        rig.desk.on_funding()
    assert rig.bracket.funding_span is None
    assert msgspec.structs.replace(rig.bracket, fills=(fill(),)).funding_span is None
