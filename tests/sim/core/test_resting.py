from decimal import Decimal

import pytest
from msgspec import structs

from tests.kit.sim_market import book, mark, trade
from tests.sim.core.kit import ASK_TICKS, BUY, SELL, SYMBOL, exchange, limit_order, market_order, refused
from vortex.domain.order import OrderSide, OrderStatus
from vortex.sim.core.events import OrderPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.market import TradeEvent
from vortex.sim.core.types import AmendOrder, CancelOrderRequest, FindOrder, GetAccountInfo, SimAccount, SimOrder

NEW, PART, FILLED, CANCELED, EXPIRED = (
    OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED, OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED,
)  # fmt: skip


def place(
    core: ExchangeCore, side: OrderSide, quantity: str, price: str, tif: str = "GTC", **fields: object
) -> SimOrder:
    answer = core.execute(1, limit_order(side, quantity, price, tif, **fields))
    assert isinstance(answer, SimOrder)
    return answer


def find(core: ExchangeCore, client_id: str = "o") -> SimOrder:
    answer = core.execute(9, FindOrder(symbol=SYMBOL, client_id=client_id))
    assert isinstance(answer, SimOrder)
    return answer


def sold(ts_ms: int, ticks: int, lots: int) -> TradeEvent:
    """A seller took a bid."""
    return structs.replace(trade(ts_ms, ticks), quantity_lots=lots, buyer_is_maker=True)


def test_a_limit_order_takes_what_it_may_and_rests() -> None:
    core = exchange(lots=60)
    order = place(core, BUY, "0.2", "60000.1")
    assert (order.status, order.executed, order.quote) == (PART, Decimal("0.120"), Decimal("7200.006"))
    fills = core.ledger(2)["fills"]
    assert [(fill["maker"], fill["price"]) for fill in fills] == [(False, "60000.0"), (False, "60000.1")]


@pytest.mark.parametrize(
    ("tif", "price", "status", "executed"),
    [
        ("GTC", "59999", NEW, "0"),
        ("IOC", "60000", EXPIRED, "0.060"),
        ("IOC", "59999", EXPIRED, "0"),
        ("FOK", "60000.1", FILLED, "0.100"),
        ("GTX", "59999.9", NEW, "0"),
    ],
)
def test_time_in_force(tif: str, price: str, status: OrderStatus, executed: str) -> None:
    order = place(exchange(lots=60), BUY, "0.1", price, tif)
    assert (order.status, order.executed) == (status, Decimal(executed))


@pytest.mark.parametrize(
    ("tif", "price", "code"),
    [
        ("FOK", "60000", -5021),
        ("GTX", "60000", -5022),
        ("DAY", "60000", -1115),
        ("GTC", "59999.95", -4014),
        ("GTC", "63000.1", -4016),
        ("GTC", "0", -4001),
    ],
)
def test_a_limit_order_that_breaks_a_rule(tif: str, price: str, code: int) -> None:
    core = exchange(lots=60)
    assert refused(core, limit_order(BUY, "0.1", price, tif)) == code
    assert core.ledger(2)["orders"][0]["code"] == code


def test_a_sell_may_not_go_too_far_below_the_mark_price() -> None:
    assert refused(exchange(), limit_order(SELL, "0.1", "56999.9")) == -4024


def test_a_trade_through_the_price_executes_as_maker_a_trade_at_it_does_not() -> None:
    core = exchange()
    place(core, BUY, "0.1", "59990")
    core.on_market(sold(2, 599_900, 1_000))
    assert find(core).status is NEW
    core.on_market(structs.replace(sold(3, 599_899, 1_000), buyer_is_maker=False))
    assert find(core).status is NEW  # nobody sold
    core.on_market(sold(4, 599_899, 40))
    assert (find(core).status, find(core).executed) == (PART, Decimal("0.040"))
    core.on_market(sold(5, 599_000, 500))
    order = find(core)
    assert (order.status, order.quote) == (FILLED, Decimal(5999))
    assert [(row["maker"], Decimal(row["commission"])) for row in core.ledger(6)["fills"]] == [
        (True, Decimal("0.47992")),
        (True, Decimal("0.71988")),
    ]
    executions = [event.execution for event in core.drain() if isinstance(event, OrderPushed)]
    assert executions == ["NEW", "TRADE", "TRADE"]


def test_a_book_that_crosses_executes_what_it_offers_at_the_orders_price() -> None:
    core = exchange()
    place(core, BUY, "0.5", "59990", client_id="low")
    place(core, BUY, "0.05", "59995", client_id="high")
    place(core, SELL, "0.5", "60010", client_id="sell")
    core.on_market(book(2, 599_900, lots=100))  # asks from 59,990.0 on
    assert find(core, "high").quote == Decimal("0.05") * Decimal(59_995)  # its own price, before the lower one
    assert find(core, "low").executed == Decimal("0.050")
    assert find(core, "sell").status is NEW
    assert core.market(SYMBOL).asks[0] == (599_901, 100)


def test_resting_orders_hold_margin_until_they_are_gone() -> None:
    core = exchange(600)
    place(core, BUY, "0.1", "59000")
    account = core.execute(2, GetAccountInfo())
    assert isinstance(account, SimAccount)
    assert (account.available, account.order_margin) == (Decimal(305), Decimal(295))
    assert refused(core, market_order(BUY, "0.2", client_id="x")) == -2019
    core.execute(3, CancelOrderRequest(symbol=SYMBOL, client_id="o"))
    assert refused(core, limit_order(BUY, "0.3", "59000")) == -2019


def test_reduce_only_orders_never_add_up_to_more_than_the_position() -> None:
    core = exchange()
    core.execute(1, market_order(BUY, "0.1", client_id="in"))
    place(core, SELL, "0.06", "60100", reduce_only=True, client_id="a")
    assert place(core, SELL, "0.06", "60200", reduce_only=True, client_id="b").quantity == Decimal("0.040")
    assert refused(core, limit_order(SELL, "0.06", "60300", reduce_only=True)) == -2022
    core.drain()
    core.execute(2, market_order(SELL, "0.03", client_id="out", reduce_only=True))
    assert (find(core, "a").quantity, find(core, "b").quantity) == (Decimal("0.06"), Decimal("0.010"))
    amended = [e.order.client_id for e in core.drain() if isinstance(e, OrderPushed) and e.execution == "AMENDMENT"]
    assert amended == ["b"]
    core.execute(3, market_order(SELL, "0.5", client_id="flip"))
    assert [find(core, name).status for name in "ab"] == [EXPIRED, EXPIRED]


def amendment(quantity: str, price: str) -> AmendOrder:
    return AmendOrder(symbol=SYMBOL, side=BUY, quantity=Decimal(quantity), price=Decimal(price), client_id="o")


def test_an_amended_order_has_other_terms_and_may_execute() -> None:
    core = exchange()
    place(core, BUY, "0.1", "59000")
    core.execute(2, amendment("0.2", "59500"))
    assert (find(core).price, find(core).quantity, find(core).status) == (Decimal(59_500), Decimal("0.2"), NEW)
    assert refused(core, amendment("0.2", "59500")) == -5027
    assert refused(core, amendment("0.2", "59500.05")) == -4014
    assert refused(core, amendment("5", "59500")) == -2019
    core.execute(3, amendment("0.2", "60000"))
    assert find(core).status is FILLED
    assert refused(core, amendment("0.2", "59000")) == -2013


def test_an_amendment_to_less_than_was_executed_cancels() -> None:
    core = exchange(lots=60)
    place(core, BUY, "0.1", "60000")
    core.execute(2, amendment("0.06", "60000"))
    assert (find(core).status, find(core).executed) == (CANCELED, Decimal("0.060"))


def test_a_post_only_order_amended_into_the_book_is_cancelled() -> None:
    core = exchange()
    place(core, BUY, "0.1", "59000", "GTX")
    core.execute(2, amendment("0.1", "60000"))
    assert (find(core).status, find(core).executed) == (CANCELED, Decimal(0))


def test_at_most_200_orders_rest() -> None:
    core = exchange(1_000_000)
    for number in range(200):
        place(core, BUY, "0.01", "59000", client_id=f"o{number}")
    assert refused(core, limit_order(BUY, "0.01", "59000")) == -2025


def test_a_market_order_far_from_the_mark_price_is_refused_and_never_goes_beyond() -> None:
    core = exchange(lots=60)
    core.on_market(book(2, 631_000))
    assert refused(core, market_order(BUY, "0.1")) == -4131
    core.on_market(book(3, 629_999, lots=60))
    order = core.execute(3, market_order(BUY, "0.3"))
    assert isinstance(order, SimOrder)
    assert (order.status, order.executed) == (EXPIRED, Decimal("0.120"))  # 62,999.9 and 63,000.0
    core.on_market(mark(4, 62_000))
    assert core.market(SYMBOL).percent_limit(BUY) == Decimal("65100.00")
    assert ASK_TICKS
