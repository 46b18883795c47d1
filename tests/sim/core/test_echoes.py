"""A market in a burst: rates multiply, ids and times go on, and what is last said is the source's."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from itertools import pairwise

import pytest

from tests.kit.sim_market import HandMadeMarket, book, trade
from tests.sim.core.kit import SYMBOL
from tests.sim.core.test_bending import START_MS, Run
from vortex.sim.core.bending import Bend
from vortex.sim.core.commands import Burst, Freeze
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.market import BookEvent, MarketEvent, TradeEvent
from vortex.sim.core.world import Latency, World


def burst(run: Run, factor: int, for_ms: int) -> None:
    run.do(Burst, factor=factor, for_ms=for_ms)


@pytest.mark.parametrize("factor", [2, 10, 100])
def test_there_are_so_many_times_the_books_and_trades(factor: int) -> None:
    run, usual = Run(), Run()
    burst(run, factor, 10_000)
    usual.seen.clear()
    for each in (run, usual):
        each.to(2_499)  # before the next book and trade of the source
    for kind in (BookEvent, TradeEvent):
        assert len(run.of(kind)) == factor * len(usual.of(kind)) > 0
    assert Counter(map(type, run.seen))[BookEvent] == factor * 19


def test_ids_go_on_by_one_also_afterwards_and_times_never_go_back() -> None:
    run = Run()
    last = run.of(TradeEvent)[-1].trade_id
    burst(run, 10, 1_000)
    run.to(5_000)
    ids = [event.trade_id for event in run.of(TradeEvent)]
    assert ids == list(range(last + 1, last + 1 + len(ids)))
    run.world.straighten(START_MS + run.offset_ms)
    run.to(7_000)
    assert [event.trade_id for event in run.of(TradeEvent)] == list(range(last + 1, ids[-1] + 9))
    assert run.at() == sorted(run.at())


def test_no_two_neighbouring_books_are_the_same_and_prices_stay() -> None:
    run = Run()
    burst(run, 10, 1_000)
    run.to(1_499)
    books = run.of(BookEvent)
    assert all((one.bids, one.asks) != (other.bids, other.asks) for one, other in pairwise(books))
    assert {(each.bids[0][0], each.asks[0][0]) for each in books} == {(599_999, 600_000)}


def test_it_ends_in_time_and_the_book_is_the_sources_again() -> None:
    run = Run()
    before = run.of(BookEvent)[-1]
    burst(run, 10, 1_000)
    run.to(1_600)
    last = run.of(BookEvent)[-1]
    assert (last.bids, last.asks) == (before.bids, before.asks)
    run.seen.clear()
    run.to(3_600)
    assert len(run.of(BookEvent)) == 20


def test_a_frozen_market_says_nothing_of_it_and_a_reset_ends_it() -> None:
    run = Run()
    burst(run, 10, 60_000)
    run.to(1_050)
    run.do(Freeze, for_ms=1_000)
    run.to(1_900)
    assert run.seen == []
    run.world.straighten(START_MS + run.offset_ms)
    run.to(2_099)  # a freeze that is over in any case is over once more
    run.seen.clear()
    run.to(4_099)
    assert len(run.of(BookEvent)) == 20


def test_a_market_that_happens_now_bursts_too() -> None:
    market = HandMadeMarket(end_ms=0)
    market.live = True
    core = ExchangeCore(market.specs, balance_usdt=Decimal(1))
    world = World(core, [market], latency=Latency(), seed=1, start_ms=START_MS)
    world.advance(START_MS)
    world.command(START_MS, Burst(symbol=SYMBOL, factor=5, for_ms=1_000))
    seen: list[MarketEvent] = []
    world.market_sink = seen.append
    world.push(book(START_MS + 100, 600_000))
    world.push(trade(START_MS + 150, 600_000, trade_id=7))
    world.push(trade(START_MS + 300, 600_000, trade_id=8))
    assert [event.trade_id for event in seen if isinstance(event, TradeEvent)] == [7, 8, 9, 10, 11, 12]
    assert sum(isinstance(event, BookEvent) for event in seen) == 5
    assert [event.ts_ms for event in seen] == sorted(event.ts_ms for event in seen)


def test_before_the_first_book_there_is_nothing_to_multiply() -> None:
    run = Run()
    with pytest.raises(ValueError, match="no book"):
        Bend(run.core.specs[SYMBOL]).obey(0, Burst(symbol=SYMBOL, factor=2, for_ms=1))
