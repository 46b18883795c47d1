from __future__ import annotations

from decimal import Decimal
from statistics import median

import pytest

from tests.kit.sim_market import HandMadeMarket, book, mark
from tests.sim.core.kit import BUY, SELL, STOP, SYMBOL, algo, limit_order, market_order
from vortex.domain.order import Side
from vortex.sim.core.commands import Freeze, PersonOpens
from vortex.sim.core.events import AlgoPushed, OrderPushed, UserEvent
from vortex.sim.core.exchange import Answer, ExchangeCore
from vortex.sim.core.market import BookEvent, MarketEvent
from vortex.sim.core.types import CoreRequest, FindOrder, ListPositions, RequestRefused, SetCountdown, SimOrder
from vortex.sim.core.world import NEVER_MS, Latency, World

START_MS = 1_700_000_000_000
NO_LATENCY = Latency(market_ms=0, order_ms=0)
FIXED = Latency(market_ms=20, order_ms=60, sigma=0)


class Client:
    """Steps a world from event to event, like a virtual run, and notes what arrives and when."""

    def __init__(self, latency: Latency, *, market: HandMadeMarket | None = None, seed: int = 1) -> None:
        self.market = market or HandMadeMarket()
        self.core = ExchangeCore(self.market.specs, balance_usdt=Decimal(10_000))
        self.world = World(self.core, [self.market], latency=latency, seed=seed, start_ms=START_MS)
        self.now_ms = START_MS
        self.ticks: list[tuple[int, MarketEvent]] = []
        self.pushed: list[tuple[int, UserEvent]] = []
        self.replies: list[tuple[int, Answer | RequestRefused]] = []
        self.world.market_sink = lambda event: self.ticks.append((self.now_ms, event))
        self.world.user_sink = lambda event: self.pushed.append((self.now_ms, event))

    def run_to(self, offset_ms: int) -> None:
        while (due_ms := self.world.next_ms()) <= START_MS + offset_ms:
            self.now_ms = max(self.now_ms, due_ms)
            self.world.advance(self.now_ms)
        self.now_ms = START_MS + offset_ms

    def buy(self, client_id: str = "o") -> None:
        self.ask(market_order(BUY, "0.01", client_id=client_id))

    def ask(self, request: CoreRequest) -> None:
        self.world.request(self.now_ms, request, lambda answer: self.replies.append((self.now_ms, answer)))


def test_market_data_arrives_late_and_in_order() -> None:
    client = Client(FIXED)
    client.run_to(1_000)
    assert {at_ms - event.ts_ms for at_ms, event in client.ticks} == {20}
    stamps = [event.ts_ms for _, event in client.ticks]
    assert stamps == sorted(stamps)
    assert stamps[0] == START_MS
    assert len([event for _, event in client.ticks if isinstance(event, BookEvent)]) == 10


def test_a_request_is_executed_half_way_and_answered_after_the_rest() -> None:
    client = Client(FIXED)
    client.run_to(5)
    client.buy()
    client.run_to(500)
    ((at_ms, order),) = client.replies
    assert isinstance(order, SimOrder)
    assert (order.received_ms, at_ms) == (START_MS + 35, START_MS + 65)
    assert {at_ms for at_ms, _ in client.pushed} == {START_MS + 65}


def test_a_fill_is_on_the_book_after_the_delay() -> None:
    client = Client(FIXED, market=HandMadeMarket(ask_ticks=lambda played_ms: 600_000 if played_ms < 100 else 610_000))
    client.run_to(70)
    client.buy()  # reaches the exchange at 100, in the millisecond in which the market moves: the market is first
    client.run_to(300)
    ((_, order),) = client.replies
    assert isinstance(order, SimOrder)
    assert order.quote / order.executed == Decimal(61_000)


def test_without_latency_everything_happens_at_once() -> None:
    client = Client(NO_LATENCY)
    client.run_to(5)
    client.buy()
    client.run_to(5)
    assert [at_ms for at_ms, _ in client.replies] == [START_MS + 5]
    assert {at_ms for at_ms, _ in client.pushed} == {START_MS + 5}


def test_a_refusal_is_an_answer() -> None:
    client = Client(NO_LATENCY)
    client.world.request(
        START_MS, FindOrder(symbol=SYMBOL, client_id="?"), lambda answer: client.replies.append((0, answer))
    )
    client.run_to(0)
    ((_, answer),) = client.replies
    assert isinstance(answer, RequestRefused)
    assert answer.code == -2013


def test_nothing_overtakes_within_its_channel() -> None:
    wild = Latency(market_ms=20, order_ms=60, sigma=1.5)
    client = Client(wild)
    for step in range(200):
        client.run_to(step * 7)
        client.buy(f"o{step}")
    client.run_to(60_000)
    orders = [answer for _, answer in client.replies if isinstance(answer, SimOrder)]
    assert [order.client_id for order in orders] == [f"o{step}" for step in range(200)]
    received = [order.received_ms for order in orders]
    assert received == sorted(received)
    fills = [event.fill.fill_id for _, event in client.pushed if isinstance(event, OrderPushed) and event.fill]
    assert fills == sorted(fills)
    stamps = [event.ts_ms for _, event in client.ticks]
    assert stamps == sorted(stamps)
    assert len({at_ms - event.ts_ms for at_ms, event in client.ticks}) > 20


def test_latency_has_the_median_it_says() -> None:
    client = Client(Latency(market_ms=20, order_ms=60, sigma=0.25))
    for step in range(300):
        client.run_to(step * 1_000)
        client.buy(f"o{step}")
    client.run_to(301_000)
    round_trips = [at_ms - START_MS - step * 1_000 for step, (at_ms, _) in enumerate(client.replies)]
    assert 55 <= median(round_trips) <= 66
    assert 18 <= median(at_ms - event.ts_ms for at_ms, event in client.ticks) <= 22


def test_a_triggered_stop_reaches_the_client_without_a_request() -> None:
    client = Client(FIXED, market=HandMadeMarket(ask_ticks=lambda played_ms: 600_000 if played_ms < 2_000 else 589_000))
    client.buy()
    client.run_to(200)
    client.ask(algo(SELL, STOP, "59000"))
    client.run_to(1_999)
    client.pushed.clear()
    client.run_to(3_000)
    assert {at_ms for at_ms, _ in client.pushed} == {START_MS + 2_030}
    assert client.core.ledger(client.now_ms)["positions"] == []


def _run(seed: int) -> tuple[object, list[tuple[int, MarketEvent]], list[tuple[int, UserEvent]]]:
    client = Client(Latency(), seed=seed, market=HandMadeMarket(ask_ticks=lambda played_ms: 600_000 + played_ms))
    for step in range(20):
        client.run_to(step * 130)
        client.buy(f"o{step}")
    client.run_to(5_000)
    return client.core.ledger(client.now_ms), client.ticks, client.pushed


def test_the_same_seed_gives_the_same_run_and_another_one_does_not() -> None:
    assert _run(1) == _run(1)
    assert _run(1)[0] != _run(2)[0]


def test_how_far_the_world_is_advanced_at_once_does_not_matter() -> None:
    stepped, jumped = Client(FIXED), Client(FIXED)
    for client in (stepped, jumped):
        client.buy()
    stepped.run_to(3_000)
    jumped.world.advance(START_MS + 3_000)
    assert stepped.core.ledger(0) == jumped.core.ledger(0)
    assert [event for _, event in stepped.ticks] == [event for _, event in jumped.ticks]


def test_a_pushed_event_happens_at_once_and_after_what_was_due_before_it() -> None:
    client = Client(FIXED, market=HandMadeMarket(end_ms=0))
    client.run_to(40)
    client.buy()
    client.ask(algo(SELL, STOP, "59000"))
    client.now_ms = START_MS + 75
    client.ticks.clear()
    client.world.push(book(START_MS + 75, 610_000))  # the order was due at 70: it fills on the book before this one
    ((at_ms, seen),) = client.ticks
    assert (at_ms, seen.ts_ms) == (START_MS + 75, START_MS + 75)
    client.run_to(90)
    client.world.push(mark(START_MS + 90, 58_000))
    client.run_to(300)
    (filled,) = [each for _, each in client.replies if isinstance(each, SimOrder)]
    assert filled.quote / filled.executed == 60_000
    triggered = [at_ms for at_ms, event in client.pushed if isinstance(event, AlgoPushed)][-1]
    assert triggered == START_MS + 90 + 30  # user events take their usual way


def test_a_silent_market_leaves_nothing_to_do() -> None:
    client = Client(NO_LATENCY, market=HandMadeMarket(end_ms=1_000))
    client.run_to(2_000)
    assert client.world.next_ms() == NEVER_MS
    client.buy()
    assert client.world.next_ms() == client.now_ms


def test_two_sources_are_merged_in_order_of_time() -> None:
    one, two = HandMadeMarket(("BTCUSDT",)), HandMadeMarket(("ETHUSDT",))
    core = ExchangeCore(one.specs + two.specs, balance_usdt=Decimal(10_000))
    world = World(core, [one, two], latency=NO_LATENCY, seed=1, start_ms=START_MS)
    seen: list[MarketEvent] = []
    world.market_sink = seen.append
    world.advance(START_MS + 1_000)
    assert [event.ts_ms for event in seen] == sorted(event.ts_ms for event in seen)
    assert {event.symbol for event in seen} == {"BTCUSDT", "ETHUSDT"}


def test_a_late_answer_does_not_know_what_was_accepted_less_than_its_lag_ago() -> None:
    client = Client(NO_LATENCY)
    client.run_to(100)
    client.buy("old")
    client.run_to(1_000)
    client.buy("new")
    client.run_to(1_100)
    client.replies.clear()
    for client_id in ("old", "new"):
        request = FindOrder(symbol=SYMBOL, client_id=client_id)
        for lag_ms in (0, 100, 101):
            client.world.request(client.now_ms, request, lambda a: client.replies.append((0, a)), lag_ms=lag_ms)
    for lag_ms in (0, 101, 5_000):
        client.world.request(client.now_ms, ListPositions(), lambda a: client.replies.append((0, a)), lag_ms=lag_ms)
    client.run_to(1_100)
    told = [answer.code if isinstance(answer, RequestRefused) else type(answer) for _, answer in client.replies]
    assert told[:6] == [SimOrder, SimOrder, SimOrder, SimOrder, SimOrder, -2013]
    held = [[row.amount for row in answer] for _, answer in client.replies[6:] if isinstance(answer, list)]  # type: ignore[union-attr]  # a list of positions
    assert held == [[Decimal("0.02")], [Decimal("0.01")], []]


def test_a_change_ignores_the_lag() -> None:
    client = Client(NO_LATENCY)
    client.run_to(100)
    client.world.request(
        client.now_ms,
        market_order(BUY, "0.01"),
        lambda answer: client.replies.append((0, answer)),
        lag_ms=60_000,
    )
    client.run_to(100)
    assert client.core.ledger(0)["positions"] != []


def test_what_a_person_does_reaches_the_client_after_the_way_back() -> None:
    client = Client(FIXED)
    client.run_to(100)
    client.world.command(client.now_ms, PersonOpens(symbol=SYMBOL, side=Side.LONG, quantity=Decimal("0.01")))
    client.run_to(500)
    assert {at_ms for at_ms, _ in client.pushed} == {START_MS + 130}


def test_what_a_refused_command_did_on_the_way_is_pushed_too() -> None:
    client = Client(NO_LATENCY)
    client.run_to(100)
    with pytest.raises(ValueError, match="-4003"):
        client.world.command(client.now_ms, PersonOpens(symbol=SYMBOL, side=Side.LONG, quantity=Decimal(0)))
    assert client.core.drain() == []
    assert [row["event"] for row in client.core.ledger(0)["timeline"]] == ["USER", "ORDER"]


def test_the_countdown_runs_on_while_the_market_is_frozen() -> None:
    client = Client(NO_LATENCY)
    client.run_to(100)
    client.ask(limit_order(BUY, "0.01", "59000"))
    client.ask(SetCountdown(symbol=SYMBOL, after_ms=500))
    client.run_to(110)
    client.world.command(client.now_ms, Freeze(symbol=SYMBOL, for_ms=60_000))
    client.run_to(700)
    assert client.core.ledger(0)["orders"][0]["status"] == "CANCELED"
