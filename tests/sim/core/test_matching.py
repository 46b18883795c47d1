from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from tests.kit.sim_market import book, mark, spec, trade
from vortex.domain.order import OrderSide
from vortex.sim.core.matching import CONTRACT_PRICE, MARK_PRICE, SymbolMarket, walk

LEVELS = st.lists(st.tuples(st.integers(1, 10**7), st.integers(1, 10**6)), max_size=30).map(tuple)


@given(LEVELS, st.integers(1, 10**7))
def test_walk_neither_loses_nor_makes_quantity(levels: tuple[tuple[int, int], ...], lots: int) -> None:
    taken, left = walk(levels, lots)
    offered = sum(quantity for _, quantity in levels)
    assert sum(quantity for _, quantity in taken) == min(lots, offered)
    assert sum(quantity for _, quantity in left) == offered - min(lots, offered)
    assert all(quantity > 0 for _, quantity in taken + left)


@given(LEVELS, st.integers(1, 10**6), st.integers(1, 10**6))
def test_two_orders_take_what_one_of_both_would(levels: tuple[tuple[int, int], ...], one: int, two: int) -> None:
    _, between = walk(levels, one)
    _, left = walk(between, two)
    assert left == walk(levels, one + two)[1]


def test_walk_goes_from_the_best_level_outward() -> None:
    taken, left = walk(((100, 5), (101, 5), (102, 5)), 8)
    assert taken == ((100, 5), (101, 3))
    assert left == ((101, 2), (102, 5))


def test_a_buy_takes_asks_until_the_next_book() -> None:
    market = SymbolMarket(spec())
    market.on_book(book(0, 600_000, lots=10))
    assert market.take(OrderSide.BUY, 15) == ((600_000, 10), (600_001, 5))
    assert market.take(OrderSide.BUY, 6) == ((600_001, 5), (600_002, 1))
    assert market.take(OrderSide.SELL, 1) == ((599_999, 1),)
    market.on_book(book(1, 600_000, lots=10))
    assert market.take(OrderSide.BUY, 1) == ((600_000, 1),)


def test_reference_price_falls_back_from_book_to_mark_to_last() -> None:
    market = SymbolMarket(spec())
    assert market.reference(OrderSide.BUY) is None
    market.last = trade(0, 500_000)
    assert market.reference(OrderSide.BUY) == market.price(CONTRACT_PRICE) == Decimal(50_000)
    market.mark = mark(0, 51_000)
    assert market.reference(OrderSide.BUY) == market.price(MARK_PRICE) == Decimal(51_000)
    market.on_book(book(0, 520_000))
    assert market.reference(OrderSide.BUY) == Decimal(52_000)
    assert market.reference(OrderSide.SELL) == Decimal("51999.9")
