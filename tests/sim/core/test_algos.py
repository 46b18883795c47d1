from decimal import Decimal
from typing import Any

import pytest

from tests.kit.sim_market import book, mark, trade
from tests.sim.core.kit import ASK_TICKS, BUY, SELL, STOP, SYMBOL, TAKE_PROFIT, algo, exchange, market_order, refused
from vortex.domain.order import AlgoStatus, OrderSide, OrderStatus
from vortex.sim.core.commands import StickTriggering
from vortex.sim.core.events import AlgoPushed
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.types import (
    CancelAlgoRequest,
    CancelOrderRequest,
    CoreRequest,
    FindAlgo,
    FindOrder,
    ListAlgos,
    ListPositions,
    NewAlgo,
    SimAlgo,
    SimOrder,
)


def long_position(quantity: str = "0.1") -> ExchangeCore:
    core = exchange()
    core.execute(1, market_order(BUY, quantity, client_id="entry"))
    core.drain()
    return core


def place(core: ExchangeCore, request: NewAlgo, now_ms: int = 2) -> SimAlgo:
    answer = core.execute(now_ms, request)
    assert isinstance(answer, SimAlgo)
    return answer


def find(core: ExchangeCore, client_id: str) -> SimAlgo:
    answer = core.execute(9, FindAlgo(client_id=client_id))
    assert isinstance(answer, SimAlgo)
    return answer


def statuses(core: ExchangeCore, client_id: str) -> list[str]:
    return [state.status for state in find(core, client_id).states]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (algo(SELL, STOP, "59000", symbol="NOPE"), -1121),
        (algo(SELL, "MARKET", "59000"), -1116),
        (algo(SELL, STOP, "59000", working_type="INDEX_PRICE"), -1102),
        (algo(SELL, STOP, "59000", client_id="x" * 37), -4015),
        (algo(SELL, STOP, "0"), -4006),
        (algo(SELL, STOP, "Infinity"), -1102),
        (algo(SELL, STOP, "1E+30"), -4007),
        (algo(SELL, STOP, "59000.05"), -4014),
        (algo(SELL, STOP, "59000", close_position=False), -1102),
        (algo(SELL, STOP, "59000", quantity=Decimal("0.0001"), reduce_only=True), -1111),
        (algo(SELL, STOP, "40000", quantity=Decimal("0.002")), -4164),
        (algo(SELL, STOP, "59000", quantity=Decimal("0.1"), close_position=True), -4137),
        (algo(BUY, STOP, "61000"), -4509),
        (algo(SELL, STOP, "60000"), -2021),
        (algo(SELL, TAKE_PROFIT, "60000"), -2021),
    ],
    ids=str,
)
def test_a_conditional_order_that_breaks_a_rule_is_refused_and_stays_on_record(request_: NewAlgo, code: int) -> None:
    core = long_position()
    assert refused(core, request_) == code
    rows = core.ledger(2)["algo_orders"]
    assert [(row["algo_id"], row["status"], row["code"]) for row in rows] == [(None, "REJECTED", code)]
    assert core.drain() == []
    assert core.execute(3, ListAlgos()) == []


def test_close_position_needs_a_position_to_close() -> None:
    assert refused(exchange(), algo(SELL, STOP, "59000")) == -4509


def test_one_close_position_order_of_a_kind_and_one_open_order_of_an_id() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s"))
    assert refused(core, algo(SELL, STOP, "58000", client_id="s2")) == -4130
    assert refused(core, algo(SELL, TAKE_PROFIT, "61000", client_id="s")) == -4116
    place(core, algo(SELL, TAKE_PROFIT, "61000", client_id="t"))
    core.execute(3, CancelAlgoRequest(client_id="s"))
    assert place(core, algo(SELL, STOP, "58000", client_id="s")).algo_id == 3
    assert core.execute(4, ListAlgos(symbol=SYMBOL)) == [find(core, "t"), find(core, "s")]


def test_a_stop_closes_the_position_and_ends_the_take_profit() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s"))
    place(core, algo(SELL, TAKE_PROFIT, "61000", client_id="t"))
    core.on_market(book(10, 589_000))
    core.on_market(mark(10, Decimal("59000.1")))
    assert statuses(core, "s") == ["NEW"]
    core.drain()
    core.on_market(mark(11, 59_000))
    assert statuses(core, "s") == ["NEW", "TRIGGERING", "TRIGGERED", "FINISHED"]
    assert statuses(core, "t") == ["NEW", "EXPIRED"]
    child = core.execute(12, FindOrder(symbol=SYMBOL, order_id=find(core, "s").child_order_id))
    assert isinstance(child, SimOrder)
    assert (child.client_id, child.reduce_only, child.close_position, child.executed) == (
        "s",
        True,
        True,
        Decimal("0.1"),
    )
    assert child.quote == Decimal("5889.99")
    assert core.execute(12, ListPositions()) == []
    pushed = [(event.algo.client_id, event.algo.status) for event in core.drain() if isinstance(event, AlgoPushed)]
    assert pushed == [
        ("s", AlgoStatus.TRIGGERING),
        ("s", AlgoStatus.TRIGGERED),
        ("t", AlgoStatus.EXPIRED),
        ("s", AlgoStatus.FINISHED),
    ]


def test_the_last_price_triggers_contract_price_orders_only() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="mark"))
    place(core, algo(SELL, STOP, "59500", client_id="last", quantity=Decimal("0.05"), reduce_only=True,
                     working_type="CONTRACT_PRICE"))  # fmt: skip
    core.on_market(mark(3, 59_400))
    assert statuses(core, "last") == ["NEW"]
    core.on_market(trade(4, 589_000))
    assert statuses(core, "last")[-1] == "FINISHED"
    assert statuses(core, "mark") == ["NEW"]


def test_what_an_earlier_order_of_the_same_price_ended_does_not_trigger() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="sized", quantity=Decimal("0.1"), reduce_only=True))
    place(core, algo(SELL, STOP, "59000", client_id="all"))
    core.on_market(mark(3, 59_000))
    assert statuses(core, "sized")[-1] == "FINISHED"
    assert statuses(core, "all") == ["NEW", "EXPIRED"]


def test_a_market_close_ends_the_close_position_orders() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s"))
    core.execute(3, market_order(SELL, "0.05", client_id="x"))
    assert find(core, "s").status is AlgoStatus.NEW
    core.execute(4, market_order(SELL, "0.2", client_id="y"))  # turns round: nothing left for a SELL to close
    assert statuses(core, "s") == ["NEW", "EXPIRED"]


def test_a_stop_without_a_book_finishes_with_the_position_open() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s"))
    core.on_market(book(3, ASK_TICKS, lots=1))
    core.on_market(mark(4, 58_000))
    assert statuses(core, "s")[-1] == "FINISHED"
    last = core.ledger(5)["timeline"][-1]
    assert (last["position_amt"], last["stop_working"]) == ("0.075", False)


def test_reduce_only_with_nothing_to_reduce_is_rejected_at_the_trigger() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s", quantity=Decimal("0.1"), reduce_only=True))
    core.execute(3, market_order(SELL, "0.1", client_id="x"))
    assert find(core, "s").status is AlgoStatus.NEW
    core.on_market(mark(4, 59_000))
    assert statuses(core, "s") == ["NEW", "TRIGGERING", "REJECTED"]
    assert find(core, "s").code == -2022


def test_an_opening_stop_needs_margin_when_it_triggers() -> None:
    core = exchange(304)
    place(core, algo(BUY, STOP, "60500", client_id="a", quantity=Decimal("0.1")))
    place(core, algo(BUY, STOP, "60500", client_id="b", quantity=Decimal("0.1")))
    core.on_market(mark(4, 60_500))
    assert statuses(core, "a")[-1] == "FINISHED"
    assert (statuses(core, "b")[-1], find(core, "b").code) == ("REJECTED", -2019)


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        (FindAlgo(client_id="?"), -2013),
        (FindAlgo(algo_id=9), -2013),
        (FindAlgo(), -1102),
        (CancelAlgoRequest(client_id="?"), -2011),
        (CancelAlgoRequest(algo_id=1), -2011),
        (ListAlgos(symbol="NOPE"), -1121),
    ],
    ids=str,
)
def test_an_unknown_or_final_conditional_order(request_: CoreRequest, code: int) -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000"))
    core.execute(3, CancelAlgoRequest(algo_id=1))
    assert refused(core, request_) == code


def stop_limit(price: str, **fields: Any) -> NewAlgo:
    return algo(SELL, "STOP", "59000", price=Decimal(price), quantity=Decimal("0.1"), reduce_only=True, **fields)


def test_a_stop_limit_rests_as_a_limit_order_until_it_is_filled() -> None:
    core = long_position()
    place(core, stop_limit("59500", client_id="s"))
    core.on_market(book(3, 590_000))
    core.on_market(mark(3, 59_000))
    assert statuses(core, "s") == ["NEW", "TRIGGERING", "TRIGGERED"]
    child = core.execute(4, FindOrder(symbol=SYMBOL, client_id="s"))
    assert isinstance(child, SimOrder)
    assert (child.kind, child.price, child.status, child.algo_id) == ("LIMIT", Decimal(59_500), OrderStatus.NEW, 1)
    assert refused(core, CancelAlgoRequest(client_id="s")) == -2011  # it is an ordinary order now
    core.on_market(trade(5, 595_001))
    assert statuses(core, "s") == ["NEW", "TRIGGERING", "TRIGGERED"]
    assert find(core, "s").executed == Decimal("0.010")
    core.on_market(book(6, 595_100))
    assert statuses(core, "s")[-1] == "FINISHED"
    assert (find(core, "s").executed, find(core, "s").quote) == (Decimal("0.1"), Decimal(5_950))


def test_a_cancelled_child_finishes_its_conditional_order() -> None:
    core = long_position()
    place(core, stop_limit("59500", client_id="s"))
    core.on_market(book(3, 590_000))
    core.on_market(mark(3, 59_000))
    core.execute(4, CancelOrderRequest(symbol=SYMBOL, client_id="s"))
    assert statuses(core, "s")[-1] == "FINISHED"
    assert find(core, "s").executed == 0


def test_a_child_that_the_book_does_not_allow_is_rejected() -> None:
    core = long_position()
    place(core, stop_limit("58000", client_id="s", time_in_force="GTX"))
    core.on_market(mark(3, 59_000))
    assert (statuses(core, "s")[-1], find(core, "s").code) == ("REJECTED", -5022)


@pytest.mark.parametrize(
    ("side", "prices", "triggered"),
    [
        (SELL, (60_600, 61_000, 60_695), True),
        (SELL, (60_600, 61_000, 60_696), False),
        (SELL, (60_400, 60_000, 59_000), False),  # never active
        (BUY, (59_400, 59_000, 59_295), True),
        (BUY, (59_400, 59_000, 59_294), False),
    ],
)
def test_a_trailing_stop_follows_from_its_activation_price_on(
    side: OrderSide, prices: tuple[int, ...], *, triggered: bool
) -> None:
    core = long_position() if side is SELL else exchange()
    start = Decimal(60_500 if side is SELL else 59_500)
    fields: dict[str, Any] = {"quantity": Decimal("0.1"), "callback_rate": Decimal("0.5"), "activation_price": start}
    place(core, algo(side, "TRAILING_STOP_MARKET", None, client_id="t", **fields))
    for ts_ms, price in enumerate(prices, start=3):
        core.on_market(mark(ts_ms, price))
    assert (statuses(core, "t")[-1] == "FINISHED") is triggered


def test_a_stuck_order_does_not_keep_another_from_its_place_but_its_id_is_taken() -> None:
    core = long_position()
    place(core, algo(SELL, STOP, "59000", client_id="s"))
    core.obey(3, StickTriggering(symbol=SYMBOL))
    assert refused(core, algo(SELL, STOP, "58000", client_id="s")) == -4116
    place(core, algo(SELL, STOP, "58000", client_id="s2"))
    core.execute(4, CancelAlgoRequest(client_id="s"))
    assert statuses(core, "s")[-1] == "CANCELED"


def test_at_most_ten_conditional_orders_of_a_symbol() -> None:
    core = long_position()
    for number in range(10):
        place(core, algo(SELL, STOP, "59000", client_id=f"s{number}", quantity=Decimal("0.01"), reduce_only=True))
    assert refused(core, algo(SELL, STOP, "59000")) == -4045
