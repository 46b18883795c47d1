"""Who may enter after any sequence of orders."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.entries import Entries, Hold
from vortex.domain.operation import Gate, OperatorAction

BTC, ETH, SOL = "BTCUSDT", "ETHUSDT", "SOLUSDT"
PAUSE, RESUME, FLATTEN, HALT, UNHALT = OperatorAction

Order = tuple[OperatorAction, str | None]


def after(*orders: Order) -> Entries:
    """What holds after these orders, the first at 1 ms."""
    entries = Entries()
    for number, (action, symbol) in enumerate(orders, start=1):
        entries = entries.operated(action, symbol, Hold(why=f"order {number}", since_ms=number))
    return entries


def gates(symbol: str, *orders: Order) -> set[Gate]:
    return set(after(*orders).holds(symbol))


def test_nothing_is_held_at_first() -> None:
    assert Entries().holds(BTC) == {}
    assert not Entries().halted(BTC)


@pytest.mark.parametrize(
    ("orders", "here", "elsewhere"),
    [
        (((PAUSE, BTC),), {Gate.PAUSED}, set()),
        (((PAUSE, BTC), (RESUME, BTC)), set(), set()),
        (((PAUSE, BTC), (RESUME, ETH)), {Gate.PAUSED}, set()),
        (((PAUSE, BTC), (UNHALT, BTC)), {Gate.PAUSED}, set()),
        (((PAUSE, None),), {Gate.PAUSED}, {Gate.PAUSED}),
        (((PAUSE, None), (RESUME, BTC)), set(), {Gate.PAUSED}),
        (((PAUSE, None), (RESUME, BTC), (PAUSE, None)), {Gate.PAUSED}, {Gate.PAUSED}),
        (((PAUSE, None), (RESUME, BTC), (PAUSE, BTC), (RESUME, None)), set(), set()),
        (((HALT, BTC),), {Gate.HALTED}, set()),
        (((HALT, BTC), (RESUME, BTC)), {Gate.HALTED}, set()),
        (((HALT, BTC), (PAUSE, BTC), (UNHALT, BTC)), {Gate.PAUSED}, set()),
        (((HALT, None),), {Gate.KILL_SWITCH}, {Gate.KILL_SWITCH}),
        (((HALT, None), (UNHALT, BTC)), {Gate.KILL_SWITCH}, {Gate.KILL_SWITCH}),
        (((HALT, None), (HALT, BTC), (UNHALT, BTC)), {Gate.KILL_SWITCH}, {Gate.KILL_SWITCH}),
        (((HALT, BTC), (HALT, None), (UNHALT, None)), set(), set()),
        (((PAUSE, None), (HALT, None), (UNHALT, None)), {Gate.PAUSED}, {Gate.PAUSED}),
        (((HALT, BTC), (UNHALT, None)), set(), set()),
        (((FLATTEN, BTC),), set(), set()),
        (((FLATTEN, None),), set(), set()),
        (((HALT, BTC), (FLATTEN, BTC)), {Gate.HALTED}, set()),
    ],
)
def test_orders_hold_what_they_name(orders: tuple[Order, ...], here: set[Gate], elsewhere: set[Gate]) -> None:
    assert (gates(BTC, *orders), gates(ETH, *orders)) == (here, elsewhere)


def test_the_first_cause_stays() -> None:
    assert after((PAUSE, BTC), (PAUSE, BTC), (PAUSE, None)).holds(BTC)[Gate.PAUSED].why == "order 1"
    assert after((HALT, BTC), (HALT, BTC)).holds(BTC)[Gate.HALTED].since_ms == 1
    assert after((HALT, None), (HALT, None)).holds(BTC)[Gate.KILL_SWITCH].since_ms == 1


@pytest.mark.parametrize("symbol", [BTC, None])
def test_a_halted_symbol_is_to_be_flat_and_a_paused_one_is_not(symbol: str | None) -> None:
    assert after((HALT, symbol)).halted(BTC)
    assert not after((PAUSE, symbol)).halted(BTC)
    assert not after((HALT, symbol), (UNHALT, symbol)).halted(BTC)


def test_only_those_are_named_that_differ_from_a_newcomer() -> None:
    assert after((HALT, BTC), (UNHALT, BTC)) == Entries()
    assert after((PAUSE, BTC), (PAUSE, None), (RESUME, None)) == Entries()
    assert set(after((PAUSE, None), (RESUME, BTC)).symbols) == {BTC}


symbols = st.sampled_from((BTC, ETH, SOL))
orders = st.lists(st.tuples(st.sampled_from(OperatorAction), st.none() | symbols), max_size=8)


@given(orders, symbols)
def test_what_was_written_down_holds_alike(given_orders: list[Order], symbol: str) -> None:
    entries = after(*given_orders)
    again = msgspec.json.decode(msgspec.json.encode(entries), type=Entries)
    assert again == entries
    assert again.holds(symbol) == entries.holds(symbol)


@given(orders, symbols, st.sampled_from(OperatorAction))
def test_an_order_about_one_symbol_changes_no_other(
    given_orders: list[Order], symbol: str, action: OperatorAction
) -> None:
    before, then = after(*given_orders), after(*given_orders, (action, symbol))
    for other in {BTC, ETH, SOL, "NEWUSDT"} - {symbol}:
        assert then.holds(other) == before.holds(other)


@given(orders)
def test_resuming_and_unhalting_all_leaves_nothing(given_orders: list[Order]) -> None:
    assert after(*given_orders, (RESUME, None), (UNHALT, None)) == Entries()


@given(orders, orders, symbols)
def test_a_halt_holds_until_it_is_lifted(first: list[Order], then: list[Order], symbol: str) -> None:
    lifted = {(UNHALT, symbol), (UNHALT, None)}
    rest = [order for order in then if order not in lifted]
    assert after(*first, (HALT, symbol), *rest).halted(symbol)
    assert after(*first, (HALT, None), *(order for order in rest if order != (UNHALT, None))).halted(symbol)
