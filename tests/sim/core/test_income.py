from __future__ import annotations

from decimal import Decimal

import pytest

from tests.kit.sim_market import book
from tests.sim.core.kit import BUY, SELL, SYMBOL, exchange, market_order, refused
from vortex.sim.core.commands import SetFunding
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import ListIncome, SimIncome


def traded() -> ExchangeCore:
    """In at 10, funding at 20, out at 30 with a gain of 1."""
    core = exchange()
    core.execute(10, market_order(BUY, "0.1"))
    core.obey(20, SetFunding(symbol=SYMBOL, rate=Decimal("0.001")))
    core.on_market(book(30, 600_101))
    core.execute(30, market_order(SELL, "0.1"))
    core.on_market(book(31, 600_000, symbol="ETHUSDT"))
    core.execute(40, market_order(SELL, "0.1", symbol="ETHUSDT"))
    return core


def rows(**fields: object) -> list[tuple[int, str, Decimal]]:
    answer = traded().execute(99, ListIncome(**fields))  # type: ignore[arg-type]  # a table of keyword arguments
    assert isinstance(answer, list)
    return [(row.ts_ms, row.kind, row.amount_usdt) for row in answer if isinstance(row, SimIncome)]


ALL = [
    (10, "COMMISSION", Decimal("-3.0000")),
    (20, "FUNDING_FEE", Decimal("-6.0000")),
    (30, "REALIZED_PNL", Decimal("1.0000")),
    (30, "COMMISSION", Decimal("-3.0005")),
    (40, "COMMISSION", Decimal("-2.999995")),
]


def test_every_change_of_the_wallet_is_told_in_order_of_time() -> None:
    assert rows() == ALL
    assert sum(amount for *_, amount in ALL) == Decimal(traded().ledger(0)["wallet_usdt"]) - 10_000


@pytest.mark.parametrize(
    ("fields", "chosen"),
    [
        ({"symbol": SYMBOL}, ALL[:4]),
        ({"kind": "COMMISSION"}, [ALL[0], ALL[3], ALL[4]]),
        ({"kind": "FUNDING_FEE", "symbol": "ETHUSDT"}, []),
        ({"start_ms": 20, "end_ms": 30}, ALL[1:4]),
        ({"limit": 2}, ALL[3:]),
        ({"start_ms": 0, "limit": 2}, ALL[:2]),
    ],
)
def test_some_of_them(fields: dict[str, object], chosen: list[tuple[int, str, Decimal]]) -> None:
    assert rows(**fields) == chosen


def test_ids_are_unique() -> None:
    answer = traded().execute(99, ListIncome())
    assert isinstance(answer, list)
    ids = [row.tran_id for row in answer if isinstance(row, SimIncome)]
    assert len(set(ids)) == len(ALL)


def test_unknown_filters() -> None:
    assert refused(exchange(), ListIncome(symbol="NOPE")) == -1121
    assert refused(exchange(), ListIncome(kind="GIFT")) == -1130
