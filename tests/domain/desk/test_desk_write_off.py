"""A quantity that the exchange does not hold and will not reduce is written off in the end, and only then."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from tests.domain.desk_rig import NOTHING_TO_REDUCE, Rig
from tests.kit.builders import SETUP, symbol_state
from vortex.domain.desk.absence import LASTS_MS
from vortex.domain.desk.notices import Closed, Notice, WrittenOff
from vortex.domain.order import Done, ExchangeRequest, Outcome, PlaceOrder, PrepareSymbol, QuerySymbol
from vortex.domain.trade import CloseReason

MARK = Decimal(61_000)
STEP_MS = 500


def answer(rig: Rig, request: ExchangeRequest, amount: str) -> Outcome:
    """An exchange that knows the entry's execution, and says that so much is open."""
    if isinstance(request, PlaceOrder):
        return NOTHING_TO_REDUCE
    if isinstance(request, QuerySymbol):
        state = symbol_state(amount, fills=tuple(rig.bracket.entry_fills))
        return Done(value=replace(state, position=replace(state.position, mark_price=MARK)))
    return Done(value=SETUP) if isinstance(request, PrepareSymbol) else Done()


def refused_for(rig: Rig, duration_ms: int, amount: str = "0") -> list[Notice]:
    """Time passes while every exit is refused; what was told meanwhile."""
    told: list[Notice] = []
    until_ms = rig.now_ms + duration_ms
    while rig.now_ms < until_ms:
        if rig.desk.bracket is not None and (request := rig.any_leaves()) is not None:
            rig.answered(answer(rig, request, amount))
        rig.wait(STEP_MS)
        told += rig.notices()
    return told


@pytest.fixture
def leaving() -> Rig:
    rig = Rig().guarded()
    rig.desk.close(rig.bracket.trade_id, CloseReason.TIME_EXIT)
    rig.notices()
    return rig


def test_what_is_refused_for_a_minute_while_nothing_is_open_is_written_off_at_the_mark_price(leaving: Rig) -> None:
    trade_id = leaving.bracket.trade_id
    assert not any(isinstance(notice, WrittenOff | Closed) for notice in refused_for(leaving, LASTS_MS - 2 * STEP_MS))
    told = refused_for(leaving, 10_000)
    assert WrittenOff(trade_id=trade_id, quantity=Decimal("0.1")) in told
    (closed,) = (notice for notice in told if isinstance(notice, Closed))
    (gone,) = closed.bracket.exit_fills
    assert (closed.reason, gone.quantity, gone.price, gone.commission) == (
        CloseReason.EXTERNAL, Decimal("0.1"), MARK, Decimal(0),
    )  # fmt: skip


def test_what_the_exchange_still_holds_is_never_written_off(leaving: Rig) -> None:
    told = refused_for(leaving, 3 * LASTS_MS, amount="0.1")
    assert not any(isinstance(notice, WrittenOff | Closed) for notice in told)
    assert leaving.bracket.open_quantity == Decimal("0.1")
