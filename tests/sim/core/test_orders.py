from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, spec
from tests.sim.core.kit import ASK_TICKS, BUY, SELL, SYMBOL, exchange, market_order, refused
from vortex.domain.order import OrderStatus
from vortex.sim.core.events import AccountPushed, OrderPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import (
    CancelOrderRequest,
    CoreRequest,
    FindOrder,
    ListFills,
    ListOrders,
    ListPositions,
    NewOrder,
    SimFill,
    SimOrder,
    SimPosition,
)


def place(core: ExchangeCore, request: NewOrder, now_ms: int = 1) -> SimOrder:
    answer = core.execute(now_ms, request)
    assert isinstance(answer, SimOrder)
    return answer


def held(core: ExchangeCore) -> list[SimPosition]:
    answer = core.execute(9, ListPositions(symbol=SYMBOL))
    return [row for row in answer if isinstance(row, SimPosition)] if isinstance(answer, list) else []


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (market_order(BUY, "0.1", symbol="NOPE"), -1121),
        (market_order(BUY, "0.1", kind="STOP_MARKET"), -4120),
        (market_order(BUY, "0.1", kind="TRAILING_STOP_MARKET"), -4120),
        (market_order(BUY, "0.1", kind="LIMIT"), -1102),
        (market_order(BUY, "0.1", kind="ICEBERG"), -1116),
        (market_order(BUY, "0.1", kind=""), -1102),
        (market_order(BUY, "0.1", close_position=True), -4136),
        (market_order(BUY, "0.1", price=Decimal(60_000)), -1106),
        (market_order(BUY, "0.1", time_in_force="GTC"), -1106),
        (market_order(BUY, "0.1", client_id=""), -4015),
        (market_order(BUY, "0.1", client_id="x" * 37), -4015),
        (market_order(BUY, "0.1", client_id="no spaces"), -4015),
        (market_order(BUY, None), -1102),
        (market_order(BUY, "NaN"), -1102),
        (market_order(BUY, "0"), -4003),
        (market_order(BUY, "-1"), -4003),
        (market_order(BUY, "0.0015"), -1111),
        (market_order(BUY, "0.001"), -4004),
        (market_order(BUY, "120.001"), -4005),
        (market_order(BUY, "1E+40"), -4005),
        (market_order(SELL, "0.1", reduce_only=True), -2022),
        (market_order(BUY, "60"), -2027),
        (market_order(BUY, "5"), -2019),
    ],
    ids=str,
)
def test_an_order_that_breaks_a_rule_is_refused_and_stays_on_record(request_: NewOrder, code: int) -> None:
    core = exchange()
    assert refused(core, request_) == code
    ledger = core.ledger(2)
    assert [(row["order_id"], row["status"], row["code"]) for row in ledger["orders"]] == [(None, "REJECTED", code)]
    assert [(row["event"], row["code"]) for row in ledger["timeline"]] == [("ORDER", str(code))]
    assert ledger["wallet_usdt"] == "10000"
    assert core.drain() == []


def test_smallest_notional_counts_for_what_opens_only() -> None:
    core = ExchangeCore([spec()], balance_usdt=Decimal(10_000))
    core.on_market(book(0, 400_000))
    assert refused(core, market_order(BUY, "0.002")) == -4164
    place(core, market_order(BUY, "0.01"))
    assert place(core, market_order(SELL, "0.002", reduce_only=True)).status is OrderStatus.FILLED


def test_margin_covers_notional_over_leverage_and_the_fee() -> None:
    # 0.1 at 60,000: 300 margin + 3 fee
    assert refused(exchange(302), market_order(BUY, "0.1")) == -2019
    assert place(exchange(303), market_order(BUY, "0.1")).status is OrderStatus.FILLED


def test_closing_needs_no_margin_but_turning_round_does() -> None:
    core = exchange(304)
    place(core, market_order(BUY, "0.1"))
    assert refused(core, market_order(SELL, "1")) == -2019
    assert place(core, market_order(SELL, "0.1")).status is OrderStatus.FILLED
    assert held(core) == []


def test_bracket_counts_the_position_that_would_stand() -> None:
    core = exchange(1_000_000, lots=60_000)
    place(core, market_order(BUY, "49"))
    assert refused(core, market_order(BUY, "2")) == -2027
    assert place(core, market_order(BUY, "0.5")).status is OrderStatus.FILLED


def test_a_duplicate_client_id_is_refused_while_the_order_is_open() -> None:
    core = exchange()
    place(core, market_order(BUY, "0.1"))
    assert place(core, market_order(BUY, "0.1")).order_id == 2  # the first one is final: the id is free again
    resting = SimOrder(
        order_id=None, client_id="open", symbol=SYMBOL, side=BUY, kind="MARKET", quantity=Decimal(1),
        reduce_only=False, close_position=False, status=OrderStatus.NEW, received_ms=1, updated_ms=1,
    )  # fmt: skip
    core._floor.enter_order(1, resting)
    assert refused(core, market_order(BUY, "0.1", client_id="open")) == -4116
    assert core.execute(2, ListOrders()) == [resting]
    cancelled = core.execute(3, CancelOrderRequest(symbol=SYMBOL, client_id="open"))
    assert isinstance(cancelled, SimOrder)
    assert cancelled.status is OrderStatus.CANCELED
    assert core.execute(4, ListOrders(symbol=SYMBOL)) == []


def test_a_market_order_walks_the_book_one_fill_a_level() -> None:
    core = exchange(lots=60)
    order = place(core, market_order(BUY, "0.1"))
    assert (order.status, order.executed, order.quote) == (OrderStatus.FILLED, Decimal("0.1"), Decimal("6000.004"))
    assert [state.status for state in order.states] == ["NEW", "PARTIALLY_FILLED", "FILLED"]
    fills = core.execute(2, ListFills(symbol=SYMBOL))
    assert isinstance(fills, list)
    first, second = (fill for fill in fills if isinstance(fill, SimFill))
    assert (first.price, first.quantity, first.commission) == (Decimal(60_000), Decimal("0.060"), Decimal("1.8"))
    assert (second.price, second.quantity, second.maker) == (Decimal("60000.1"), Decimal("0.040"), False)


def test_what_the_book_does_not_hold_expires() -> None:
    core = exchange(lots=2)
    order = place(core, market_order(BUY, "0.1"))
    assert (order.status, order.executed) == (OrderStatus.EXPIRED, Decimal("0.05"))
    nothing = place(core, market_order(BUY, "0.1"))
    assert (nothing.status, nothing.executed) == (OrderStatus.EXPIRED, Decimal(0))
    core.on_market(book(2, ASK_TICKS, lots=100))
    assert place(core, market_order(BUY, "0.1"), 3).status is OrderStatus.FILLED


def test_without_any_price_an_order_expires() -> None:
    core = ExchangeCore([spec()], balance_usdt=Decimal(10_000))
    assert place(core, market_order(BUY, "0.1")).status is OrderStatus.EXPIRED


def test_reduce_only_is_cut_to_the_position() -> None:
    core = exchange()
    place(core, market_order(SELL, "0.1"))
    assert refused(core, market_order(SELL, "0.1", reduce_only=True)) == -2022
    order = place(core, market_order(BUY, "0.5", reduce_only=True))
    assert (order.quantity, order.status) == (Decimal("0.1"), OrderStatus.FILLED)
    assert held(core) == []


def test_what_is_pushed_comes_in_the_order_in_which_it_happened() -> None:
    core = exchange(lots=60)
    place(core, market_order(BUY, "0.1"))
    seen: list[Any] = []
    for event in core.drain():
        if isinstance(event, OrderPushed):
            seen.append((event.order.status.value, event.fill.quantity if event.fill else None))
        elif isinstance(event, AccountPushed):
            seen.append(event.positions[0].amount)
    small, large = Decimal("0.060"), Decimal("0.100")
    assert seen == [("NEW", None), small, ("PARTIALLY_FILLED", small), large, ("FILLED", Decimal("0.040"))]
    assert core.drain() == []


def test_an_answer_does_not_change_afterwards() -> None:
    core = exchange()
    place(core, market_order(BUY, "0.1"))
    new = core.drain()[0]
    assert isinstance(new, OrderPushed)
    assert (new.order.status, new.order.executed, len(new.order.states)) == (OrderStatus.NEW, Decimal(0), 1)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (FindOrder(symbol=SYMBOL, client_id="?"), -2013),
        (FindOrder(symbol=SYMBOL, order_id=9), -2013),
        (FindOrder(symbol="ETHUSDT", order_id=1), -2013),
        (FindOrder(symbol=SYMBOL), -1102),
        (FindOrder(symbol="NOPE", order_id=1), -1121),
        (CancelOrderRequest(symbol=SYMBOL, client_id="?"), -2011),
        (CancelOrderRequest(symbol=SYMBOL, order_id=1), -2011),
        (CancelOrderRequest(symbol=SYMBOL), -1102),
        (ListOrders(symbol="NOPE"), -1121),
    ],
    ids=str,
)
def test_an_unknown_or_final_order(request_: CoreRequest, code: int) -> None:
    core = exchange()
    place(core, market_order(BUY, "0.1"))
    assert refused(core, request_) == code


def test_an_order_is_found_by_either_id() -> None:
    core = exchange()
    order = place(core, market_order(BUY, "0.1", client_id="mine"))
    assert core.execute(2, FindOrder(symbol=SYMBOL, client_id="mine")) == order
    assert core.execute(2, FindOrder(symbol=SYMBOL, order_id=order.order_id)) == order
