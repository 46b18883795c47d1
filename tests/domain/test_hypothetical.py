from __future__ import annotations

from decimal import Decimal

import pytest

from tests.domain.money_builders import NOW, book, decision, request
from vortex.domain.hypothetical import MOST_OPEN, Hypotheticals, merged
from vortex.domain.market import Book
from vortex.domain.order import Side
from vortex.domain.risk.gates import evaluate
from vortex.domain.risk.params import RiskParams
from vortex.domain.risk.request import BracketFigures
from vortex.domain.trade import Strategy


def figures(side: Side = Side.LONG) -> BracketFigures:
    found = evaluate(request(decision=decision(side)), RiskParams()).figures
    assert found is not None
    return found


def at(price: float, *, ms: int = NOW + 1_000) -> Book:
    return book(bids=((price, 1.0),), asks=((price + 0.1, 1.0),), at_ms=ms)


def followed(side: Side, *books: Book) -> Hypotheticals:
    made = Hypotheticals()
    made.follow(Strategy.A, "RR_LOW", figures(side), NOW)
    for each in books:
        made.see_book(each)
    return made


@pytest.mark.parametrize(("side", "price", "won"), [
    (Side.LONG, 60_253.8, True), (Side.LONG, 59_915.4, False),
    (Side.SHORT, 59_746.0, True), (Side.SHORT, 60_084.5, False),
])  # fmt: skip
def test_it_ends_at_stop_or_target(side: Side, price: float, won: bool) -> None:  # noqa: FBT001  # a case
    (each,) = followed(side, at(60_000.0), at(price)).ended()
    assert (each.count, each.wins) == (1, int(won))
    wanted = figures(side)
    if won:
        gross = abs(wanted.tp_price - wanted.entry)
        assert each.net_bp == pytest.approx(10_000 * (gross - wanted.cost_tp) / wanted.entry)
        assert each.net_r == pytest.approx(wanted.rr_net)
    else:
        assert each.net_r <= -1


def test_a_gap_through_the_stop_costs_what_it_costs() -> None:
    (each,) = followed(Side.LONG, at(59_000.0)).ended()
    assert each.net_r < Decimal(-6)


def test_time_ends_it_at_the_price_of_then() -> None:
    made = followed(Side.LONG, at(60_001.0, ms=NOW + 1_799_999))
    assert made.ended() == ()
    made.see_book(at(60_001.0, ms=NOW + 1_800_000))
    (each,) = made.ended()
    assert each.wins == 0
    made.see_book(at(70_000.0))
    assert made.ended() == (each,)


def test_a_book_without_a_side_tells_nothing_and_there_is_a_limit() -> None:
    made = followed(Side.LONG, book(bids=()), book(asks=()), at(float("nan")), at(float("inf")), at(-1.0))
    assert made.ended() == ()
    for _ in range(20):
        made.follow(Strategy.A, "RR_LOW", figures(), NOW)
    made.see_book(at(60_300.0))
    assert made.ended()[0].count == MOST_OPEN


def test_symbols_add_up() -> None:
    one, other = followed(Side.LONG, at(60_300.0)).ended(), followed(Side.LONG, at(59_900.0)).ended()
    (total,) = merged((one, other, ()))
    assert (total.count, total.wins) == (2, 1)
    assert total.net_bp == one[0].net_bp + other[0].net_bp
    assert total.net_r == one[0].net_r + other[0].net_r
