"""The real adapters and the real simulator over real sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from itertools import count
from typing import Any, TypeVar

import pytest

from tests.adapters.binance.probes import Probe, Sink
from tests.adapters.binance.servers import Simulator
from tests.kit.processes import post
from vortex.adapters.binance.budget import Budget
from vortex.adapters.binance.client import Credentials
from vortex.adapters.binance.feed import BinanceFeed
from vortex.adapters.binance.hosts import Hosts, simulator
from vortex.adapters.binance.inspection import Inspection, Unread
from vortex.adapters.binance.loop import NetworkLoop
from vortex.adapters.binance.public import PublicData
from vortex.adapters.binance.rest import BinanceExchange
from vortex.adapters.clock import SimulatorClock
from vortex.domain.indicators.flow import BookFlow
from vortex.domain.market import Book, Candle, CandleHistory, MarkPrice, Sentiment, Trades
from vortex.domain.order import (
    AccountState,
    AccountUpdate,
    AlgoReport,
    AlgoStatus,
    CancelOrder,
    Done,
    ExchangeRequest,
    FundingState,
    OrderKind,
    OrderReport,
    OrderSide,
    OrderStatus,
    Outcome,
    PlaceOrder,
    PositionsState,
    PrepareSymbol,
    QueryAccount,
    QueryFunding,
    QueryOrder,
    QueryPositions,
    QuerySymbol,
    Refused,
    SetLeverage,
    SymbolSetup,
    SymbolState,
)
from vortex.messages import ExchangeReplied, UserStreamChanged
from vortex.ports import Clock

T = TypeVar("T")
PAPER = Credentials(key="paper", secret="paper")
PATIENT_MS = 30_000
APART_MS = 10_000
"""Two clocks that agree are no further apart, however slowly one of them was read."""
MINUTE_MS = 60_000
numbers = count(1)


@pytest.fixture(scope="module")
def venue() -> Iterator[Simulator]:
    made = Simulator()
    yield made
    unknown = made.unknown_paths()
    made.close()
    assert unknown == {}


@pytest.fixture
def clock(venue: Simulator) -> SimulatorClock:
    return SimulatorClock.read(venue.url)


@pytest.fixture
def hosts(venue: Simulator) -> Hosts:
    return simulator(venue.url)


class Account:
    """Asks the exchange port and waits for its answers."""

    def __init__(self, loop: NetworkLoop, hosts: Hosts, clock: Clock) -> None:
        self.port = BinanceExchange(loop, hosts, PAPER, clock)
        self.probe = Probe()
        self.clock = clock
        self.port.start(self.probe)
        self.probe.expect(UserStreamChanged, lambda change: change.up)

    def ask(self, request: ExchangeRequest) -> Outcome:
        seen = len(self.probe.told)
        self.port.send(request, PATIENT_MS)
        return self.probe.expect(ExchangeReplied, lambda reply: reply.request is request, after=seen).outcome

    def done(self, request: ExchangeRequest, kind: type[T]) -> T:
        outcome = self.ask(request)
        assert isinstance(outcome, Done), outcome
        assert isinstance(outcome.value, kind)
        return outcome.value

    def market(self, side: OrderSide, quantity: str, *, reduce_only: bool = False) -> OrderReport:
        order = PlaceOrder(
            symbol="BTCUSDT", client_id=f"v7-test-BTCUSDT-0-{next(numbers)}E", side=side, kind=OrderKind.MARKET,
            quantity=Decimal(quantity), reduce_only=reduce_only,
        )  # fmt: skip
        return self.done(order, OrderReport)

    def stop_at(self, trigger: Decimal) -> AlgoReport:
        order = PlaceOrder(
            symbol="BTCUSDT", client_id=f"v7-test-BTCUSDT-0-{next(numbers)}S", side=OrderSide.SELL,
            kind=OrderKind.STOP_MARKET, trigger_price=trigger, close_position=True,
        )  # fmt: skip
        return self.done(order, AlgoReport)

    def above(self, distance: Decimal) -> Outcome:
        """Take profit so much above the mark price."""
        trigger = (self.state().position.mark_price + distance).quantize(Decimal("0.1"))
        order = PlaceOrder(
            symbol="BTCUSDT", client_id=f"v7-test-BTCUSDT-0-{next(numbers)}T", side=OrderSide.SELL,
            kind=OrderKind.TAKE_PROFIT_MARKET, trigger_price=trigger, close_position=True,
        )  # fmt: skip
        return self.ask(order)

    def state(self, since_ms: int | None = None) -> SymbolState:
        """By default with the fills of the last hour."""
        since_ms = self.clock.now_ms() - 3_600_000 if since_ms is None else since_ms
        return self.done(QuerySymbol(symbol="BTCUSDT", fills_since_ms=since_ms), SymbolState)


@pytest.fixture
def account(loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock) -> Iterator[Account]:
    made = Account(loop, hosts, clock)
    yield made
    if made.state().position.amount:
        made.market(OrderSide.SELL, "0.010", reduce_only=True)
    made.port.stop()


@pytest.fixture
def feed(loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock) -> Iterator[Callable[[Sink], BinanceFeed]]:
    made: list[BinanceFeed] = []

    def start(sink: Sink) -> BinanceFeed:
        adapter = BinanceFeed(
            loop=loop,
            hosts=hosts,
            clock=clock,
            public=PublicData(hosts, clock),
            flow_factory=BookFlow,
            generated_before_ms={"BTCUSDT": clock.now_ms() - 3_600_000},
            sentiment_generated=True,
        )
        made.append(adapter)
        adapter.start(sink)
        return adapter

    yield start
    for adapter in made:
        adapter.stop()


def test_start_up_checks(loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock) -> None:
    port = BinanceExchange(loop, hosts, PAPER, clock)
    try:
        assert port.list_symbols() == {"BTCUSDT", "ETHUSDT", "SOLUSDT"}
        assert abs(port._ask(port._client.read_clock()).offset_ms) < APART_MS
    finally:
        port.stop()


def of(symbol: str) -> Callable[[Any], bool]:
    return lambda value: bool(value.symbol == symbol)


def test_the_feed_delivers_everything(
    feed: Callable[[Sink], BinanceFeed], venue: Simulator, clock: SimulatorClock
) -> None:
    sink = Sink()
    adapter = feed(sink)
    for symbol in ("BTCUSDT", "ETHUSDT"):
        adapter.subscribe(symbol)
        adapter.request_history(symbol, "1m")
        adapter.request_history(symbol, "15m")
    adapter.subscribe("SOLUSDT")
    for symbol in ("BTCUSDT", "ETHUSDT", "SOLUSDT"):
        for kind in (Book, Trades, Candle, MarkPrice):
            sink.expect(kind, of(symbol))
        sink.expect(Sentiment, lambda value: len(value.global_hourly) > 100)
    sink.expect(Book, lambda book: book.symbol == "BTCUSDT" and book.epoch >= 3)
    books = [book for book in sink.all(Book) if book.symbol == "BTCUSDT"]
    assert [book.epoch for book in books] == list(range(1, len(books) + 1))
    assert [book.steps[0].resync for book in books[:2]] == [True, False]
    assert abs(books[-1].recv_ms - books[-1].ts_ms) < APART_MS
    history = sink.expect(CandleHistory, lambda value: (value.symbol, value.interval) == ("BTCUSDT", "1m"))
    assert len(history.candles) == 100
    assert all(candle.closed for candle in history.candles[:-1])
    assert {candle.generated for candle in history.candles} == {True, False}
    assert adapter.notices.counts == {}
    assert venue.unknown_paths() == {}
    assert sink.alive["BTCUSDT", "sentiment"] <= clock.now_ms()


def test_setup_and_money(account: Account) -> None:
    setup = account.done(PrepareSymbol(symbol="BTCUSDT"), SymbolSetup)
    assert setup.rules.symbol == "BTCUSDT"
    assert setup.taker_fee == Decimal("0.0005")
    assert setup.tiers[0].max_leverage >= setup.tiers[-1].max_leverage
    assert account.done(PrepareSymbol(symbol="BTCUSDT"), SymbolSetup) == setup  # already isolated: the same answer
    assert account.done(SetLeverage(symbol="BTCUSDT", leverage=7), int) == 7
    assert account.done(QueryAccount(), AccountState).wallet_usdt > 9_000
    assert account.state().position.leverage == 7
    assert account.port.usage().weight_1m > 0


def test_funding_and_open_positions_are_told(account: Account, venue: Simulator) -> None:
    assert account.done(QueryPositions(), PositionsState).positions == ()
    entry = account.market(OrderSide.BUY, "0.010")
    (position,) = account.done(QueryPositions(), PositionsState).positions
    assert (position.symbol, position.amount) == ("BTCUSDT", Decimal("0.010"))
    post(f"{venue.url}/sim/v1/market", {"symbol": "BTCUSDT", "do": "funding", "rate": "0.0001"})
    update = account.probe.expect(AccountUpdate, lambda update: update.reason == "FUNDING_FEE")
    assert [each.symbol for each in update.positions] == ["BTCUSDT"]
    span = {"since_ms": entry.ts_ms, "until_ms": account.clock.now_ms()}
    paid = account.done(QueryFunding(symbol="BTCUSDT", **span), FundingState)
    assert paid.payments == 1
    assert paid.amount_usdt == pytest.approx(-position.amount * position.mark_price / 10_000, rel=Decimal("0.01"))
    assert account.done(QueryFunding(symbol="ETHUSDT", **span), FundingState).payments == 0


def test_an_order_s_fill_is_the_same_by_reply_by_stream_and_by_query(account: Account) -> None:
    since_ms = account.clock.now_ms() - 1_000
    reply = account.market(OrderSide.BUY, "0.010")
    assert (reply.status, reply.executed_quantity) == (OrderStatus.FILLED, Decimal("0.010"))
    pushed = account.probe.expect(OrderReport, lambda report: report.fill is not None)
    assert pushed.fill is not None
    assert (pushed.client_id, pushed.order_id) == (reply.client_id, reply.order_id)
    assert pushed.fill.price == reply.average_price
    assert pushed.fill.commission_asset == "USDT"
    state = account.state(since_ms)
    assert pushed.fill in state.fills
    assert (state.position.amount, state.position.entry_price) == (Decimal("0.010"), reply.average_price)
    update = account.probe.expect(AccountUpdate, lambda update: update.reason == "ORDER")
    assert update.positions[0].amount == Decimal("0.010")
    asked = account.done(QueryOrder(symbol="BTCUSDT", client_id=reply.client_id, conditional=False), OrderReport)
    assert asked == reply


def test_another_process_s_fills_are_named_by_their_order(
    account: Account, loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock
) -> None:
    since_ms = clock.now_ms() - 1_000
    reply = account.market(OrderSide.BUY, "0.010")
    other = Account(loop, hosts, clock)  # has seen nothing of it: as after a crash
    fills = other.state(since_ms).fills
    other.port.stop()
    assert [fill.client_id for fill in fills if fill.order_id == reply.order_id] == [reply.client_id]


def test_a_stop_rests_and_is_cancelled(account: Account) -> None:
    entry = account.market(OrderSide.BUY, "0.010")
    stop = account.stop_at((entry.average_price * Decimal("0.98")).quantize(Decimal("0.1")))
    assert (stop.status, stop.close_position, stop.kind) == (AlgoStatus.NEW, True, OrderKind.STOP_MARKET)
    assert account.state().algos == (stop,)
    account.probe.expect(AlgoReport, lambda algo: (algo.client_id, algo.status) == (stop.client_id, AlgoStatus.NEW))
    cancel = CancelOrder(symbol="BTCUSDT", client_id=stop.client_id, conditional=True)
    assert account.ask(cancel) == Done(value=None)
    account.probe.expect(AlgoReport, lambda algo: algo.status is AlgoStatus.CANCELED)
    assert account.state().algos == ()
    again = account.ask(cancel)
    assert isinstance(again, Refused)
    assert again.code == -2011


def test_a_conditional_order_triggers_and_its_child_fills(account: Account, venue: Simulator) -> None:
    account.market(OrderSide.BUY, "0.010")
    target = account.above(Decimal(100))  # further than the market goes by itself meanwhile
    assert isinstance(target, Done), target
    assert isinstance(target.value, AlgoReport)
    beyond = str(target.value.trigger_price + 100)
    post(f"{venue.url}/sim/v1/market", {"symbol": "BTCUSDT", "do": "price", "to": beyond})
    finished = account.probe.expect(AlgoReport, lambda algo: algo.status is AlgoStatus.FINISHED)
    assert finished.child_order_id is not None
    child = account.probe.expect(
        OrderReport, lambda report: report.order_id == finished.child_order_id and bool(report.fill)
    )
    assert (child.side, child.executed_quantity) == (OrderSide.SELL, Decimal("0.010"))
    state = account.state()
    assert state.position.amount == 0
    assert state.algos == ()


@pytest.mark.parametrize("conditional", [False, True])
def test_an_order_that_does_not_exist_is_refused_with_its_code(account: Account, *, conditional: bool) -> None:
    outcome = account.ask(QueryOrder(symbol="BTCUSDT", client_id="v7-never", conditional=conditional))
    assert isinstance(outcome, Refused)
    assert outcome.code == -2013


def test_wrong_keys_are_refused_by_code(loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock) -> None:
    for credentials, code in (
        (Credentials(key="stranger", secret="paper"), -2014),
        (Credentials(key="paper", secret="canary"), -1022),
    ):
        port = BinanceExchange(loop, hosts, credentials, clock)
        probe = Probe()
        port.start(probe)
        port.send(QueryAccount(), PATIENT_MS)
        outcome = probe.expect(ExchangeReplied).outcome
        port.stop()
        assert isinstance(outcome, Refused)
        assert outcome.code == code
        assert "canary" not in outcome.text


def test_everything_comes_back_after_the_exchange_restarts(
    account: Account, feed: Callable[[Sink], BinanceFeed], venue: Simulator
) -> None:
    sink = Sink()
    feed(sink).subscribe("BTCUSDT")
    last = sink.expect(Book, lambda book: book.epoch >= 3)
    told, delivered = len(account.probe.told), len(sink.told)
    venue.stop()
    account.probe.expect(UserStreamChanged, lambda change: not change.up, after=told)
    venue.start()
    account.probe.expect(UserStreamChanged, lambda change: change.up, after=told)
    book = sink.expect(Book, lambda book: book.steps[0].resync, after=delivered)
    assert book.epoch > last.epoch
    assert account.state().position.amount == 0


def test_a_simulated_account_is_read_whole(loop: NetworkLoop, hosts: Hosts, clock: SimulatorClock) -> None:
    budget = Budget(clock)
    made = Inspection(loop, hosts, PAPER, clock, budget)
    minute = -1
    try:
        while minute != clock.now_ms() // MINUTE_MS:  # at its end what was used is forgotten
            minute = clock.now_ms() // MINUTE_MS
            facts = made.read("BTCUSDT")
            used = budget.usage().weight_1m
    finally:
        made.close()
    assert not any(isinstance(getattr(facts, name), Unread) for name in facts.__struct_fields__)
    assert facts.permissions is None
    assert (facts.hedge_mode, facts.multi_assets, facts.fee_burn) == (False, False, False)
    assert (facts.positions, facts.orders) == ((), ())
    assert facts.taker_fee == Decimal("0.0005")
    assert abs(facts.clock.offset_ms) < APART_MS
    assert used > 100  # what was read is counted for everybody
