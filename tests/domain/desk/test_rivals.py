"""Two processes on one account find each other by the ids of their orders."""

from __future__ import annotations

import pytest

from tests.domain.money_builders import SYMBOL
from tests.kit.builders import algo_report, fill, order_report
from vortex.domain.client_id import OrderIds
from vortex.domain.desk.rivals import KEPT, Rivals
from vortex.domain.order import AlgoReport, OrderReport, OrderStatus


def name(epoch: int, number: int = 1, role: str = "E", account: str = "main") -> str:
    return f"v7-{account}-{SYMBOL}-{epoch}-{number}{role}"


def filled(client_id: str) -> OrderReport:
    return order_report(client_id, caused_by=fill(client_id=client_id))


@pytest.fixture
def rivals() -> Rivals:
    return Rivals(OrderIds("main", SYMBOL, epoch=2))


@pytest.mark.parametrize(
    ("report", "shows"),
    [
        (order_report(name(3), OrderStatus.NEW, "0"), True),
        (algo_report(name(3, role="S")), True),
        (filled(name(1)), True),
        (filled(name(2)), False),
        (filled(name(1, role="X")), False),
        (order_report(name(1), OrderStatus.NEW, "0"), False),
        (algo_report(name(1, role="S")), False),
        (filled(name(3, account="other")), False),
        (filled("web_1"), False),
    ],
)
def test_a_later_process_and_an_entry_that_was_never_ours_show_a_rival(
    rivals: Rivals,
    report: OrderReport | AlgoReport,
    shows: bool,  # noqa: FBT001  # a table
) -> None:
    assert rivals.seen_in((report,)) == (report.client_id if shows else None)


def test_an_entry_of_ours_before_this_process_shows_none_however_often_it_is_known(rivals: Rivals) -> None:
    rivals.know(name(1))
    for number in range(2, KEPT + 1):
        for _ in range(2):
            rivals.know(name(1, number))
    assert rivals.seen_in((filled(name(1)), filled(name(1, KEPT)))) is None
    rivals.know(name(1, KEPT + 1))
    assert rivals.seen_in((filled(name(1)),)) == name(1), "too old to be known"
