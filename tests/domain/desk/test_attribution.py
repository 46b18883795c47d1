"""Whose an execution is when a person trades the same position."""

from __future__ import annotations

from decimal import Decimal
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.kit.builders import BUY, SELL, fill, ids
from vortex.domain.desk.attribution import Holdings, divide, share_of
from vortex.domain.desk.leg import Leg
from vortex.domain.order import Fill, OrderRole, OrderSide, Side

ENTRY = Leg(role=OrderRole.ENTRY, client_id=ids()[OrderRole.ENTRY])
STOP = Leg(role=OrderRole.STOP, client_id=ids()[OrderRole.STOP])
EXIT = Leg(role=OrderRole.EXIT, client_id=ids()[OrderRole.EXIT])
OPENED = fill(10, "0.1", client_id=ENTRY.client_id)


def divided(*fills: Fill) -> Holdings:
    return divide(fills, Side.LONG, ENTRY, (STOP, EXIT))


def by_hand(number: int, quantity: str, side: OrderSide) -> Fill:
    return fill(number, quantity, side=side, client_id="web_1", order_id=99)


def open_after(*fills: Fill) -> tuple[Decimal, Decimal]:
    """What is open of ours, and of others, behind our entry of 0.1."""
    held = divided(OPENED, *fills)
    ours = sum(each.quantity for each in held.entries) - sum(each.quantity for each in held.exits)
    return Decimal(ours), held.others


def test_what_came_before_our_entry_is_nobodys() -> None:
    assert divided(by_hand(1, "5", BUY), by_hand(2, "5", SELL), OPENED) == Holdings(entries=(OPENED,))
    assert divided(by_hand(1, "5", SELL)) == Holdings()


@pytest.mark.parametrize(
    ("fills", "ours", "others"),
    [
        ((by_hand(11, "0.3", BUY),), "0.1", "0.3"),
        ((by_hand(11, "0.3", BUY), by_hand(12, "0.2", SELL)), "0.1", "0.1"),
        ((by_hand(11, "0.3", BUY), by_hand(12, "0.35", SELL)), "0.05", "0"),
        ((by_hand(11, "0.04", SELL),), "0.06", "0"),
        ((by_hand(11, "0.1", SELL),), "0", "0"),
        ((by_hand(11, "0.25", SELL),), "0", "-0.15"),
        ((by_hand(11, "0.25", SELL), by_hand(12, "0.25", BUY)), "0", "0.10"),
    ],
    ids=("increase", "reduces his own", "and some of ours", "reduce", "close", "flip", "flip back"),
)
def test_a_persons_hands(fills: tuple[Fill, ...], ours: str, others: str) -> None:
    assert open_after(*fills) == (Decimal(ours), Decimal(others))


def test_our_exit_takes_ours_whatever_a_person_added() -> None:
    exited = fill(12, "0.1", side=SELL, client_id=EXIT.client_id, order_id=5)
    assert open_after(by_hand(11, "0.3", BUY), exited) == (Decimal(0), Decimal("0.3"))


def test_our_stop_closes_everything_and_only_our_share_is_accounted() -> None:
    stopped = fill(12, "0.4", side=SELL, client_id=STOP.client_id, order_id=5, fee="8")
    held = divided(OPENED, by_hand(11, "0.3", BUY), stopped)
    assert held.exits == (share_of(stopped, Decimal("0.1")),)
    assert (held.exits[0].commission, held.others) == (Decimal(2), Decimal(0))


@pytest.mark.parametrize("name", ["autoclose-17", "adl_autoclose"])
def test_what_the_exchange_closes_is_ours_first(name: str) -> None:
    taken = fill(12, "0.1", side=SELL, client_id=name, order_id=5)
    assert open_after(by_hand(11, "0.3", BUY), taken) == (Decimal(0), Decimal("0.3"))


FILLS = st.lists(
    st.tuples(
        st.sampled_from((BUY, SELL)), st.integers(1, 50), st.sampled_from(("web_1", EXIT.client_id, "autoclose-1"))
    ),
    max_size=8,
)


@given(moves=FILLS, order=st.randoms(use_true_random=False))
def test_nothing_is_lost_and_nothing_counted_twice(moves: list[tuple[OrderSide, int, str]], order: Random) -> None:
    fills = [
        fill(11 + number, str(Decimal(lots) / 100), side=side, client_id=name, order_id=50 + number)
        for number, (side, lots, name) in enumerate(moves)
    ]
    net = Decimal("0.1") + sum((each.quantity if each.side is BUY else -each.quantity for each in fills), Decimal(0))
    shuffled = [OPENED, *fills]
    order.shuffle(shuffled)
    held = divided(*shuffled)
    ours = Decimal("0.1") - sum((each.quantity for each in held.exits), Decimal(0))
    assert 0 <= ours <= Decimal("0.1")
    assert ours + held.others == net


def test_what_our_entry_executes_against_a_persons_opposite_position_is_closed_by_it() -> None:
    later = fill(12, "0.1", client_id=ENTRY.client_id)
    held = divided(OPENED, by_hand(11, "0.25", SELL), later)
    assert [(each.quantity, each.client_id) for each in held.exits] == [
        (Decimal("0.1"), "web_1"), (Decimal("0.1"), "web_1"),
    ]  # fmt: skip
    assert (held.exits[1].commission, held.exits[1].price) == (Decimal(0), later.price)
    assert held.others == Decimal("-0.05")
