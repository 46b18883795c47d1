from __future__ import annotations

from decimal import Decimal

from vortex.sim.core.market import BookEvent, MarkEvent
from vortex.sim.server.view import MarketView


def book(ts_ms: int, symbol: str = "BTCUSDT") -> BookEvent:
    return BookEvent(ts_ms=ts_ms, symbol=symbol, bids=((1, 1),), asks=((2, 1),))


def mark(symbol: str = "BTCUSDT") -> MarkEvent:
    one = Decimal(1)
    return MarkEvent(
        ts_ms=0, symbol=symbol, mark_price=one, index_price=one, funding_rate=one, next_funding_ms=1
    )  # fmt: skip


def test_update_ids_form_a_chain_that_follows_the_time() -> None:
    view = MarketView(["BTCUSDT"])
    seen = []
    for ts_ms in (1_000, 1_100, 1_100, 1_050, 1_200):
        view.take(book(ts_ms))
        seen.append(view.book_ids("BTCUSDT"))
    assert all(newest > previous for previous, newest in seen)
    assert [previous for previous, _ in seen[1:]] == [newest for _, newest in seen[:-1]]
    assert seen[-1][1] == 1_200


def test_complete_when_every_symbol_has_a_book_and_a_mark_price() -> None:
    view = MarketView(["BTCUSDT", "ETHUSDT"])
    for event in (book(1), book(1, "ETHUSDT"), mark()):
        view.take(event)
        assert not view.complete
    view.take(mark("ETHUSDT"))
    assert view.complete
