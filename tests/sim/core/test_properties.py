"""What must hold after any sequence of requests and prices."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.kit.sim_market import book, mark
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, TAKE_PROFIT, algo, exchange, market_order
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.history import FinalRow
from vortex.sim.core.types import (
    CancelAlgoRequest,
    ChangeLeverage,
    CoreRequest,
    FindAlgo,
    FindOrder,
    NewAlgo,
    NewOrder,
    RequestRefused,
)

EPSILON = Decimal("1e-12")
START = 10_000

Step = Callable[[ExchangeCore, int], None]


def ask(request: CoreRequest) -> Step:
    def step(core: ExchangeCore, now_ms: int) -> None:
        with suppress(RequestRefused):  # anything else that is raised fails the test
            core.execute(now_ms, request)

    return step


def move(ticks: int, lots: int) -> Step:
    def step(core: ExchangeCore, now_ms: int) -> None:
        core.on_market(book(now_ms, ticks, lots=lots))
        core.on_market(mark(now_ms, Decimal(ticks) / 10))

    return step


def order(side: Any, lots: int, *, reduce_only: bool, client_id: str) -> NewOrder:
    return market_order(side, str(Decimal(lots) / 1000), reduce_only=reduce_only, client_id=client_id)


def conditional(side: Any, kind: Any, ticks: int, lots: int, client_id: str) -> NewAlgo:
    sized = {"quantity": Decimal(lots) / 1000, "reduce_only": lots % 2 == 0} if lots else {}
    return algo(side, kind, str(Decimal(ticks) / 10), client_id=client_id, **sized)


SIDES, KINDS, IDS = st.sampled_from([BUY, SELL]), st.sampled_from([STOP, TAKE_PROFIT]), st.sampled_from("abc")
TICKS = st.integers(590_000, 610_000)
STEPS = st.lists(
    st.one_of(
        st.builds(ask, st.builds(order, SIDES, st.integers(0, 3_000), reduce_only=st.booleans(), client_id=IDS)),
        st.builds(ask, st.builds(conditional, SIDES, KINDS, TICKS, st.integers(0, 50), IDS)),
        st.builds(ask, st.builds(CancelAlgoRequest, client_id=IDS)),
        st.builds(ask, st.builds(ChangeLeverage, symbol=st.just(SYMBOL), leverage=st.integers(0, 130))),
        st.builds(move, TICKS, st.integers(1, 500)),
    ),
    max_size=40,
)


def run(steps: list[Step], core: ExchangeCore | None = None, start_ms: int = 0) -> ExchangeCore:
    core = core or exchange(START)
    for now_ms, step in enumerate(steps, start=start_ms + 1):
        step(core, now_ms)
    return core


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_money_and_position_follow_from_the_fills(steps: list[Step]) -> None:
    ledger = run(steps).ledger(99)
    fills = ledger["fills"]
    realized = sum((Decimal(fill["realized_pnl"]) for fill in fills), Decimal(0))
    commission = sum((Decimal(fill["commission"]) for fill in fills), Decimal(0))
    assert abs(Decimal(ledger["wallet_usdt"]) - START - realized + commission) < EPSILON
    signed = sum((Decimal(fill["qty"]) * (1 if fill["side"] == "BUY" else -1) for fill in fills), Decimal(0))
    assert signed == sum((Decimal(position["position_amt"]) for position in ledger["positions"]), Decimal(0))
    assert all(
        abs(Decimal(fill["commission"]) - Decimal(fill["qty"]) * Decimal(fill["price"]) * Decimal("0.0005")) < EPSILON
        for fill in fills
    )


@settings(max_examples=120, deadline=None)
@given(STEPS)
def test_the_timeline_agrees_with_the_orders_it_tells_of(steps: list[Step]) -> None:
    ledger = run(steps).ledger(99)
    position, resting = Decimal(0), set[str]()
    stops = {str(row["algo_id"]): row for row in ledger["algo_orders"] if row["type"] == "STOP_MARKET"}
    for entry in ledger["timeline"]:
        if entry["event"] == "FILL":
            position += Decimal(entry["qty"]) * (1 if entry["side"] == "BUY" else -1)
        if entry["event"] == "ALGO" and entry.get("algo_id") in stops:
            alive = entry["status"] in ("NEW", "TRIGGERING", "TRIGGERED")
            (resting.add if alive else resting.discard)(entry["algo_id"])
        working = any(_protects(stops[algo_id], position) for algo_id in resting)
        assert Decimal(entry["position_amt"]) == position
        assert entry["stop_working"] is working


def _protects(stop: dict[str, Any], position: Decimal) -> bool:
    closing = "SELL" if position > 0 else "BUY"
    covers = stop["close_position"] or Decimal(stop["qty"]) >= abs(position)
    return bool(position) and stop["side"] == closing and covers


@settings(max_examples=60, deadline=None)
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
    for client_id in "abc":
        assert outcome(restarted, FindOrder(symbol=SYMBOL, client_id=client_id)) == outcome(
            through, FindOrder(symbol=SYMBOL, client_id=client_id)
        )
        assert outcome(restarted, FindAlgo(client_id=client_id)) == outcome(through, FindAlgo(client_id=client_id))


def outcome(core: ExchangeCore, request: CoreRequest) -> object:
    try:
        return core.execute(1_000, request)
    except RequestRefused as refused:
        return refused.code
