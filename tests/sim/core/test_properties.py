"""What must hold after any sequence of requests, prices and commands."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.sim_market import book, mark, trade
from tests.sim.core.kit import BUY, SELL, SYMBOL, algo, exchange, limit_order, market_order
from vortex.domain.order import Side
from vortex.sim.core.commands import (
    CoreCommand,
    ExpireAlgo,
    ForceAdl,
    PersonCancelsStop,
    PersonCloses,
    PersonOpens,
    RejectOnTrigger,
    SetFunding,
    StickTriggering,
    Vanish,
)
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.core.triggers import CLOSING_KINDS, KINDS, LIMIT_KINDS, TRAILING_STOP_MARKET
from vortex.sim.core.types import (
    AdjustMargin,
    AmendOrder,
    CancelAlgoRequest,
    CancelOrderRequest,
    ChangeLeverage,
    CoreRequest,
    FindAlgo,
    FindOrder,
    GetAccountInfo,
    ListFills,
    ListIncome,
    ListOrderHistory,
    ListPositions,
    NewAlgo,
    NewOrder,
    RequestRefused,
    SetCountdown,
)

EPSILON = Decimal("1e-12")
START = 10_000

Step = Callable[[ExchangeCore, int], None]


def ask(request: CoreRequest) -> Step:
    def step(core: ExchangeCore, now_ms: int) -> None:
        with suppress(RequestRefused):  # anything else that is raised fails the test
            core.execute(now_ms, request)

    return step


def command(order: CoreCommand) -> Step:
    def step(core: ExchangeCore, now_ms: int) -> None:
        with suppress(ValueError):
            core.obey(now_ms, order)

    return step


def move(ticks: int, lots: int) -> Step:
    def step(core: ExchangeCore, now_ms: int) -> None:
        core.on_market(book(now_ms, ticks, lots=lots))
        core.on_market(trade(now_ms, ticks))
        core.on_market(mark(now_ms, Decimal(ticks) / 10))

    return step


def order(side: Any, lots: int, *, reduce_only: bool, client_id: str) -> NewOrder:
    return market_order(side, str(Decimal(lots) / 1000), reduce_only=reduce_only, client_id=client_id)


def limit(side: Any, lots: int, ticks: int, time_in_force: str, *, reduce_only: bool, client_id: str) -> NewOrder:
    quantity, price = str(Decimal(lots) / 1000), str(Decimal(ticks) / 10)
    return limit_order(side, quantity, price, time_in_force, reduce_only=reduce_only, client_id=client_id)


def amend(side: Any, lots: int, ticks: int, client_id: str) -> AmendOrder:
    quantity, price = Decimal(lots) / 1000, Decimal(ticks) / 10
    return AmendOrder(symbol=SYMBOL, side=side, quantity=quantity, price=price, client_id=client_id)


def conditional(side: Any, kind: str, ticks: int, lots: int, client_id: str) -> NewAlgo:
    closes = not lots and kind in CLOSING_KINDS
    fields: dict[str, Any] = {} if closes else {"quantity": Decimal(lots) / 1000, "reduce_only": lots % 2 == 0}
    if kind in LIMIT_KINDS:
        fields["price"] = Decimal(ticks) / 10
    if kind == TRAILING_STOP_MARKET:
        return algo(side, kind, None, client_id=client_id, callback_rate=Decimal("0.5"), **fields)
    return algo(side, kind, str(Decimal(ticks) / 10), client_id=client_id, **fields)


def of_symbol(kind: Any, **fields: Any) -> Any:
    return st.builds(kind, symbol=st.just(SYMBOL), **fields)


SIDES, KIND, IDS = st.sampled_from([BUY, SELL]), st.sampled_from(KINDS), st.sampled_from("abc")
TIFS = st.sampled_from(["GTC", "IOC", "FOK", "GTX"])
TICKS = st.integers(590_000, 610_000)
LOTS = st.integers(0, 3_000)
QUANTITY = st.integers(0, 500).map(lambda lots: Decimal(lots) / 1000)
COMMANDS = st.one_of(
    of_symbol(SetFunding, rate=st.integers(-100, 100).map(lambda bps: Decimal(bps) / 10_000)),
    of_symbol(ForceAdl, quantity=QUANTITY),
    of_symbol(StickTriggering),
    of_symbol(Vanish),
    of_symbol(RejectOnTrigger),
    of_symbol(ExpireAlgo),
    of_symbol(PersonOpens, side=st.sampled_from(Side), quantity=QUANTITY),
    of_symbol(PersonCloses),
    of_symbol(PersonCancelsStop),
)
REQUESTS = st.one_of(
    st.builds(order, SIDES, LOTS, reduce_only=st.booleans(), client_id=IDS),
    st.builds(limit, SIDES, LOTS, TICKS, TIFS, reduce_only=st.booleans(), client_id=IDS),
    st.builds(amend, SIDES, LOTS, TICKS, IDS),
    of_symbol(CancelOrderRequest, client_id=IDS),
    st.builds(conditional, SIDES, KIND, TICKS, st.integers(0, 50), IDS),
    st.builds(CancelAlgoRequest, client_id=IDS),
    of_symbol(ChangeLeverage, leverage=st.integers(0, 130)),
    of_symbol(AdjustMargin, amount_usdt=st.integers(-50, 50).map(Decimal)),
    of_symbol(SetCountdown, after_ms=st.integers(0, 5)),
)
STEPS = st.lists(
    st.one_of(
        st.builds(ask, REQUESTS),
        st.builds(ask, REQUESTS),
        st.builds(move, TICKS, st.integers(1, 500)),
        st.builds(command, COMMANDS),
    ),
    max_size=30,
)


def run(steps: list[Step], core: ExchangeCore | None = None, start_ms: int = 0) -> ExchangeCore:
    core = core or exchange(START)
    for now_ms, step in enumerate(steps, start=start_ms + 1):
        step(core, now_ms)
    return core


def total(rows: list[dict[str, Any]], name: str) -> Decimal:
    return sum((Decimal(row[name]) for row in rows), Decimal(0))


def signed(fill: dict[str, Any]) -> Decimal:
    return Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1)


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_money_and_position_follow_from_the_fills(steps: list[Step]) -> None:
    core = run(steps)
    ledger = core.ledger(99)
    fills, funding = ledger["fills"], ledger["funding"]
    expected = START + total(fills, "realized_pnl") - total(fills, "commission") + total(funding, "amount_usdt")
    assert abs(Decimal(ledger["wallet_usdt"]) - expected) < EPSILON
    assert sum(map(signed, fills), Decimal(0)) == total(ledger["positions"], "position_amt")
    forced = {row["order_id"] for row in ledger["orders"] if row["type"] == "LIQUIDATION"}
    for fill in fills:
        rate = Decimal("0.0002") if fill["maker"] else Decimal("0.0005")
        fee = Decimal(fill["qty"]) * Decimal(fill["price"]) * rate
        assert fill["order_id"] in forced or abs(Decimal(fill["commission"]) - fee) < EPSILON
    income = core.execute(99, ListIncome(limit=1_000))
    assert isinstance(income, list)
    booked = sum((getattr(row, "amount_usdt") for row in income), Decimal(0))  # noqa: B009  # one kind of many in a list
    assert abs(Decimal(ledger["wallet_usdt"]) - START - booked) < EPSILON
    executed = {row["order_id"]: Decimal(row["executed_qty"]) for row in ledger["orders"]}
    for order_id, quantity in executed.items():
        assert quantity == total([fill for fill in fills if fill["order_id"] == order_id], "qty")


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_reduce_only_never_increases(steps: list[Step]) -> None:
    ledger = run(steps).ledger(99)
    reducing = {row["order_id"] for row in ledger["orders"] if row["reduce_only"]}
    position = Decimal(0)
    for fill in ledger["fills"]:
        before, position = position, position + signed(fill)
        if fill["order_id"] in reducing:
            assert abs(position) < abs(before)
            assert before * position >= 0


@settings(max_examples=80, deadline=None)
@given(STEPS, st.integers(-5_000, 5_000), st.integers(1, 500))
def test_a_liquidation_costs_at_most_the_isolated_margin(steps: list[Step], bps: int, lots: int) -> None:
    core = run(steps)
    held = {row["symbol"]: row for row in core.ledger(98)["positions"]}
    fills = len(core.ledger(98)["fills"])
    ticks = 600_000 * (10_000 + bps) // 10_000
    core.on_market(book(99, ticks, lots=lots))
    core.on_market(mark(99, Decimal(ticks) / 10))
    ledger = core.ledger(99)
    forced = {row["order_id"] for row in ledger["orders"] if row["client_id"].startswith("autoclose-")}
    closed = [fill for fill in ledger["fills"][fills:] if fill["order_id"] in forced]
    if closed and SYMBOL in held and not any(fill["order_id"] not in forced for fill in ledger["fills"][fills:]):
        cost = total(closed, "commission") - total(closed, "realized_pnl")
        assert cost <= Decimal(held[SYMBOL]["isolated_wallet_usdt"]) + EPSILON
        assert ledger["positions"] == []
        assert [row["event"] for row in ledger["timeline"]].count("LIQUIDATION") >= 1


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_the_timeline_agrees_with_the_orders_it_tells_of(steps: list[Step]) -> None:
    ledger = run(steps).ledger(99)
    position, resting = Decimal(0), set[str]()
    stops = {str(row["algo_id"]): row for row in ledger["algo_orders"] if row["type"] == "STOP_MARKET"}
    vanished = [row["ts_ms"] for row in ledger["timeline"] if row.get("do") == "vanish"]
    for entry in ledger["timeline"]:
        if entry["event"] == "FILL":
            position += signed(entry)
        if entry["event"] == "ALGO" and entry.get("algo_id") in stops:
            alive = entry["status"] in ("NEW", "TRIGGERING", "TRIGGERED")
            (resting.add if alive else resting.discard)(entry["algo_id"])
        working = any(_protects(stops[algo_id], position) for algo_id in resting)
        assert Decimal(entry["position_amt"]) == position
        assert entry["stop_working"] is working or (vanished and entry["ts_ms"] >= vanished[0])


def _protects(stop: dict[str, Any], position: Decimal) -> bool:
    closing = "SELL" if position > 0 else "BUY"
    covers = stop["close_position"] or Decimal(stop["qty"]) >= abs(position)
    return bool(position) and stop["side"] == closing and covers


QUESTIONS: tuple[CoreRequest, ...] = (
    *(FindOrder(symbol=SYMBOL, client_id=client_id) for client_id in "abc"),
    *(FindAlgo(client_id=client_id) for client_id in "abc"),
    ListOrderHistory(symbol=SYMBOL),
    ListOrderHistory(symbol=SYMBOL, conditional=True),
    ListFills(symbol=SYMBOL),
    ListIncome(),
)


@settings(max_examples=50, deadline=None)
@given(STEPS, STEPS)
def test_the_same_calls_give_the_same_ledger_also_across_a_restart(before: list[Step], after: list[Step]) -> None:
    through = run(after, run(before), start_ms=100)
    rows: list[FinalRow] = []
    stopped, restarted = exchange(START), exchange(1)
    stopped.record_to(rows.append)
    run(before, stopped)
    restarted.restore(stopped.dump(), rows)
    for symbol in restarted.specs:  # the market is not part of the state: give it back as it was
        was, now = stopped.market(symbol), restarted.market(symbol)
        now.bids, now.asks, now.mark, now.last = was.bids, was.asks, was.mark, was.last
    assert restarted.ledger(99) == stopped.ledger(99)
    assert run(after, restarted, start_ms=100).ledger(999) == through.ledger(999)
    assert restarted.dump() == through.dump()
    for question in QUESTIONS:
        assert outcome(restarted, question) == outcome(through, question)


@settings(max_examples=50, deadline=None)
@given(STEPS, STEPS)
def test_a_late_answer_is_that_of_then(before: list[Step], after: list[Step]) -> None:
    core = run(before)
    core.execute(50, ChangeLeverage(symbol="ETHUSDT", leverage=20))
    questions = (*QUESTIONS, ListPositions())
    then = [outcome(core, question, 50) for question in questions]
    wallet = core.ledger(50)["wallet_usdt"]
    run(after, core, start_ms=100)
    for symbol in core.specs:  # positions are valued at the present mark price: give it back as it was
        core.market(symbol).mark = mark(0, 60_000)
    late = [outcome(core, question, 1_000, lag_ms=1_000 - 50) for question in questions]
    assert late[:-1] == then[:-1]
    assert _amounts(late[-1]) == _amounts(then[-1])
    account = core.execute(1_000, GetAccountInfo(), lag_ms=1_000 - 50)
    assert f"{getattr(account, 'wallet', None):f}" == wallet


def _amounts(positions: Any) -> list[tuple[Any, ...]]:
    return [(row.symbol, row.amount, row.entry_price, row.isolated_wallet) for row in positions]


def outcome(core: ExchangeCore, request: CoreRequest, now_ms: int = 1_000, *, lag_ms: int = 0) -> object:
    try:
        return core.execute(now_ms, request, lag_ms=lag_ms)
    except RequestRefused as refused:
        return refused.code
