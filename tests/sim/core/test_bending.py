"""The market that commands bend, looked at alone and through the world."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from tests.kit.sim_market import HandMadeMarket, book, mark, spec, trade
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, algo, market_order
from vortex.sim.core.bending import Bend, BendingCommand
from vortex.sim.core.commands import CoreCommand, Cross, Empty, Freeze, MovePrice, SetFunding, Shock
from vortex.sim.core.exchange import ExchangeCore
from vortex.sim.core.market import BookEvent, CandleEvent, MarketEvent, MarkEvent, TradeEvent
from vortex.sim.core.world import Latency, World

T = TypeVar("T")
START_MS = 1_700_000_040_000  # a whole minute


class Run:
    """A world without latency, and what its readers saw when."""

    def __init__(self, ask_ticks: Callable[[int], int] = lambda _: 600_000) -> None:
        market = HandMadeMarket(ask_ticks=ask_ticks)
        self.core = ExchangeCore(market.specs, balance_usdt=Decimal(10_000))
        latency = Latency(market_ms=0, order_ms=0)
        self.world = World(self.core, [market], latency=latency, seed=1, start_ms=START_MS)
        self.seen: list[MarketEvent] = []
        self.world.market_sink = self.seen.append
        self.to(500)

    def to(self, offset_ms: int) -> None:
        self.offset_ms = offset_ms
        self.world.advance(START_MS + offset_ms)

    def do(self, kind: Callable[..., CoreCommand], **fields: Any) -> None:
        self.seen.clear()
        self.world.command(START_MS + self.offset_ms, kind(symbol=SYMBOL, **fields))
        self.to(self.offset_ms)

    def of(self, kind: type[T]) -> list[T]:
        return [event for event in self.seen if isinstance(event, kind)]

    def at(self) -> list[int]:
        return [event.ts_ms - START_MS for event in self.seen]


def middle(event: BookEvent) -> Decimal:
    return Decimal(event.bids[0][0] + event.asks[0][0]) / 20


def test_what_was_bent_can_be_straightened() -> None:
    run = Run()
    before = middle(run.of(BookEvent)[-1])
    run.do(MovePrice, to=Decimal("50000.0"))
    run.do(Freeze, for_ms=60_000)
    run.do(SetFunding, rate=Decimal("0.01"))
    run.seen.clear()
    run.world.straighten(START_MS + run.offset_ms)
    run.to(3_000)
    assert {middle(event) for event in run.of(BookEvent)} == {before}
    assert Decimal("0.01") not in {event.funding_rate for event in run.of(MarkEvent)}
    assert run.of(TradeEvent)


def test_the_price_jumps_at_once_and_stays_there() -> None:
    run = Run()
    run.do(MovePrice, to=Decimal("50000.0"))
    run.to(3_000)
    assert {middle(event) for event in run.of(BookEvent)} == {Decimal("50000.05")}
    assert {event.mark_price for event in run.of(MarkEvent)} == {Decimal("50000.1")}
    assert {event.price_ticks for event in run.of(TradeEvent)} == {500_001}
    assert run.at()[:2] == [500, 500]
    entry = run.core.ledger(0)["timeline"][-1]
    assert (entry["event"], entry["do"], entry["to"], entry["symbol"]) == ("MARKET", "price", "50000.0", SYMBOL)
    run.do(MovePrice, to=Decimal(60_000))
    run.to(4_000)
    assert middle(run.of(BookEvent)[-1]) == Decimal("60000.05")


def test_a_jump_triggers_what_rests_there() -> None:
    run = Run()
    run.core.execute(START_MS + 500, market_order(BUY, "0.01"))
    run.core.execute(START_MS + 500, algo(SELL, STOP, "59000"))
    run.do(MovePrice, to=Decimal(58_500))
    ledger = run.core.ledger(0)
    assert ledger["positions"] == []
    assert ledger["algo_orders"][0]["status"] == "FINISHED"
    assert [row["event"] for row in ledger["timeline"]].index("MARKET") == 5  # before what came of it


def test_a_shock_comes_evenly_and_stays() -> None:
    run = Run()
    run.do(Shock, bps=Decimal(-100), over_ms=1_000)
    run.to(3_000)
    shown = {event.ts_ms - START_MS: event.asks[0][0] for event in run.of(BookEvent)}
    assert [shown[at] for at in (500, 600, 1_000, 1_500, 3_000)] == [600_000, 599_400, 597_000, 594_000, 594_000]
    run.do(Shock, bps=Decimal(100), over_ms=0)
    assert run.of(BookEvent)[0].asks[0][0] == 599_940
    run.do(Shock, bps=Decimal(10), over_ms=1_000)
    run.do(Shock, bps=Decimal(0), over_ms=0)  # ends what was under way where it stands
    run.to(5_000)
    assert run.of(BookEvent)[-1].asks[0][0] == 599_940


def test_while_frozen_nobody_sees_anything_and_then_the_newest() -> None:
    run = Run(lambda played_ms: 600_000 + played_ms // 100)
    before = run.core.market(SYMBOL).asks
    run.do(Freeze, for_ms=1_000)
    run.to(1_499)
    assert run.seen == []
    assert run.core.market(SYMBOL).asks == before
    run.to(1_500)
    assert {type(event).__name__ for event in run.seen} == {"BookEvent", "TradeEvent", "MarkEvent"}
    assert run.at() == [1_500] * len(run.seen)
    assert run.of(BookEvent)[-1].asks[0][0] == 600_015
    run.seen.clear()
    run.to(1_700)
    assert run.at() == [1_600, 1_700]


def test_a_market_that_says_nothing_more_is_seen_again_after_the_freeze() -> None:
    core = ExchangeCore([spec()], balance_usdt=Decimal(1))
    market = HandMadeMarket(end_ms=1_000)
    world = World(core, [market], latency=Latency(market_ms=0, order_ms=0), seed=1, start_ms=START_MS)
    world.advance(START_MS + 600)
    world.command(START_MS + 600, Freeze(symbol=SYMBOL, for_ms=5_000))
    seen: list[MarketEvent] = []
    world.market_sink = seen.append
    world.advance(START_MS + 60_000)
    assert {event.ts_ms - START_MS for event in seen} == {5_600}


@pytest.mark.parametrize("kind", [Cross, Empty])
def test_a_broken_book_heals(kind: Callable[..., CoreCommand]) -> None:
    run = Run()
    run.do(kind, for_ms=250)
    run.to(749)
    for shown in run.of(BookEvent):
        if kind is Cross:
            assert shown.bids[0][0] == shown.asks[0][0] + 1
        else:
            assert shown.bids == shown.asks == ()
    run.seen.clear()
    run.to(750)
    assert run.of(BookEvent)[0].bids[0][0] == 599_999
    assert run.core.market(SYMBOL).asks[0][0] == 600_000


def test_funding_is_settled_now_and_its_rate_shown_until_the_next_one() -> None:
    run = Run()
    run.core.execute(START_MS + 500, market_order(BUY, "0.1"))
    run.do(SetFunding, rate=Decimal("-0.003"))
    (row,) = run.core.ledger(0)["funding"]
    assert (row["rate"], Decimal(row["amount_usdt"])) == ("-0.003", Decimal(18))
    run.to(3_000)
    assert {event.funding_rate for event in run.of(MarkEvent)} == {Decimal("-0.003")}
    bend = Bend(spec())
    bend.pass_on(mark(0, 60_000))
    bend.show_rate(1, Decimal("0.5"))
    (later,) = bend.pass_on(structs.replace(mark(2, 60_000), next_funding_ms=57_600_000))
    assert isinstance(later, MarkEvent)
    assert later.funding_rate == Decimal("0.0001")


@pytest.mark.parametrize(
    ("command", "text"),
    [
        (MovePrice(symbol=SYMBOL, to=Decimal("50000.05")), "tick size"),
        (MovePrice(symbol=SYMBOL, to=Decimal(0)), "positive"),
        (MovePrice(symbol=SYMBOL, to=Decimal("NaN")), "positive"),
        (MovePrice(symbol="NOPE", to=Decimal(1)), "not listed"),
        (Shock(symbol=SYMBOL, bps=Decimal(-10_000), over_ms=0), "positive"),
        (Shock(symbol=SYMBOL, bps=Decimal("inf"), over_ms=0), "positive"),
        (SetFunding(symbol=SYMBOL, rate=Decimal(1)), "between"),
    ],
    ids=str,
)
def test_what_cannot_be_obeyed_is_said_and_changes_nothing(command: CoreCommand, text: str) -> None:
    run = Run()
    run.seen.clear()
    before = run.core.ledger(0)
    with pytest.raises(ValueError, match=text):
        run.world.command(START_MS + 500, command)
    assert run.core.ledger(0) == before
    assert run.seen == []


def test_before_the_first_book_nothing_can_be_bent() -> None:
    with pytest.raises(ValueError, match="no book"):
        Bend(spec()).obey(0, Freeze(symbol=SYMBOL, for_ms=1))


def test_until_a_command_comes_events_pass_as_they_are() -> None:
    bend, event = Bend(spec()), book(0, 600_000)
    (seen,) = bend.pass_on(event)
    assert seen is event


PRICES = st.integers(1, 5_000)
COMMANDS: st.SearchStrategy[BendingCommand] = st.one_of(
    st.builds(MovePrice, symbol=st.just(SYMBOL), to=PRICES.map(lambda ticks: Decimal(ticks) / 10)),
    st.builds(Shock, symbol=st.just(SYMBOL), bps=st.integers(-9_900, 20_000).map(Decimal), over_ms=st.integers(0, 50)),
    st.builds(Freeze, symbol=st.just(SYMBOL), for_ms=st.integers(1, 20)),
)


@given(st.lists(st.tuples(PRICES, st.one_of(st.none(), COMMANDS)), max_size=30))
def test_books_stay_in_order_and_prices_positive(steps: list[tuple[int, BendingCommand | None]]) -> None:
    bend, seen, last_ms = Bend(spec()), list[MarketEvent](), 0
    for now_ms, (ticks, command) in enumerate(steps):
        events = (book(now_ms, ticks + 30), trade(now_ms, ticks), mark(now_ms, Decimal(ticks) / 10))
        for event in events:
            seen += bend.pass_on(event)
        if command is not None:
            try:
                seen += bend.obey(now_ms, command)[1]
            except ValueError as error:
                assert "positive" in str(error)  # noqa: PT017  # most commands are obeyed
    for shown in seen:
        assert shown.ts_ms >= last_ms
        last_ms = shown.ts_ms
        if isinstance(shown, BookEvent):
            bids, asks = [ticks for ticks, _ in shown.bids], [ticks for ticks, _ in shown.asks]
            assert bids == sorted(bids, reverse=True)
            assert asks == sorted(asks)
            assert all(ticks > 0 for ticks in bids + asks)
            assert not bids or not asks or bids[0] < asks[0]
        elif isinstance(shown, TradeEvent):
            assert shown.price_ticks > 0
        elif isinstance(shown, MarkEvent):
            assert shown.mark_price > 0


def test_candles_of_the_history_are_those_that_were_shown() -> None:
    run = Run()
    run.to(30_000)
    run.do(MovePrice, to=Decimal(50_000))
    run.to(130_000)
    shown = [event for event in run.of(CandleEvent) if event.closed]
    history = run.world.history(SYMBOL, "1m", START_MS + 130_000, 2)
    assert [candle for candle in history if candle.open_ms in {c.open_ms for c in shown}] == shown
    assert len(shown) == 2


def test_what_a_live_source_pushes_is_bent_too() -> None:
    core = ExchangeCore([spec()], balance_usdt=Decimal(1))
    market = HandMadeMarket(end_ms=0)
    world = World(core, [market], latency=Latency(market_ms=0, order_ms=0), seed=1, start_ms=START_MS)
    world.advance(START_MS)
    world.command(START_MS, MovePrice(symbol=SYMBOL, to=Decimal(50_000)))
    seen: list[MarketEvent] = []
    world.market_sink = seen.append
    world.push(book(START_MS + 10, 600_010))
    world.command(START_MS + 10, Freeze(symbol=SYMBOL, for_ms=100))
    world.push(book(START_MS + 20, 600_020))
    world.push(book(START_MS + 200, 600_030))
    shown = [(event.ts_ms - START_MS, event.asks[0][0]) for event in seen if isinstance(event, BookEvent)]
    assert shown == [(0, 500_001), (10, 500_011), (110, 500_021), (200, 500_031)]
    assert core.market(SYMBOL).asks[0][0] == 500_031
